"""A contact of whom no act on an item is known: what the profile says, how the person acts in all, and who is alike.

Stage: prediction. Reads the contact, its row of an uploaded engagement table and the acts of others (counts are kept in
the cache for an hour); writes nothing.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from django.core.cache import cache

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from audience.models import Contact, Engagement
from common.queries import fetch_prepared
from modeling.extract import INTEREST_KINDS

MIN_PEOPLE = 3
"""Fewer people than this on an item tell nothing, and might be recognised."""
FAR_ABOVE = 1.5
"""A number of the engagement table is a habit from this multiple of the brand's average on."""
HABITS: dict[str, tuple[EventKind, ...]] = {
    "transfers": (EventKind.SHARE,),
    "comments": (EventKind.COMMENT,),
    "likes": (EventKind.LIKE,),
    "time_spent": (EventKind.READ, EventKind.PLAY),
}
"""Column of the engagement table -> the acts on items that it counts."""
LONG_SECONDS = 60
"""Reading or playing for so long counts for people who spend much time."""
MAX_WORDS = 30
_KEPT_SECONDS = 3600
_BETWEEN_WORDS = re.compile(r"[,，、;；|/\s]+")
_CROWD: LiteralString = """SELECT event.item_id, count(DISTINCT event.contact_id)
    FROM audience_event AS event
    JOIN audience_contact AS contact ON contact.tenant_id = event.tenant_id AND contact.id = event.contact_id
    WHERE event.tenant_id = %s AND event.occurred_at > now() - interval '90 days' AND event.item_id IS NOT NULL
        AND event.kind = ANY(%s) AND coalesce(event.dwell_seconds, 0) >= %s
        AND contact.gender = coalesce(%s, contact.gender) AND contact.age_band = coalesce(%s, contact.age_band)
    GROUP BY event.item_id HAVING count(DISTINCT event.contact_id) >= %s ORDER BY 2 DESC, 1 LIMIT 200"""
_AVERAGES: LiteralString = """SELECT avg(transfers), avg(comments), avg(likes), avg(time_spent)
    FROM audience_engagement WHERE tenant_id = %s"""


@dataclass(frozen=True)
class Portrait:
    """What there is to go by."""

    words: tuple[str, ...]
    """Tags and own fields of the contact that may be tags, categories or authors of items."""
    habit: str
    """The column of the engagement table in which the contact is farthest above the average; empty for none."""
    gender: str
    age_band: str

    @property
    def has_peers(self) -> bool:
        """Whether the contact can be told from the crowd."""
        return bool(self.gender or self.age_band)


def read(contact_id: int) -> Portrait:
    """The portrait of a contact of the brand in scope."""
    fields = ("tags", "attributes", "region", "city", "gender", "age_band")
    row = Contact.objects.filter(pk=contact_id).values_list(*fields).first()
    tags, attributes, region, city, gender, age_band = row or ([], {}, "", "", "", "")
    own = (str(value) for value in attributes.values() if isinstance(value, str | list))
    words = dict.fromkeys([*tags, *_split(own), *filter(None, (region, city))])
    return Portrait(tuple(words)[:MAX_WORDS], _habit(contact_id), gender, age_band)


def popular_with_peers(portrait: Portrait) -> dict[int, int]:
    """Item id -> how many people of the same gender and age band acted on it in 90 days, most first."""
    kinds = [int(kind) for kind in INTEREST_KINDS]
    return _crowd(kinds, 0, portrait.gender or None, portrait.age_band or None)


def popular_with_habit(habit: str) -> dict[int, int]:
    """Item id -> how many people did with it what the contact does much, most first."""
    seconds = LONG_SECONDS if habit == "time_spent" else 0
    return _crowd([int(kind) for kind in HABITS[habit]], seconds, None, None)


def _split(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, _BETWEEN_WORDS.split(text.strip("[]").replace("'", "")))


def _habit(contact_id: int) -> str:
    row = Engagement.objects.filter(contact_id=contact_id).values_list(*HABITS).first()
    if row is None:
        return ""
    ratios = [value / average if average else 0.0 for value, average in zip(row, _averages(), strict=True)]
    most = max(ratios)
    return list(HABITS)[ratios.index(most)] if most >= FAR_ABOVE else ""


def _averages() -> list[float]:
    return [
        float(value) for value in _kept("averages", lambda: list(fetch_prepared(_AVERAGES, [current_tenant_id()])[0]))
    ]


def _crowd(kinds: list[int], seconds: int, gender: str | None, age_band: str | None) -> dict[int, int]:
    params: list[Any] = [current_tenant_id(), kinds, seconds, gender, age_band, MIN_PEOPLE]
    name = f"crowd:{'-'.join(map(str, kinds))}:{seconds}:{gender}:{age_band}"
    return {int(item_id): num for item_id, num in _kept(name, lambda: fetch_prepared(_CROWD, params))}


def _kept(name: str, count: Callable[[], Any]) -> Any:
    """The counts under this name, counted anew when nobody has asked for an hour."""
    key = f"portrait:{current_tenant_id()}:{name}"
    kept = cache.get(key)
    if kept is None:
        kept = json.dumps(count())
        cache.set(key, kept, _KEPT_SECONDS)
    return json.loads(kept)
