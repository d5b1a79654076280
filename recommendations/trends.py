"""What a brand's followers do now, counted without any model.

Stage: prediction. Reads audience_event of the last four weeks; keeps the counts in the cache. Counting reads every act
of that time, so a request does it only when nobody has asked for a day; otherwise the beat counts what is wanted.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection

from accounts.models import Tenant
from accounts.tenancy import current_tenant_id, tenant_scope
from modeling.extract import INTEREST_WEIGHTS

HALF_LIFE_DAYS = 7
MAX_ITEMS = 1000
FRESH = timedelta(minutes=5)
_KEPT_SECONDS = 24 * 3600
_COUNT = """SELECT event.item_id,
        sum(act.weight * power(0.5, greatest(extract(epoch FROM %(now)s - occurred_at), 0) / 86400.0 / %(half_life)s)),
        count(DISTINCT contact_id) FILTER (WHERE occurred_at > %(now)s - interval '7 days')
    FROM audience_event AS event JOIN unnest(%(kinds)s::smallint[], %(weights)s::float8[]) AS act(kind, weight)
        ON act.kind = event.kind
    WHERE tenant_id = %(tenant)s AND occurred_at > %(now)s - interval '28 days' AND item_id IS NOT NULL
    GROUP BY event.item_id ORDER BY 2 DESC, 1 LIMIT %(limit)s"""


@dataclass(frozen=True)
class Trend:
    """Heat and visitors of the items of the last weeks."""

    counted_at: datetime
    heat: dict[int, float]
    """Item id -> weighted acts of the last 28 days, halved every 7 days; hottest first, at most 1,000 items."""
    people_week: dict[int, int]
    """Item id -> how many contacts acted on it in the last 7 days."""


def current(now: datetime) -> Trend:
    """The brand's trend, at most a few minutes old while the beat runs."""
    kept = cache.get(_key(current_tenant_id()))
    if kept is None:
        return refresh(now)
    trend = _parse(kept)
    if now - trend.counted_at > FRESH:
        cache.set(_wanted_key(current_tenant_id()), True, _KEPT_SECONDS)
    return trend


def refresh(now: datetime) -> Trend:
    """Count anew for the tenant in scope and keep it."""
    params: dict[str, Any] = {
        "now": now,
        "tenant": current_tenant_id(),
        "half_life": HALF_LIFE_DAYS,
        "limit": MAX_ITEMS,
        "kinds": [int(kind) for kind in INTEREST_WEIGHTS],
        "weights": list(INTEREST_WEIGHTS.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, params)
        rows = cursor.fetchall()
    trend = Trend(now, {row[0]: float(row[1]) for row in rows}, {row[0]: row[2] for row in rows if row[2]})
    cache.set(_key(current_tenant_id()), _write(trend), _KEPT_SECONDS)
    return trend


def refresh_wanted(now: datetime) -> int:
    """Count anew for every brand whose old counts were used; returns how many."""
    tenant_ids = list(Tenant.objects.values_list("pk", flat=True))
    wanted = cache.get_many([_wanted_key(tenant_id) for tenant_id in tenant_ids])
    due = [tenant_id for tenant_id in tenant_ids if _wanted_key(tenant_id) in wanted]
    for tenant_id in due:
        cache.delete(_wanted_key(tenant_id))
        with tenant_scope(tenant_id):
            refresh(now)
    return len(due)


def _key(tenant_id: int) -> str:
    return f"trend:{tenant_id}"


def _wanted_key(tenant_id: int) -> str:
    return f"trend-wanted:{tenant_id}"


def _write(trend: Trend) -> str:
    facts = [trend.counted_at.isoformat(), list(trend.heat.items()), list(trend.people_week.items())]
    return json.dumps(facts)


def _parse(text: str) -> Trend:
    counted_at, heat, people_week = json.loads(text)
    return Trend(datetime.fromisoformat(counted_at), dict(heat), dict(people_week))
