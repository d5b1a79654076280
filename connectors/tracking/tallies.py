"""Counts per key or link, day and outcome. Reads and writes connectors.TrackingTally."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from accounts.tenancy import current_tenant_id
from connectors.models import TrackingTally

_SLOTS = 16
_ADD = """
INSERT INTO connectors_trackingtally (tenant_id, subject, day, outcome, slot, num)
SELECT %s, %s, %s, u.outcome, %s, u.num FROM unnest(%s::text[], %s::bigint[]) AS u (outcome, num)
ON CONFLICT (tenant_id, subject, day, outcome, slot) DO UPDATE SET num = connectors_trackingtally.num + excluded.num"""


def add(subject: str, numbers: Mapping[str, int]) -> None:
    """Count, as the last thing of a transaction: the rows stay locked until it ends."""
    counted = {outcome: num for outcome, num in sorted(numbers.items()) if num}
    if counted:
        slot = random.randrange(_SLOTS)  # noqa: S311  # spreads locks, hides nothing
        numbers_of_day: list[Any] = [list(counted), list(counted.values())]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [current_tenant_id(), subject, today(), slot, *numbers_of_day])


def today() -> date:
    """The day that is counted now: the site's, so that one brand's pages in two time zones share it."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def totals(subject: str, since: date | None = None) -> Counter[str]:
    """Outcome -> how often, for one key or link."""
    return totals_of([subject], since)[subject]


def totals_of(subjects: list[str], since: date | None = None) -> dict[str, Counter[str]]:
    """The same for many."""
    found = TrackingTally.objects.filter(subject__in=subjects, **({"day__gte": since} if since else {}))
    numbers: dict[str, Counter[str]] = {subject: Counter() for subject in subjects}
    for row in found.values("subject", "outcome").annotate(total=Sum("num")):
        numbers[row["subject"]][row["outcome"]] = row["total"]
    return numbers
