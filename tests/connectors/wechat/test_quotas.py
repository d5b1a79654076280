"""Daily quotas are counted by Beijing's day, per path, across threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from connectors.wechat.errors import OverQuota
from connectors.wechat.quotas import DAILY_LIMITS, TEST_ACCOUNT_LIMITS, MemoryLedger

PATH = "/cgi-bin/user/get"


def test_the_limits_of_the_fact_sheet() -> None:
    assert DAILY_LIMITS["/cgi-bin/user/get"] == 500
    assert DAILY_LIMITS["/cgi-bin/message/custom/send"] == 500_000
    assert TEST_ACCOUNT_LIMITS["/cgi-bin/user/get"] == 100
    assert TEST_ACCOUNT_LIMITS["/cgi-bin/menu/get"] == 10_000


def test_the_count_begins_anew_at_midnight_in_beijing() -> None:
    at = datetime(2026, 3, 1, 15, 59, tzinfo=UTC)
    ledger = MemoryLedger({PATH: 2}, clock=lambda: at)
    ledger.reserve(PATH)
    ledger.reserve(PATH)
    with pytest.raises(OverQuota) as caught:
        ledger.reserve(PATH)
    assert (caught.value.path, caught.value.errcode) == (PATH, 45009)
    ledger.reserve("/cgi-bin/tags/get")  # another path, without a limit
    at += timedelta(minutes=1)
    ledger.reserve(PATH)
    assert ledger.used(PATH) == 1


def test_the_platforms_word_counts_more_than_ours() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ledger = MemoryLedger({PATH: 500}, clock=lambda: at)
    ledger.reserve(PATH)
    ledger.report(PATH, 45011)
    ledger.reserve(PATH)
    ledger.report(PATH, 45009)
    with pytest.raises(OverQuota):
        ledger.reserve(PATH)
    at += timedelta(hours=4)
    ledger.reserve(PATH)


def test_threads_never_spend_more_than_the_limit() -> None:
    ledger = MemoryLedger({PATH: 100})

    def spend(_: int) -> int:
        try:
            ledger.reserve(PATH)
        except OverQuota:
            return 0
        return 1

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(spend, range(500))) == 100
