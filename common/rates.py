"""Limits per minute that hold over all processes."""

import time
from functools import cache
from threading import Lock

from django.conf import settings
from redis import Redis

_KEPT_SECONDS = 120
_PATIENCE_SECONDS = 1.0
_SHARE = 100
_lock = Lock()
_left: dict[tuple[str, int], int] = {}
"""Calls that this process may still let through, by name and minute."""


def allows(name: str, limit: int) -> bool:
    """Count a call under this name; whether it is within `limit` calls of the clock minute. Raises RedisError.

    A process takes a hundredth of the limit at a time, so most calls cost nothing; what it took and did not use is
    missing to the others.
    """
    counter = (name, int(time.time()) // 60)
    with _lock:
        left = _left.get(counter, 0)
        if left:
            _left[counter] = left - 1
            return True
    taken = _take(f"rate:{name}:{counter[1]}", limit)
    with _lock:
        for old in [other for other in _left if other[1] != counter[1]]:
            del _left[old]
        _left[counter] = _left.get(counter, 0) + max(taken - 1, 0)
    return taken > 0


def _take(key: str, limit: int) -> int:
    """How many calls are granted: a share of the limit, less at its end, none after it."""
    share = max(limit // _SHARE, 1)
    redis = _redis(settings.CACHE_URL)
    total = int(redis.incrby(key, share))
    if total == share:
        redis.expire(key, _KEPT_SECONDS)
    return min(share, limit - (total - share))


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS)
