"""How much outsiders may send within a clock minute."""

import logging
import time

from redis import RedisError

from common import rates

logger = logging.getLogger(__name__)


def is_within(name: str, limit: int) -> bool:
    """Count one more under this name; whether that is within the limit. A broken counter closes no door."""
    try:
        return rates.allows(name, limit)
    except RedisError:
        logger.exception("collect_rate_not_counted")
        return True


def seconds_to_next_minute() -> int:
    """How long a refused sender has to wait."""
    return 60 - int(time.time()) % 60
