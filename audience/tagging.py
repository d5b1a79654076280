"""The brand's tags on contacts, many at a time. Stage: collect. Writes audience.Contact.tags."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Func, QuerySet, Value
from django.utils import timezone

from audience.models import Contact


def wearers(tag: str) -> QuerySet[Contact, Any]:
    """Ids of the contacts that wear the tag, as a query."""
    return Contact.objects.filter(tags__contains=[tag]).values("pk")


def put(tag: str, contact_ids: Iterable[int] | QuerySet[Any, Any]) -> int:
    """Put the tag on those of the contacts that lack it. How many."""
    lacking = Contact.objects.filter(pk__in=contact_ids).exclude(tags__contains=[tag])
    return int(lacking.update(tags=Func("tags", Value(tag), function="array_append"), updated_at=timezone.now()))


def take_off(tag: str, contact_ids: Iterable[int]) -> int:
    """Take the tag off those of the contacts that wear it. How many."""
    worn = Contact.objects.filter(pk__in=contact_ids, tags__contains=[tag])
    return int(worn.update(tags=Func("tags", Value(tag), function="array_remove"), updated_at=timezone.now()))
