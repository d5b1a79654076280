"""Access tokens shared by all workers: fetched once, by whoever holds the store's lock, and renewed in time.

The store is the site's (PostgreSQL or a cache beside it); everything here works across threads and processes as far as
the store's lock does.
"""

import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

import httpx

from connectors.wechat.clock import Clock, now
from connectors.wechat.errors import TransportFailed
from connectors.wechat.transport import API_URL, Transport

RENEW_BEFORE = timedelta(minutes=10)
ASK_AGAIN_AFTER = timedelta(seconds=30)  # the platform hands out an ending token until 5 minutes before its end
FORCE_APART = timedelta(seconds=30)
FORCES_PER_DAY = 20


class TokenSource(Protocol):
    """Where a client gets its access token."""

    def get(self) -> str:
        """A token believed valid."""

    def renew(self, stale: str) -> str:
        """Another token after the platform refused `stale`; `stale` itself if there is none to be had now."""


@dataclass(frozen=True)
class Token:
    """A token as stored. `refresh_token` only for authorised accounts: losing it means to authorise again."""

    value: str = field(repr=False)
    expires_at: datetime
    fetched_at: datetime
    refresh_token: str = field(default="", repr=False)
    forced_at: tuple[datetime, ...] = ()
    """When the last forced refreshes happened, oldest first."""

    def dump(self) -> dict[str, Any]:
        """As JSON-ready values; holds secrets, so store it encrypted."""
        moments = {"expires_at": self.expires_at.isoformat(), "fetched_at": self.fetched_at.isoformat()}
        return asdict(self) | moments | {"forced_at": [at.isoformat() for at in self.forced_at]}

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Self:
        """The token that `dump` wrote."""
        moments = {name: datetime.fromisoformat(dumped[name]) for name in ("expires_at", "fetched_at")}
        forced_at = tuple(datetime.fromisoformat(at) for at in dumped["forced_at"])
        return cls(**dumped | moments | {"forced_at": forced_at})


class TokenStore(Protocol):
    """Tokens by key, shared by all workers. Durable where refresh tokens are kept."""

    def read(self, key: str) -> Token | None:
        """The token written last."""

    def write(self, key: str, token: Token) -> None:
        """Replace the token; visible to every worker when this returns."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Exclusive across threads and processes while held; raises StoreBusy rather than wait without end."""


class MemoryStore:
    """A store for one process: for scripts, notebooks and tests."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def read(self, key: str) -> Token | None:
        """The token written last."""
        return self._tokens.get(key)

    def write(self, key: str, token: Token) -> None:
        """Replace the token."""
        self._tokens[key] = token

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Exclusive within the process."""
        with self._locks[key]:
            yield


class SharedTokens(ABC):
    """A token in a store: read by all, fetched by one. Children say how to fetch it."""

    def __init__(self, key: str, store: TokenStore, clock: Clock = now) -> None:
        self.key = key
        self._store = store
        self._clock = clock

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"

    def get(self) -> str:
        """A token believed valid, fetched anew when less than ten minutes of it are left."""
        token = self._store.read(self.key)
        if token and self._is_fresh(token):
            return token.value
        with self._store.lock(self.key):
            token = self._store.read(self.key)
            if not (token and self._is_fresh(token)):
                token = self._replace(token, self._fetch(token))
            return token.value

    def renew(self, stale: str) -> str:
        """Another token after `stale` was refused: what another worker fetched meanwhile, or a new one."""
        with self._store.lock(self.key):
            token = self._store.read(self.key)
            if token is None or token.value == stale:
                token = self._replace(token, self._fetch_after_refusal(token, stale))
            return token.value

    @abstractmethod
    def _fetch(self, old: Token | None) -> Token:
        """A token from the platform; the store's lock is held."""

    def _fetch_after_refusal(self, old: Token | None, stale: str) -> Token:
        return self._fetch(old)

    def _replace(self, old: Token | None, new: Token) -> Token:
        if new != old:
            self._store.write(self.key, new)
        return new

    def _is_fresh(self, token: Token) -> bool:
        at = self._clock()
        left = token.expires_at - at
        return left >= RENEW_BEFORE or (left > timedelta() and at - token.fetched_at < ASK_AGAIN_AFTER)


class StableTokens(SharedTokens):
    """The token of an account connected by AppID and AppSecret, from stable_token (fact sheet 1).

    The normal mode hands out the same token until close to its end. Only if it hands out the very token that was
    refused, the forced mode is used, which kills it: at most 20 times in 24 hours and 30 seconds apart.
    """

    def __init__(
        self, app_id: str, secret: str, store: TokenStore, *, base_url: str = API_URL,
        http: httpx.Client | None = None, clock: Clock = now,
    ) -> None:  # fmt: skip
        super().__init__(f"stable:{app_id}", store, clock)
        self.app_id = app_id
        self._secret = secret
        self._transport = Transport(base_url, http)

    def _fetch(self, old: Token | None) -> Token:
        return self._ask(old.forced_at if old else (), is_forced=False)

    def _fetch_after_refusal(self, old: Token | None, stale: str) -> Token:
        token = self._fetch(old)
        if token.value != stale or not self._may_force(token):
            return token
        recent = tuple(at for at in token.forced_at if self._clock() - at < timedelta(days=1))
        token = replace(token, forced_at=(*recent, self._clock()))
        self._store.write(self.key, token)  # counted even if the answer gets lost
        return self._ask(token.forced_at, is_forced=True)

    def _may_force(self, token: Token) -> bool:
        at = self._clock()
        num_today = sum(at - forced_at < timedelta(days=1) for forced_at in token.forced_at)
        return num_today < FORCES_PER_DAY and all(at - forced_at >= FORCE_APART for forced_at in token.forced_at)

    def _ask(self, forced_at: tuple[datetime, ...], *, is_forced: bool) -> Token:
        body = {
            "grant_type": "client_credential",
            "appid": self.app_id,
            "secret": self._secret,
            "force_refresh": is_forced,
        }
        answer = self._transport.ask("POST", "/cgi-bin/stable_token", body=body)
        return replace(read_token(answer, self._clock()), forced_at=forced_at)


def read_token(answer: Mapping[str, Any], at: datetime, name: str = "access_token") -> Token:
    """The token in the platform's answer, received `at`. Raises TransportFailed when there is none in it."""
    value, seconds = answer.get(name), answer.get("expires_in")
    if not isinstance(value, str) or not value or isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TransportFailed("WeChat's answer holds no %(name)s. Try again later.", may_have_arrived=True, name=name)
    return Token(value, at + timedelta(seconds=seconds), at)
