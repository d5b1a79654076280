"""One request to the platform and its answer: every wait bounded, every size bounded, no secret in a log or an error.

WeChat answers HTTP 200 for errors too, with `errcode` in a JSON object (fact sheet 0.3); what is not such an object, or
asked-for bytes, did not come from it.
"""

import atexit
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from connectors.wechat.errors import BadMessage, TransportFailed, refusal

API_URL = "https://api.weixin.qq.com"
TIMEOUT = httpx.Timeout(connect=5.0, read=15.0, write=15.0, pool=5.0)  # seconds
DEADLINE_SECONDS = 60.0  # for a whole answer, so that a dripping one ends too
MAX_JSON_BYTES = 32 * 1024**2
MAX_MEDIA_BYTES = 64 * 1024**2
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

Params = Mapping[str, str | int]
Files = Mapping[str, tuple[str, bytes, str]]  # field -> (file name, content, content type)


class _WithoutQuery(logging.Filter):
    """Cuts the query, where WeChat wants its tokens, off the addresses that httpx logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


def _without_query(url: httpx.URL) -> httpx.URL:
    return url.copy_with(query=None, fragment=None)


logging.getLogger("httpx").addFilter(_WithoutQuery())


@cache
def shared_http() -> httpx.Client:
    """The connection pool of this process, closed when it ends; follows no redirects."""
    client = httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=100, max_keepalive_connections=20))
    atexit.register(client.close)
    return client


@dataclass(frozen=True)
class Answer:
    """What came back, unread."""

    content: bytes = field(repr=False)
    content_type: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Transport:
    """Requests to one host of the platform."""

    def __init__(self, base_url: str = API_URL, http: httpx.Client | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = http

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    def ask(
        self, method: str, path: str, *, params: Params | None = None, body: Any = None, files: Files | None = None
    ) -> dict[str, Any]:
        """The answer's JSON object. Raises Refused or TransportFailed."""
        answer = self.send(method, path, params=params, body=body, files=files, max_bytes=MAX_JSON_BYTES)
        parsed = parse_answer(answer, path)
        check_errcode(parsed, path)
        return parsed

    def send(
        self, method: str, path: str, *, params: Params | None = None, body: Any = None, files: Files | None = None,
        headers: Mapping[str, str] | None = None, max_bytes: int = MAX_MEDIA_BYTES,
    ) -> Answer:  # fmt: skip
        """The raw answer; `body` is sent as JSON (bytes as they are), or as form fields beside `files`.

        Raises TransportFailed.
        """
        sent = {"Accept-Encoding": "identity"} | dict(headers or {})  # no answer shall unpack to gigabytes
        content: dict[str, Any] = {"headers": sent}
        if files:
            content |= {"files": dict(files), "data": body}
        elif body is not None:
            content |= {"content": body if isinstance(body, bytes) else dump(body)}
            sent["Content-Type"] = "application/json"
        try:
            with (self._http or shared_http()).stream(
                method, self.base_url + path, params=dict(params) if params else None, timeout=TIMEOUT,
                follow_redirects=False, **content,
            ) as response:  # fmt: skip
                read = _read(response, path, max_bytes)
                return Answer(read, response.headers.get("Content-Type", ""), response.status_code, response.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = _named(error, path)
        raise failure  # outside the handler: httpx's error carries the address with the token


def dump(body: Any) -> bytes:
    """JSON in real UTF-8, as WeChat wants it: it shows or refuses `\\uXXXX` escapes (40033)."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:  # NaN, or half a surrogate pair
        raise BadMessage("The message holds characters that cannot be sent. Type the text anew.") from None


def parse_answer(answer: Answer, path: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises TransportFailed for anything else."""
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict) or (answer.status != 200 and "errcode" not in parsed):
        raise _unreadable(path, answer.status)
    return parsed


def check_errcode(parsed: Mapping[str, Any], path: str) -> None:
    """Raise the Refused that an answer stands for, if it stands for one."""
    errcode = parsed.get("errcode", 0)
    if str(errcode) != "0":
        number = int(errcode) if str(errcode).lstrip("-").isdecimal() else -2
        raise refusal(number, str(parsed.get("errmsg", "")), path, parsed)


def _read(response: httpx.Response, path: str, max_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _unreadable(path, response.status_code)
    ends_at = time.monotonic() + DEADLINE_SECONDS
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise TransportFailed(
                "WeChat's answer to %(path)s is larger than %(max_bytes)s bytes. Ask for less at once.",
                may_have_arrived=True, path=path, max_bytes=max_bytes,
            )  # fmt: skip
        if time.monotonic() > ends_at:
            raise _timeout(path, may_have_arrived=True)
    return bytes(content)


def _named(error: httpx.HTTPError | httpx.InvalidURL, path: str) -> TransportFailed:
    """httpx's failure as ours."""
    may_have_arrived = not isinstance(error, (*_NOT_SENT, httpx.InvalidURL))
    if isinstance(error, httpx.TimeoutException):
        return _timeout(path, may_have_arrived=may_have_arrived)
    return TransportFailed(
        "The connection to WeChat failed at %(path)s (%(kind)s). Try again later.",
        may_have_arrived=may_have_arrived, path=path, kind=type(error).__name__,
    )  # fmt: skip


def _unreadable(path: str, status: int) -> TransportFailed:
    return TransportFailed(
        "WeChat's answer to %(path)s is not readable (HTTP %(status)s). Try again later.",
        may_have_arrived=True, path=path, status=status,
    )  # fmt: skip


def _timeout(path: str, *, may_have_arrived: bool) -> TransportFailed:
    return TransportFailed(
        "WeChat did not answer %(path)s in time. Try again later.",
        may_have_arrived=may_have_arrived, is_timeout=True, path=path,
    )  # fmt: skip
