"""Daily quotas: what a new account may call how often per day in Beijing (fact sheet 0.7), and who keeps count."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Protocol

from connectors.wechat.clock import Clock, beijing_day, now
from connectors.wechat.errors import OverQuota

OVER_QUOTA = 45009
DAILY_LIMITS: dict[str, int] = {
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/media/upload": 5_000,
    "/cgi-bin/media/get": 10_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/mass/sendall": 100,
    "/cgi-bin/message/mass/send": 100,
    "/cgi-bin/message/mass/preview": 100,
    "/cgi-bin/message/mass/delete": 10,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info": 500_000,
    "/cgi-bin/user/info/updateremark": 10_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/ticket/getticket": 1_000_000,
}
TEST_ACCOUNT_LIMITS: dict[str, int] = DAILY_LIMITS | {
    "/cgi-bin/menu/create": 100,
    "/cgi-bin/media/upload": 500,
    "/cgi-bin/media/get": 1_000,
    "/cgi-bin/message/custom/send": 50_000,
    "/cgi-bin/qrcode/create": 10_000,
    "/cgi-bin/user/get": 100,
}


class QuotaLedger(Protocol):
    """Keeps count of an account's calls, so that none is spent on a certain refusal."""

    def reserve(self, path: str) -> None:
        """Count one call that is about to be made. Raises OverQuota when today's are used up."""

    def report(self, path: str, errcode: int) -> None:
        """Hear how the call ended: 0, or the refusal's errcode."""


def over_quota(path: str, limit: int) -> OverQuota:
    """The refusal of our own ledger, the same a caller gets from WeChat."""
    return OverQuota(OVER_QUOTA, f"our count: {limit} calls to {path} today", path)


class MemoryLedger:
    """A ledger for one process: for scripts, notebooks and tests. Limits per path, none for a path not listed."""

    def __init__(self, limits: Mapping[str, int] = DAILY_LIMITS, clock: Clock = now) -> None:
        self.limits = dict(limits)
        self._clock = clock
        self._used: dict[tuple[date, str], int] = defaultdict(int)
        self._exhausted: set[tuple[date, str]] = set()
        self._lock = threading.Lock()

    def reserve(self, path: str) -> None:
        """Count one call. Raises OverQuota when our count or the platform says that today's are used up."""
        key = (beijing_day(self._clock()), path)
        with self._lock:
            limit = self.limits.get(path)
            if key in self._exhausted or (limit is not None and self._used[key] >= limit):
                raise over_quota(path, self._used[key])
            self._used[key] += 1

    def report(self, path: str, errcode: int) -> None:
        """After 45009 the path rests until midnight in Beijing, whatever our count says."""
        if errcode == OVER_QUOTA:
            with self._lock:
                self._exhausted.add((beijing_day(self._clock()), path))

    def used(self, path: str) -> int:
        """Calls counted today."""
        return self._used[(beijing_day(self._clock()), path)]
