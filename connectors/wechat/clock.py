"""WeChat's time: the platform counts its days in Beijing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
Clock = Callable[[], datetime]


def now() -> datetime:
    """The current moment, aware."""
    return datetime.now(UTC)


def beijing_day(at: datetime) -> date:
    """The day in Beijing, to which daily quotas and statistics belong."""
    return at.astimezone(BEIJING).date()


def next_beijing_midnight(at: datetime) -> datetime:
    """When the daily quotas begin anew."""
    return datetime.combine(beijing_day(at) + timedelta(days=1), time(), BEIJING)
