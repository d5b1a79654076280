"""Events written one batch at a time, as the API and the tracker do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audience import events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact, Event


@pytest.fixture
def contact(scope):
    return Contact.objects.create(external_id="c1")


def new(contact, source_id, at=None, **fields):
    return NewEvent(Source.API, source_id, contact.pk, EventKind.READ, at or timezone.now(), **fields)


def test_an_event_is_written_once_per_source_id(contact):
    assert events.record([new(contact, "a"), new(contact, "b"), new(contact, "a")]) == [True, True, False]
    assert events.record([new(contact, "a")]) == [False]
    assert Event.objects.count() == 2


def test_a_repeated_source_id_with_another_time_is_no_new_event(contact):
    now = timezone.now()
    assert events.record([new(contact, "a", now)]) == [True]
    assert events.record([new(contact, "a", now - timedelta(days=90))]) == [False]


def test_all_fields_arrive(contact):
    at = timezone.now() - timedelta(days=400)
    events.record([new(contact, "a", at, dwell_seconds=12.5, amount_fen=990, value=4.0, text="很好")])
    event = Event.objects.get()
    assert (event.occurred_at, event.dwell_seconds, event.amount_fen, event.value, event.text, event.kind) == (
        at, 12.5, 990, 4.0, "很好", EventKind.READ,
    )  # fmt: skip


def test_the_same_source_id_of_another_source_is_another_event(contact):
    other = NewEvent(Source.TRACKER, "a", contact.pk, EventKind.READ, timezone.now())
    assert events.record([new(contact, "a"), other]) == [True, True]
