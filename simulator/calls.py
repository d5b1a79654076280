"""One call of the platform's API: request, response, the routing table and what an endpoint asks before it answers.

An area registers its functions with `@endpoint(...)`; a function takes a `Call` and returns the fields of the JSON
answer, or a `Response` for pages and bytes. It refuses by raising `Refusal`. It runs under the world's lock.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulator.errors import Refusal

if TYPE_CHECKING:
    from simulator.world import Account, Component, IssuedToken, User, World

OK = {"errcode": 0, "errmsg": "ok"}
_ESCAPES = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[01])[0-9a-fA-F]{4}")


class Need(Enum):
    """What an account must be for a call (fact sheet 0.1); who is not gets 48001."""

    ANY = "any"
    MENU = "menu"  # all but the unverified subscription account
    FANS = "fans"  # a verified official account
    SERVICE = "service"  # a verified service account
    PUBLISH = "publish"  # a verified official account, since July 2025
    MESSAGES = "messages"  # a verified official account or a mini program
    MINI = "mini"  # a mini program


@dataclass
class Request:
    """An HTTP request; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    address: str
    prefix: str = ""  # a host in front of the path, cut off

    @functools.cached_property
    def params(self) -> dict[str, str]:
        """The query string's parameters."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def url(self) -> str:
        """Path and query, as sent."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass
class Response:
    """An HTTP response. `is_cut`: the connection is closed without it; `delay_seconds`: waited before."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    is_cut: bool = False


def json_response(value: Any, status: int = 200) -> Response:
    """UTF-8 JSON without escapes."""
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status)


def page(html: str, status: int = 200) -> Response:
    """An HTML page."""
    return Response(html.encode(), status, "text/html; charset=utf-8")


def redirect(url: str) -> Response:
    """302 to `url`."""
    return Response(b"", 302, "text/plain", {"Location": url})


@dataclass(frozen=True)
class Part:
    """One field of a multipart form."""

    content: bytes
    filename: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A path's function and the rules in front of it."""

    method: str
    path: str
    function: Callable[..., Any]
    auth: str = "token"  # token | component | none | page | pay
    need: Need = Need.ANY
    daily: int | None = None  # default quota of a day
    test_daily: int | None = None  # of a test account (测试号)
    minute: int | None = None
    permission_sets: tuple[int, ...] = ()  # of a component; empty: none asked


ROUTES: dict[tuple[str, str], Endpoint] = {}
PATTERNS: list[tuple[str, re.Pattern[str], Endpoint]] = []


def endpoint(method: str, path: str, **rules: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function for a path; `{name}` in the path matches one segment (`call.names`)."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        found = Endpoint(method, path, function, **rules)
        if "{" in path:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
            PATTERNS.append((method, re.compile(f"^{pattern}$"), found))
        else:
            ROUTES[(method, path)] = found
        return function

    return register


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """The endpoint of a path with the names in it."""
    if found := ROUTES.get((method, path)):
        return found, {}
    for its_method, pattern, candidate in PATTERNS:
        if its_method == method and (match := pattern.match(path)):
            return candidate, match.groupdict()
    return None


class Call:
    """What an endpoint's function gets: the request, who calls, and the world."""

    def __init__(self, world: World, request: Request, endpoint: Endpoint, names: dict[str, str] | None = None) -> None:
        self.world, self.request, self.endpoint, self.names = world, request, endpoint, names or {}
        self.now = world.now()
        self.rid = _make_rid(world)
        self.token: IssuedToken | None = None
        self.app_id = ""
        self._account: Account | None = None
        self._component: Component | None = None

    @property
    def params(self) -> dict[str, str]:
        """The query string's parameters."""
        return self.request.params

    @property
    def account(self) -> Account:
        """The account on whose behalf the token speaks."""
        if self._account is None:
            raise Refusal(40013)
        return self._account

    def act_for(self, account: Account | None, component: Component | None = None) -> None:
        """Says who calls; done by the checks in front of the function."""
        self._account, self._component = account, component
        self.app_id = account.app_id if account else component.app_id if component else ""

    @property
    def component(self) -> Component:
        """The third-party platform that calls, for calls with its token."""
        if self._component is None:
            raise Refusal(61011)
        return self._component

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        """The JSON body; 44002 when empty, 47001 when no JSON object, 40033 with \\u escapes."""
        raw = self.request.body
        if not raw.strip():
            raise Refusal(44002)
        if self.world.settings.refuses_escapes and _ESCAPES.search(raw):
            raise Refusal(40033)
        try:
            value = json.loads(raw.decode())
        except ValueError:
            raise Refusal(47001) from None
        if not isinstance(value, dict):
            raise Refusal(47001)
        return value

    @functools.cached_property
    def parts(self) -> dict[str, Part]:
        """The fields of a multipart form; 41005 when the body is none."""
        return parse_multipart(self.request.headers.get("content-type", ""), self.request.body)

    def user(self, openid: Any, *, keep: bool = False) -> User:
        """The account's user; 41009 without, 40003 for an unknown openid."""
        if not openid:
            raise Refusal(41009)
        account = self.account
        found = (account.keep_user if keep else account.find_user)(openid) if isinstance(openid, str) else None
        if found is None:
            raise Refusal(40003)
        return found


def parse_multipart(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts of multipart/form-data by field name; raises Refusal 41005."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if not match or not content_type.startswith("multipart/form-data"):
        raise Refusal(41005)
    found = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + match.group(1).encode())[1:-1]:
        head, _, content = piece.lstrip(b"\r\n").partition(b"\r\n\r\n")
        text = head.decode(errors="replace")
        name, filename = re.search(r'\bname="([^"]*)"', text), re.search(r'filename="([^"]*)"', text)
        kind = re.search(r"(?im)^content-type:\s*(\S+)", text)
        if name:
            found[name.group(1)] = Part(content, filename.group(1) if filename else "", kind.group(1) if kind else "")
    return found


def _make_rid(world: World) -> str:
    return f"{int(world.now()):08x}-{world.random.getrandbits(32):08x}-{world.random.getrandbits(32):08x}"
