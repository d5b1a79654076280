"""The simulated time: real time plus an offset that tests move, and Beijing's calendar on it."""

import datetime as dt
import time
from dataclasses import dataclass

BEIJING = dt.timezone(dt.timedelta(hours=8))


@dataclass
class Clock:
    """Unix seconds on the platform. `offset_seconds` is how far it runs ahead of real time."""

    offset_seconds: float = 0.0

    def now(self) -> float:
        """The platform's time in Unix seconds."""
        return time.time() + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Moves the time forward, or back when negative."""
        self.offset_seconds += seconds

    def move_to(self, at: float) -> None:
        """Makes it `at` (Unix seconds) now."""
        self.offset_seconds = at - time.time()

    def today(self) -> dt.date:
        """The date in Beijing, by which quotas and statistics count."""
        return beijing_date(self.now())


def beijing_date(at: float) -> dt.date:
    """The Beijing date of a Unix time."""
    return dt.datetime.fromtimestamp(at, BEIJING).date()


def beijing_text(at: float) -> str:
    """RFC 3339 with +08:00, as WeChat Pay writes times."""
    return dt.datetime.fromtimestamp(at, BEIJING).isoformat(timespec="seconds")
