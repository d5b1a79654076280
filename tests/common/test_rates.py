"""A limit per minute holds over all processes; most calls ask nobody."""

from secrets import token_hex

import pytest

from common import rates


@pytest.fixture
def name() -> str:
    return token_hex(8)


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates.time, "time", lambda: 60.0 * 29_000_000)


def other_process() -> None:
    rates._left.clear()


def test_a_small_limit_is_exact(name: str) -> None:
    assert [rates.allows(name, 2) for _call in range(4)] == [True, True, False, False]


def test_the_limit_holds_over_processes(name: str) -> None:
    assert rates.allows(name, 2)
    other_process()
    assert [rates.allows(name, 2) for _call in range(2)] == [True, False]


def test_a_large_limit_is_exact_within_one_process_and_asks_every_hundredth(name: str, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(rates, "_take", lambda *call, take=rates._take: asked.append(call) or take(*call))
    assert sum(rates.allows(name, 1000) for _call in range(1100)) == 1000
    assert len(asked) == 100 + 100


def test_what_another_process_took_is_missing_here(name: str) -> None:
    assert rates.allows(name, 1000)
    other_process()
    assert sum(rates.allows(name, 1000) for _call in range(1100)) == 990


def test_the_next_minute_starts_anew(name: str, monkeypatch) -> None:
    assert [rates.allows(name, 1) for _call in range(2)] == [True, False]
    monkeypatch.setattr(rates.time, "time", lambda: 60.0 * 29_000_001)
    assert rates.allows(name, 1)
