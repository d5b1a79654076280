"""People with acts, to be asked about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audience import events
from audience.kinds import EventKind, Source
from audience.models import Contact
from campaigns.segments import queries
from campaigns.segments.rules import read_rule
from catalog.models import Item

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Crowd:
    """Makes contacts by name and their acts `days` before NOW, and asks who a rule means."""

    def __init__(self) -> None:
        self.people: dict[str, Contact] = {}
        self.num_acts = 0

    def person(self, name: str, **facts: Any) -> Contact:
        """A contact whose external id is its name."""
        self.people[name] = Contact.objects.create(external_id=name, name=name, **facts)
        return self.people[name]

    def act(self, name: str, kind: str, days: float, item: Item | None = None, **more: Any) -> None:
        """Something the person did `days` ago."""
        contact = self.people.get(name) or self.person(name)
        self.num_acts += 1
        at, item_id = NOW - timedelta(days=days), item and item.pk
        act = EventKind[kind.upper()]
        events.record([events.NewEvent(Source.API, str(self.num_acts), contact.pk, act, at, item_id, **more)])

    def who(self, *conditions: dict[str, Any], mode: str = "all") -> set[str]:
        """External ids of those whom the conditions mean at NOW."""
        sql = queries.matching(read_rule({mode: list(conditions)}), queries.ask_now(NOW))
        return set(queries.people(sql).values_list("external_id", flat=True))


@pytest.fixture
def crowd(scope: object) -> Crowd:
    return Crowd()


@pytest.fixture
def count() -> Callable[[Any], int]:
    return lambda raw: queries.count(queries.matching(read_rule(raw), queries.ask_now(NOW)))
