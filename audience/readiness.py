"""Whether the brand in scope has enough behaviour to train on. Stage: clean. Reads audience_event; writes nothing."""

from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.models import Event
from audience.quality import Bar, readiness

MAX_COUNTED = 200_000
"""Events looked at; beyond that there is enough, and counting all would only cost time."""

_COUNT = f"""
    WITH sample AS (
        SELECT contact_id, item_id FROM audience_event WHERE tenant_id = %s AND item_id IS NOT NULL LIMIT {MAX_COUNTED}
    ), returning_people AS (SELECT FROM sample GROUP BY contact_id HAVING count(DISTINCT item_id) >= 3)
    SELECT (SELECT count(*) FROM sample), (SELECT count(*) FROM returning_people),
        (SELECT count(DISTINCT item_id) FROM sample)
"""  # noqa: S608 - only our own names are spliced


def of_brand() -> list[Bar]:
    """The readiness bars over what the brand's contacts did with items (at most `MAX_COUNTED` events are counted)."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [current_tenant_id()])
        num_events, num_returning, num_items = cursor.fetchone()
    return readiness(num_events, num_returning, num_items, _num_days())


def _num_days() -> int:
    """Days from the first act with an item to the last, both included."""
    times = Event.objects.filter(item__isnull=False).values_list("occurred_at", flat=True)
    first, last = times.order_by("occurred_at").first(), times.order_by("-occurred_at").first()
    return (last - first).days + 1 if first and last else 0
