"""Whether the brand in scope has enough behaviour to train on. Stage: clean. Reads audience_event; writes nothing."""

from django.db.models import Count, Max, Min, Q, Sum

from audience.models import Event
from audience.quality import Bar, readiness


def of_brand() -> list[Bar]:
    """The readiness bars over everything the brand's contacts did with items."""
    met = Event.objects.filter(item__isnull=False)
    per_contact = met.values("contact_id").annotate(num=Count("*"), first=Min("occurred_at"), last=Max("occurred_at"))
    sums = per_contact.aggregate(
        num_events=Sum("num", default=0),
        num_returning=Count("contact_id", filter=Q(num__gte=2)),
        first_at=Min("first"),
        last_at=Max("last"),
    )
    num_items = met.aggregate(num=Count("item_id", distinct=True))["num"]
    num_days = (sums["last_at"] - sums["first_at"]).days + 1 if sums["num_events"] else 0
    return readiness(sums["num_events"], sums["num_returning"], num_items, num_days)
