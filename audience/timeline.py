"""What happened, for reading: a contact's timeline and what people did with an item. Stage: collect.

Reads audience_event. Writes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, Max, Q
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audience.kinds import EventKind
from audience.models import Contact, Event, Sentiment
from catalog.models import Item

PAGE_SIZE = 30
ACTIVITY_DAYS = 28
_K = EventKind
GROUPS: dict[str, tuple[Any, frozenset[EventKind]]] = {
    "reading": (
        pgettext_lazy("acts", "Reading"),
        frozenset({_K.VIEW, _K.READ, _K.PLAY, _K.CLICK, _K.READ_COMMENTS, _K.IMPRESSION}),
    ),
    "interaction": (
        _("Interaction"),
        frozenset({_K.LIKE, _K.SHARE, _K.COMMENT, _K.FAVOURITE, _K.RATE, _K.CLICK_AVATAR, _K.CUSTOM}),
    ),
    "shopping": (_("Shopping"), frozenset({_K.ADD_TO_CART, _K.PURCHASE, _K.REFUND})),
    "learning": (_("Learning"), frozenset({_K.ENROL, _K.LESSON_COMPLETE, _K.COURSE_COMPLETE})),
    "messages": (_("Messages"), frozenset({_K.MESSAGE_IN, _K.MESSAGE_OUT})),
    "following": (_("Following"), frozenset({_K.FOLLOW, _K.UNFOLLOW, _K.SCAN})),
}
"""The filters of a timeline: name, its label, the kinds it shows. Every kind is in exactly one."""


@dataclass(frozen=True)
class Place:
    """A place in a timeline: the last event that was shown."""

    occurred_at: datetime
    source_key: UUID

    def __str__(self) -> str:
        return f"{self.occurred_at.isoformat()}_{self.source_key.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place written by `str`; raises ValueError for anything else."""
        at, _sep, key = text.partition("_")
        occurred_at = datetime.fromisoformat(at)
        if occurred_at.tzinfo is None:
            raise ValueError(text)
        return cls(occurred_at, UUID(key))


@dataclass(frozen=True)
class TimelinePage:
    """Some events, newest first, and the place where older ones begin (None at the end)."""

    events: list[Event]
    next: Place | None


def of_contact(contact: Contact, group: str = "", after: Place | None = None) -> TimelinePage:
    """The contact's events that come after `after` on the way back in time; an unknown group shows all kinds."""
    found = Event.objects.filter(contact=contact)
    if group in GROUPS:
        found = found.filter(kind__in=GROUPS[group][1])
    if after:
        is_older = Q(occurred_at__lt=after.occurred_at) | Q(source_key__lt=after.source_key)
        found = found.filter(is_older, occurred_at__lte=after.occurred_at)
    found = found.select_related("item").defer("item__text", "item__attributes").order_by("-occurred_at", "-source_key")
    events = list(found[: PAGE_SIZE + 1])
    _add_tones(events)
    last = events[PAGE_SIZE - 1] if len(events) > PAGE_SIZE else None
    return TimelinePage(events[:PAGE_SIZE], Place(last.occurred_at, last.source_key) if last else None)


def _add_tones(events: list[Event]) -> None:
    """Give each event that carries a judged text its `sentiment`."""
    found = Sentiment.objects.filter(source_key__in=[event.source_key for event in events if event.text])
    tones = {one.source_key: one for one in found}
    for event in events:
        event.sentiment = tones.get(event.source_key)  # type: ignore[attr-defined]  # for templates


@dataclass(frozen=True)
class Acts:
    """How often a contact has acted, and when for the last time."""

    num: int = 0
    last_at: datetime | None = None


def acts_of(contact_ids: Collection[int]) -> dict[int, Acts]:
    """What each of these contacts has done; those who never acted are left out."""
    found = Event.objects.filter(contact_id__in=contact_ids).values("contact_id")
    counted = found.annotate(num=Count("*"), last_at=Max("occurred_at"))
    return {row["contact_id"]: Acts(row["num"], row["last_at"]) for row in counted}


@dataclass(frozen=True)
class Activity:
    """What followers did with one item lately."""

    kinds: list[tuple[EventKind, int, int]]
    """(kind, acts, people), the most frequent first."""
    days: list[str]
    acts_per_day: list[int]
    num_people: int


def of_item(item: Item, num_days: int = ACTIVITY_DAYS) -> Activity:
    """Acts with the item on the last `num_days` days, today included, by kind and by local day."""
    today = timezone.localdate()
    first = today - timedelta(days=num_days - 1)
    found = Event.objects.filter(
        item=item, occurred_at__gte=timezone.make_aware(datetime.combine(first, datetime.min.time()))
    )
    by_kind = (
        found.values("kind").annotate(acts=Count("*"), people=Count("contact_id", distinct=True)).order_by("-acts")
    )
    by_day = dict(found.values_list(TruncDate("occurred_at")).annotate(acts=Count("*")))
    days = [first + timedelta(days=number) for number in range(num_days)]
    return Activity(
        kinds=[(EventKind(row["kind"]), row["acts"], row["people"]) for row in by_kind],
        days=[f"{day:%m-%d}" for day in days],
        acts_per_day=[by_day.get(day, 0) for day in days],
        num_people=found.aggregate(people=Count("contact_id", distinct=True))["people"],
    )
