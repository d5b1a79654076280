"""The stable token: one fetch for all, renewed in time, one retry, and force only where nothing else helps."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.wechat import transport
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import AddressNotListed, BadSecret, InvalidToken, SecretFrozen, TransportFailed
from connectors.wechat.tokens import MemoryStore, StableTokens, Token
from tests.connectors.wechat.listener import Asked, Listener

PATH = "/cgi-bin/stable_token"
SEND = "/cgi-bin/message/custom/send"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)


class Platform:
    """Issues tokens as the fact sheet's section 1 says, on the test's clock."""

    def __init__(self, listener: Listener, clock: Callable[[], datetime]) -> None:
        self.clock, self.lock = clock, threading.Lock()
        self.num_issued, self.token, self.expires_at = 0, "", NOON
        self.asked: list[bool] = []
        """Whether each request asked for force."""
        self.num_refused = 0
        listener.answer(PATH, self.give_token)
        listener.answer(SEND, self.take_message)

    def issue(self) -> None:
        self.num_issued += 1
        self.token, self.expires_at = f"T{self.num_issued}", self.clock() + timedelta(seconds=7200)

    def give_token(self, asked: Asked) -> dict[str, Any]:
        with self.lock:
            self.asked.append(asked.body["force_refresh"])
            if asked.body["force_refresh"] or self.expires_at - self.clock() < timedelta(minutes=5):
                self.issue()
            return {"access_token": self.token, "expires_in": int((self.expires_at - self.clock()).total_seconds())}

    def take_message(self, asked: Asked) -> dict[str, Any]:
        with self.lock:
            if asked.params["access_token"] != self.token:
                self.num_refused += 1
                return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
            return {"errcode": 0, "errmsg": "ok"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(listener: Listener, clock: Clock) -> Platform:
    return Platform(listener, clock)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(limits=httpx.Limits(max_connections=60)) as client:
        yield client


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def tokens(listener: Listener, clock: Clock, http: httpx.Client, store: MemoryStore) -> StableTokens:
    return StableTokens("wxapp", "s3cret", store, base_url=listener.url, http=http, clock=clock)


# --- fetching -------------------------------------------------------------------------------------------------------


def test_the_first_fetch_asks_in_normal_mode_and_the_rest_read_the_store(
    tokens: StableTokens, issuer: Platform, listener: Listener
) -> None:
    assert [tokens.get() for _ in range(5)] == ["T1"] * 5
    assert len(listener.asked) == 1
    assert listener.last.body == {
        "grant_type": "client_credential", "appid": "wxapp", "secret": "s3cret", "force_refresh": False,
    }  # fmt: skip
    assert listener.last.params == {}


def test_a_token_with_ten_minutes_left_is_used_and_with_less_is_fetched_anew(
    tokens: StableTokens, issuer: Platform, clock: Clock
) -> None:
    tokens.get()
    clock.advance(minutes=110)
    assert (tokens.get(), len(issuer.asked)) == ("T1", 1)
    clock.advance(seconds=1)
    tokens.get()
    assert len(issuer.asked) == 2


def test_an_ending_token_that_the_platform_gives_again_is_asked_for_twice_a_minute_at_most(
    tokens: StableTokens, issuer: Platform, clock: Clock
) -> None:
    tokens.get()
    clock.advance(minutes=112)
    for _ in range(60):
        assert tokens.get() == "T1"
        clock.advance(seconds=1)
    assert len(issuer.asked) == 3
    clock.advance(minutes=3)
    assert tokens.get() == "T2"


def test_a_dead_token_is_never_handed_out(tokens: StableTokens, issuer: Platform, clock: Clock) -> None:
    tokens.get()
    clock.advance(hours=3)
    assert tokens.get() == "T2"


def test_fifty_threads_fetch_once(tokens: StableTokens, issuer: Platform) -> None:
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(lambda _: tokens.get(), range(50))) == {"T1"}
    assert len(issuer.asked) == 1


# --- refused tokens -------------------------------------------------------------------------------------------------


def test_what_another_worker_fetched_meanwhile_is_taken_without_asking(
    tokens: StableTokens, issuer: Platform, store: MemoryStore
) -> None:
    tokens.get()
    issuer.issue()
    assert tokens.renew("T1") == "T2"
    assert tokens.renew("T1") == "T2"
    assert issuer.asked == [False, False]


def test_only_if_the_refused_token_comes_again_it_is_forced(tokens: StableTokens, issuer: Platform) -> None:
    tokens.get()
    assert tokens.renew("T1") == "T2"
    assert issuer.asked == [False, False, True]


def test_forces_are_30_seconds_apart_and_20_in_24_hours(tokens: StableTokens, issuer: Platform, clock: Clock) -> None:
    token = tokens.get()
    token = tokens.renew(token)
    clock.advance(seconds=29)
    assert tokens.renew(token) == token
    clock.advance(seconds=1)
    for _ in range(19):
        clock.advance(seconds=31)
        fresh = tokens.renew(token)
        assert fresh != token
        token = fresh
    clock.advance(minutes=5)
    assert tokens.renew(token) == token
    assert issuer.asked.count(True) == 20
    clock.advance(hours=24)
    token = tokens.get()
    assert tokens.renew(token) != token
    assert issuer.asked.count(True) == 21


def test_a_force_whose_answer_gets_lost_counts(
    tokens: StableTokens, issuer: Platform, listener: Listener, store: MemoryStore
) -> None:
    tokens.get()

    def lose_forced(asked: Asked) -> Any:
        answer = issuer.give_token(asked)
        return ("text/html", b"<html>") if asked.body["force_refresh"] else answer

    listener.answer(PATH, lose_forced)
    with pytest.raises(TransportFailed):
        tokens.renew("T1")
    stored = store.read(tokens.key)
    assert stored is not None
    assert stored.forced_at == (NOON,)
    assert tokens.renew("T1") == "T2"  # the normal mode knows what the lost answer held
    assert issuer.asked == [False, False, True, False]


def test_fifty_threads_with_a_token_revoked_midway_refresh_once_and_lose_no_message(
    listener: Listener, clock: Clock, http: httpx.Client, store: MemoryStore, issuer: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(30))
    workers = []
    for _ in range(50):  # each with a token source of its own, as workers have, around one store
        source = StableTokens("wxapp", "s3cret", store, base_url=listener.url, http=http, clock=clock)
        workers.append(WeChatClient("wxapp", source, base_url=listener.url, http=http))
    half = threading.Barrier(50, action=issuer.issue)

    def send(client: WeChatClient) -> list[int]:
        before = [client.call("POST", SEND, body={"touser": "o"})["errcode"] for _ in range(3)]
        half.wait()
        return before + [client.call("POST", SEND, body={"touser": "o"})["errcode"] for _ in range(3)]

    with ThreadPoolExecutor(50) as pool:
        assert [code for codes in pool.map(send, workers) for code in codes] == [0] * 300
    assert issuer.asked == [False, False]
    assert 1 <= issuer.num_refused <= 50


def test_processes_share_one_token_too(listener: Listener, tmp_path: Path) -> None:
    issuer = Platform(listener, lambda: datetime.now(UTC))
    taken: list[str] = []

    def take(asked: Asked) -> dict[str, Any]:
        with issuer.lock:
            taken.append(asked.params["access_token"])
            if len(taken) == 60:  # somebody else revokes it, once
                issuer.issue()
        return issuer.take_message(asked)

    listener.answer(SEND, take)
    command = [sys.executable, "-m", "tests.connectors.wechat.worker", listener.url, str(tmp_path / "token"), "40"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [worker.communicate(timeout=60)[0] for worker in workers] == ["done\n"] * 3
    assert issuer.asked == [False, False]
    assert set(taken) == {"T1", "T2"}


def test_a_token_refused_again_after_renewal_ends_the_call(
    tokens: StableTokens, issuer: Platform, listener: Listener, http: httpx.Client
) -> None:
    listener.answer(SEND, {"errcode": 40001, "errmsg": "invalid credential"})
    client = WeChatClient("wxapp", tokens, base_url=listener.url, http=http)
    with pytest.raises(InvalidToken):
        client.call("POST", SEND, body={})
    assert listener.paths.count(SEND) == 2
    assert issuer.asked == [False, False, True]


# --- refusals of the token call -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"errcode": 40125, "errmsg": "invalid appsecret"}, BadSecret),
        ({"errcode": 40001, "errmsg": "invalid credential"}, BadSecret),
        ({"errcode": 40243, "errmsg": "frozen"}, SecretFrozen),
        ({"errcode": 40164, "errmsg": "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist"}, AddressNotListed),
        ({}, TransportFailed),
        ({"access_token": "", "expires_in": 7200}, TransportFailed),
        ({"access_token": "T", "expires_in": "soon"}, TransportFailed),
        ({"access_token": 5, "expires_in": 7200}, TransportFailed),
    ],
)
def test_a_refused_fetch_says_why_and_stores_nothing(
    answer: dict[str, Any], kind: type[Exception], tokens: StableTokens, listener: Listener, store: MemoryStore
) -> None:
    listener.answer(PATH, answer)
    client = WeChatClient("wxapp", tokens, base_url=listener.url)
    with pytest.raises(kind):
        client.call("POST", SEND, body={})
    assert listener.paths == [PATH]
    assert store.read(tokens.key) is None


def test_the_address_to_list_is_told(tokens: StableTokens, listener: Listener) -> None:
    listener.answer(PATH, {"errcode": 40164, "errmsg": "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist"})
    with pytest.raises(AddressNotListed) as caught:
        tokens.get()
    assert caught.value.address == "1.2.3.4"
    assert "1.2.3.4" in caught.value.message


# --- storing --------------------------------------------------------------------------------------------------------


def test_a_token_survives_json_and_shows_no_secret() -> None:
    token = Token("VALUE", NOON + timedelta(hours=2), NOON, "REFRESH", (NOON, NOON + timedelta(minutes=1)))
    assert Token.load(json.loads(json.dumps(token.dump()))) == token
    assert "VALUE" not in repr(token)
    assert "REFRESH" not in repr(token)


def test_the_secret_is_not_shown(tokens: StableTokens) -> None:
    assert "s3cret" not in repr(tokens)
