"""A contact's timeline, page by page, and what people did with an item."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audience import events, timeline
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact
from audience.timeline import GROUPS, PAGE_SIZE, Place
from catalog.models import Item


@pytest.fixture
def contact(scope):
    return Contact.objects.create(external_id="c")


def record(contact, kind, at, num=1, item=None):
    rows = [
        NewEvent(Source.API, f"{contact.pk}-{kind}-{at}-{n}", contact.pk, kind, at, item_id=item and item.pk)
        for n in range(num)
    ]
    events.record(rows)


def test_every_kind_belongs_to_exactly_one_group():
    assert sorted(kind for _label, kinds in GROUPS.values() for kind in kinds) == sorted(EventKind)


def test_pages_follow_each_other_without_gap_or_repeat_even_at_one_moment(contact):
    now = timezone.now()
    record(contact, EventKind.READ, now, PAGE_SIZE + 5)
    record(contact, EventKind.READ, now - timedelta(days=1), PAGE_SIZE)
    pages, after = [], None
    while not pages or after:
        page = timeline.of_contact(contact, after=after)
        pages.append([event.source_key for event in page.events])
        after = page.next and Place.parse(str(page.next))
    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 5]
    assert len({key for page in pages for key in page}) == 2 * PAGE_SIZE + 5


def test_a_group_shows_only_its_kinds_and_an_unknown_one_everything(contact):
    for kind in (EventKind.READ, EventKind.PURCHASE, EventKind.LIKE):
        record(contact, kind, timezone.now())
    assert [event.kind for event in timeline.of_contact(contact, "shopping").events] == [EventKind.PURCHASE]
    assert len(timeline.of_contact(contact, "nonsense").events) == 3


@pytest.mark.parametrize("text", ["", "x", "2026-01-01T00:00:00_00", "2026-01-01T00:00:00_" + "0" * 32, "_"])
def test_a_place_that_was_not_written_by_us_is_refused(text):
    with pytest.raises(ValueError):
        Place.parse(text)


def test_an_items_activity_counts_acts_and_people_of_the_last_days(contact):
    item = Item.objects.create(external_id="i")
    other = Contact.objects.create(external_id="o")
    now = timezone.now()
    record(contact, EventKind.READ, now, 3, item)
    record(other, EventKind.READ, now - timedelta(days=1), 1, item)
    record(other, EventKind.LIKE, now - timedelta(days=40), 1, item)
    activity = timeline.of_item(item)
    assert activity.kinds == [(EventKind.READ, 4, 2)]
    assert activity.num_people == 2
    assert len(activity.days) == len(activity.acts_per_day) == 28
    assert activity.acts_per_day[-2:] == [1, 3]
