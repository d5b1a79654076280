"""Links and codes: short keys for long data, links from outside into a mini program, mini-program codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.wechat.answers import demand, moment, number
from connectors.wechat.client import Media, WeChatClient
from connectors.wechat.clock import now
from connectors.wechat.errors import BadMessage
from connectors.wechat.limits import check_bytes, check_chars, check_filled, check_one_of, check_range

MAX_DAYS = 30
MAX_SHORT_SECONDS = MAX_DAYS * 24 * 3600
SHORT_DATA_BYTES = 4096
QUERY_CHARS = 1024
PATH_CHARS = 1024
SCENE_CHARS = 32
MIN_WIDTH = 280
MAX_WIDTH = 1280
RELEASES = ("release", "trial", "develop")
_SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+")


@dataclass(frozen=True)
class LongData:
    """What a short key stands for."""

    data: str
    created_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Target:
    """Where a link into a mini program leads: page without leading slash, its query, and the release opened."""

    path: str = ""
    query: str = ""
    release: str = "release"

    def body(self) -> dict[str, str]:
        """As the platform reads it. Raises BadMessage or TooLong."""
        check_chars("Query", self.query, QUERY_CHARS)
        check_chars("Page", self.path, PATH_CHARS)
        check_one_of("Release", self.release, RELEASES)
        return {"path": self.path, "query": self.query, "env_version": self.release}


@dataclass(frozen=True)
class CodeStyle:
    """How a mini-program code looks: width in pixels, its colour, transparent ground or not."""

    width: int = 430
    color: tuple[int, int, int] | None = None
    is_transparent: bool = False

    def body(self) -> dict[str, Any]:
        """As the platform reads it. Raises BadMessage."""
        check_range("Width", self.width, MIN_WIDTH, MAX_WIDTH)
        for part in self.color or ():
            check_range("Colour", part, 0, 255)
        color = dict(zip("rgb", self.color or (0, 0, 0), strict=True))
        return {
            "width": self.width, "auto_color": False, "line_color": color, "is_hyaline": self.is_transparent
        }  # fmt: skip


def shorten(client: WeChatClient, data: str, lives_seconds: int = MAX_SHORT_SECONDS) -> str:
    """A short key for up to 4 KB of text, which lives up to 30 days."""
    check_bytes("Data", data, SHORT_DATA_BYTES, is_needed=True)
    check_range("Lifetime in seconds", lives_seconds, 1, MAX_SHORT_SECONDS)
    path = "/cgi-bin/shorten/gen"
    return demand(
        client.call("POST", path, body={"long_data": data, "expire_seconds": lives_seconds}), "short_key", path
    )


def expand(client: WeChatClient, short_key: str) -> LongData:
    """What a short key stands for."""
    path = "/cgi-bin/shorten/fetch"
    answer = client.call("POST", path, body={"short_key": short_key}, idempotent=True)
    created_at, left_seconds = moment(answer, "create_time"), number(answer, "expire_seconds")
    expires_at = now() + timedelta(seconds=left_seconds) if left_seconds else None
    return LongData(demand(answer, "long_data", path), created_at, expires_at)


def create_url_link(client: WeChatClient, target: Target, *, lives_days: int = MAX_DAYS) -> str:
    """A https link that opens a mini program from outside WeChat; it lives 1 to 30 days."""
    path = "/wxa/generate_urllink"
    return demand(client.call("POST", path, body={**target.body(), **_life(lives_days)}), "url_link", path)


def create_scheme(client: WeChatClient, target: Target, *, lives_days: int = MAX_DAYS) -> str:
    """A weixin:// link that opens a mini program; it lives 1 to 30 days."""
    path = "/wxa/generatescheme"
    body: dict[str, Any] = {"jump_wxa": target.body(), "is_expire": True, **_life(lives_days)}
    return demand(client.call("POST", path, body=body), "openlink", path)


def _life(days: int) -> dict[str, int]:
    check_range("Lifetime in days", days, 1, MAX_DAYS)
    return {"expire_type": 1, "expire_interval": days}


def create_expiring_url_link(client: WeChatClient, target: Target, expires_at: datetime) -> str:
    """A https link into a mini program that ends at a moment within the next 30 days."""
    path = "/wxa/generate_urllink"
    if not now() < expires_at <= now() + timedelta(days=MAX_DAYS):
        raise BadMessage("The link has to end within the next 30 days. Choose another date.")
    life = {"expire_type": 0, "expire_time": int(expires_at.astimezone(UTC).timestamp())}
    return demand(client.call("POST", path, body={**target.body(), **life}), "url_link", path)


def read_url_link(client: WeChatClient, url_link: str) -> Mapping[str, Any]:
    """What the platform knows of a URL link, raw: where it leads, when it ends, the account's quota of links."""
    return client.call("POST", "/wxa/query_urllink", body={"url_link": url_link}, idempotent=True)


def read_scheme(client: WeChatClient, scheme: str) -> Mapping[str, Any]:
    """What the platform knows of a scheme, raw."""
    return client.call("POST", "/wxa/queryscheme", body={"scheme": scheme}, idempotent=True)


def create_short_link(client: WeChatClient, page: str, title: str, *, is_permanent: bool = False) -> str:
    """A link for use inside WeChat (chats, comments)."""
    check_filled("Page", page)
    path = "/wxa/genwxashortlink"
    body = {"page_url": page, "page_title": title, "is_permanent": is_permanent}
    return demand(client.call("POST", path, body=body), "link", path)


def draw_code(
    client: WeChatClient, scene: str, page: str = "", *, release: str = "release", style: CodeStyle | None = None,
    must_exist: bool = True,
) -> Media:  # fmt: skip
    """The picture of a mini-program code, without limit of number: the mini program gets `scene` when it is scanned."""
    check_chars("Scene", scene, SCENE_CHARS, is_needed=True)
    if not _SCENE.fullmatch(scene):
        raise BadMessage("The scene may hold Latin letters, digits and !#$&'()*+,/:;=?@-._~ only. Change it.")
    if page.startswith("/") or "?" in page:
        raise BadMessage("The page is written without leading slash and without query. Change it.")
    check_one_of("Release", release, RELEASES)
    body: dict[str, Any] = {"scene": scene, "check_path": must_exist, "env_version": release}
    body |= ({"page": page} if page else {}) | (style or CodeStyle()).body()
    return client.fetch("POST", "/wxa/getwxacodeunlimit", body=body)


def draw_limited_code(client: WeChatClient, path: str, *, style: CodeStyle | None = None) -> Media:
    """The picture of a mini-program code for a whole path with query; 100,000 per mini program in all, for ever."""
    check_chars("Page", path, PATH_CHARS, is_needed=True)
    return client.fetch("POST", "/wxa/getwxacode", body={"path": path, **(style or CodeStyle()).body()})


def draw_square_code(client: WeChatClient, path: str, width: int = 430) -> Media:
    """The picture of a square code for a whole path; counted together with `draw_limited_code`'s."""
    check_chars("Page", path, PATH_CHARS, is_needed=True)
    check_range("Width", width, MIN_WIDTH, MAX_WIDTH)
    return client.fetch("POST", "/cgi-bin/wxaapp/createwxaqrcode", body={"path": path, "width": width})
