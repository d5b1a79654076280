"""The client of WeChat's API: one `call` with the account's token, quota, retries and typed errors."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from connectors.wechat.errors import Busy, InvalidToken, Refused, TransportFailed
from connectors.wechat.quotas import QuotaLedger
from connectors.wechat.tokens import TokenSource
from connectors.wechat.transport import (
    API_URL,
    MAX_MEDIA_BYTES,
    Answer,
    Files,
    Params,
    Transport,
    check_errcode,
    parse_answer,
)

T = TypeVar("T")
NUM_BUSY_RETRIES = 3
BUSY_WAIT_SECONDS = 0.5  # doubled each time, with jitter


@dataclass(frozen=True)
class Media:
    """The bytes of a file that WeChat gave out."""

    content: bytes = field(repr=False)
    content_type: str


class WeChatClient:
    """Calls on behalf of one account. Safe to share between threads."""

    def __init__(
        self, app_id: str, tokens: TokenSource, *, base_url: str = API_URL, ledger: QuotaLedger | None = None,
        http: httpx.Client | None = None, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.app_id = app_id
        self.tokens = tokens
        self.ledger = ledger
        self.transport = Transport(base_url, http)
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"WeChatClient({self.app_id!r}, {self.transport.base_url!r})"

    def call(
        self, method: str, path: str, *, params: Params | None = None, body: Any = None, files: Files | None = None,
        token: bool | str = True, idempotent: bool | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The answer's JSON object. Raises Refused or TransportFailed.

        The token travels as the parameter `access_token`, or as the one that `token` names; False sends none.

        `body` is sent as JSON, or as form fields beside `files` (field -> (name, bytes, content type)). An expired
        token is renewed and the call repeated once. Only `idempotent` calls (GETs, unless told) are repeated when the
        platform is busy or closed the connection; the others only if the request surely never left.
        """

        def once(params: Params) -> dict[str, Any]:
            return self.transport.ask(method, path, params=params, body=body, files=files)

        is_repeatable = method == "GET" if idempotent is None else idempotent
        return self._with_token(once, path, dict(params or {}), token, is_repeatable)

    def fetch(self, method: str, path: str, *, params: Params | None = None, body: Any = None) -> Media:
        """The file a binary endpoint gives out (media/get answers a video as a JSON object with its address)."""

        def once(params: Params) -> Media:
            answer = self.transport.send(method, path, params=params, body=body, max_bytes=MAX_MEDIA_BYTES)
            if _is_json(answer) or answer.status != 200:
                check_errcode(parse_answer(answer, path), path)
            return Media(answer.content, answer.content_type)

        return self._with_token(once, path, dict(params or {}), True, True)

    def _with_token(
        self,
        once: Callable[[Params], T],
        path: str,
        params: dict[str, str | int],
        token: bool | str,
        is_repeatable: bool,
    ) -> T:
        if not token:
            return self._patiently(once, path, params, is_repeatable)
        name = token if isinstance(token, str) else "access_token"
        stale = self.tokens.get()
        try:
            return self._patiently(once, path, params | {name: stale}, is_repeatable)
        except InvalidToken:
            fresh = self.tokens.renew(stale)
            if fresh == stale:
                raise
        return self._patiently(once, path, params | {name: fresh}, is_repeatable)

    def _patiently(self, once: Callable[[Params], T], path: str, params: Params, is_repeatable: bool) -> T:
        num_tries = 0
        while True:
            try:
                return self._counted(once, path, params)
            except (Busy, TransportFailed) as error:
                num_tries += 1
                if not _may_repeat(error, is_repeatable, num_tries):
                    raise
            self._sleep(BUSY_WAIT_SECONDS * 2 ** (num_tries - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the waiting, no secret

    def _counted(self, once: Callable[[Params], T], path: str, params: Params) -> T:
        if not self.ledger:
            return once(params)
        self.ledger.reserve(path)
        try:
            result = once(params)
        except Refused as error:
            self.ledger.report(path, error.errcode)
            raise
        self.ledger.report(path, 0)
        return result


def _may_repeat(error: Busy | TransportFailed, is_repeatable: bool, num_tries: int) -> bool:
    if isinstance(error, Busy):
        return is_repeatable and num_tries <= NUM_BUSY_RETRIES
    return num_tries == 1 and not error.is_timeout and (is_repeatable or not error.may_have_arrived)


def _is_json(answer: Answer) -> bool:
    return "json" in answer.content_type or "text/" in answer.content_type or answer.content.lstrip()[:1] == b"{"
