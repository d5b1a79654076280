"""Which days a statistics call may ask for, and whether they are counted yet (fact sheet 7)."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from simulator.calls import Call
from simulator.clock import BEIJING, beijing_date
from simulator.errors import Refusal

FIRST_DAY = dt.date(2014, 12, 1)
READY_HOUR = 8  # yesterday is reliable from then on, Beijing time


@dataclass(frozen=True)
class Span:
    """Inclusive days; `is_delayed`: the last one is not counted yet."""

    first: dt.date
    last: dt.date
    is_delayed: bool

    def days(self) -> list[dt.date]:
        """Every day of it that is counted."""
        num = (self.last - self.first).days + (0 if self.is_delayed else 1)
        return [self.first + dt.timedelta(days=number) for number in range(num)]


def read_span(call: Call, max_days: int) -> Span:
    """The span asked for; 61500 for a bad date, 61501 for one too long, reversed or not over yet."""
    first, last = (_date(call.account.is_mini, call.body.get(name)) for name in ("begin_date", "end_date"))
    yesterday = beijing_date(call.now) - dt.timedelta(days=1)
    if first < FIRST_DAY:
        raise Refusal(61500)
    if last < first or last > yesterday or (last - first).days + 1 > max_days:
        raise Refusal(61501)
    is_early = dt.datetime.fromtimestamp(call.now, BEIJING).hour < READY_HOUR
    return Span(first, last, last == yesterday and is_early)


def read_exact_span(call: Call, lengths: tuple[int, ...]) -> Span:
    """A span of exactly one of these lengths."""
    span = read_span(call, max(lengths))
    if (span.last - span.first).days + 1 not in lengths:
        raise Refusal(61501)
    return span


def read_week(call: Call) -> Span:
    """Monday to Sunday."""
    span = read_exact_span(call, (7,))
    if span.first.weekday() != 0:
        raise Refusal(61501)
    return span


def read_month(call: Call) -> Span:
    """A whole calendar month."""
    span = read_span(call, 31)
    if span.first.day != 1 or (span.last + dt.timedelta(days=1)).day != 1:
        raise Refusal(61501)
    return span


def _date(is_mini: bool, value: Any) -> dt.date:
    """YYYY-MM-DD of official accounts, yyyymmdd of mini programs."""
    pattern = "%Y%m%d" if is_mini else "%Y-%m-%d"
    try:
        found = dt.datetime.strptime(str(value), pattern).date()
    except ValueError:
        raise Refusal(61500) from None
    if found.strftime(pattern) != value:
        raise Refusal(61500)
    return found
