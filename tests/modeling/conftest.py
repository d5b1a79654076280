"""A brand's behaviour for the tests of the site's side of modeling: small, with or without something to learn."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from audience import events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact, Engagement, Import
from catalog.models import Item

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def hints(monkeypatch):
    """The hints sent to the queue, instead of a broker."""
    from accounts import jobs

    sent = []
    monkeypatch.setattr(
        jobs.current_app, "send_task", lambda task, args, queue, retry: sent.append((task, args, queue))
    )
    return sent


def fill(num_contacts: int, num_items: int, events_each: int, *, is_shuffled: bool = False) -> None:
    """Contacts who go through the items in a circle from a start of their own; shuffled, in any order (seed 7)."""
    generator = np.random.default_rng(7)
    contacts = Contact.objects.bulk_create(
        Contact(external_id=f"c{n:04d}", name=f"粉丝{n}") for n in range(num_contacts)
    )
    items = Item.objects.bulk_create(
        Item(external_id=f"i{n:03d}", title=f"文章{n}", category=f"栏目{n % 4}") for n in range(num_items)
    )
    rows = []
    for contact in contacts:
        first = generator.integers(num_items)
        places = (first + np.arange(events_each)) % num_items
        if is_shuffled:
            places = generator.permutation(num_items)[:events_each]
        for step, place in enumerate(places):
            at = START + timedelta(days=float(generator.integers(100)) / 100 + step)
            rows.append(
                NewEvent(Source.UPLOAD, f"{contact.pk}:{step}", contact.pk, EventKind.READ, at, items[place].pk)
            )
    events.record(rows)


@pytest.fixture
def fill_brand(scope) -> Callable[..., None]:
    """`fill` in the brand's scope."""
    return fill


def fill_engagement(num_rows: int, *, labels: tuple[bool, ...] = (True, False)) -> None:
    """Rows of the field's wide table; who converts likes, shares, comments and stays more (seed 7)."""
    generator = np.random.default_rng(7)
    batch = Import.objects.create(filename="weixin_data.csv", file="x", size_bytes=1, sha256="0" * 64)
    contacts = Contact.objects.bulk_create(Contact(external_id=f"e{n:04d}") for n in range(num_rows))
    rows = []
    for n, contact in enumerate(contacts):
        label = labels[n % len(labels)]
        likes, transfers, comments = generator.poisson((9, 5, 4) if label else (3, 1, 1)).tolist()
        time_spent = float(generator.gamma(4, 60 if label else 25))
        rows.append(
            Engagement(
                contact=contact, batch=batch, likes=likes, transfers=transfers, comments=comments,
                time_spent=time_spent, label=label,
            )
        )  # fmt: skip
    Engagement.objects.bulk_create(rows)
