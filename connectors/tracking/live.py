"""What has just arrived at the collector, for watching: the last requests of a brand, in the cache, for an hour.

A ring of slots: the newest entry overwrites the oldest. Losing it loses nothing but the sight.
"""

import json
import logging
from typing import Any

from django.core.cache import cache
from redis import RedisError

logger = logging.getLogger(__name__)
SLOTS = 100
MAX_LINES = 50
"""Events of one request that are shown."""
_KEEP_SECONDS = 3600


def note(tenant_id: int, entry: dict[str, Any]) -> None:
    """Show an entry to whoever watches this brand."""
    try:
        number = _next(tenant_id)
        cache.set(f"live:{tenant_id}:{number % SLOTS}", json.dumps({"number": number, **entry}), _KEEP_SECONDS)
    except RedisError:
        logger.exception("live_not_noted")


def _next(tenant_id: int) -> int:
    counter = f"live:{tenant_id}:last"
    if not cache.add(counter, 1, timeout=None):
        return int(cache.incr(counter))
    return 1


def last(tenant_id: int) -> int:
    """The number of the newest entry; 0 when there is none."""
    try:
        return int(cache.get(f"live:{tenant_id}:last") or 0)
    except RedisError:
        return 0


def entries(tenant_id: int) -> list[dict[str, Any]]:
    """The last entries, newest first."""
    try:
        found = cache.get_many([f"live:{tenant_id}:{slot}" for slot in range(SLOTS)])
    except RedisError:
        return []
    return sorted((json.loads(text) for text in found.values()), key=lambda entry: -entry["number"])
