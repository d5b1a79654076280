"""Short keys, URL links, schemes, short links and mini-program codes (fact sheet 6.2, 6.5)."""

import json
import secrets
import string
import struct
import zlib
from typing import TYPE_CHECKING, Any

from simulator.calls import OK, Call, Need, Response, endpoint
from simulator.clock import beijing_date
from simulator.content_state import Link
from simulator.errors import Refusal

if TYPE_CHECKING:
    from simulator.world import Account

MINI_SETS = (18,)
DAY_SECONDS, MAX_SECONDS = 86_400, 2_592_000
MAX_LONG_DATA_BYTES, MAX_QUERY = 4096, 1024
MAX_SCENE = 32
SCENE_CHARACTERS = set(string.ascii_letters + string.digits + "!#$&'()*+,/:;=?@-._~")
MAX_LINKS_PER_DAY, MAX_LIMITED_CODES = 500_000, 100_000


@endpoint("POST", "/cgi-bin/shorten/gen", need=Need.FANS)
def shorten(call: Call) -> dict[str, Any]:
    """A short key for up to 4 KB, at most 30 days."""
    data, seconds = call.body.get("long_data"), call.body.get("expire_seconds", MAX_SECONDS)
    if not isinstance(data, str) or not data or len(data.encode()) > MAX_LONG_DATA_BYTES:
        raise Refusal(40035, "long_data")
    if not isinstance(seconds, int) or not 0 < seconds <= MAX_SECONDS:
        raise Refusal(40035, "expire_seconds")
    link = _keep(call, "shorten", {"long_data": data}, call.now + seconds)
    return {**OK, "short_key": link.key}


@endpoint("POST", "/cgi-bin/shorten/fetch", need=Need.FANS)
def fetch(call: Call) -> dict[str, Any]:
    """What a short key stands for."""
    link = call.account.content.links.get(str(call.body.get("short_key")))
    if link is None or link.kind != "shorten" or link.expires_at <= call.now:
        raise Refusal(40035, "short_key")
    left = int(link.expires_at - call.now)
    return {**OK, **link.target, "create_time": int(link.created_at), "expire_seconds": left}


@endpoint("POST", "/wxa/generate_urllink", need=Need.MINI, permission_sets=MINI_SETS)
def generate_url_link(call: Call) -> dict[str, Any]:
    """A web address that opens the mini program; at most 30 days."""
    target = _checked_target(call.account, call.body)
    link = _keep(call, "urllink", target, _end_of(call, call.body))
    return {**OK, "url_link": f"https://wxaurl.cn/{link.key}"}


@endpoint("POST", "/wxa/query_urllink", need=Need.MINI, permission_sets=MINI_SETS)
def query_url_link(call: Call) -> dict[str, Any]:
    """What a URL link opens and how many may still be made today."""
    link = _find(call.account, "urllink", str(call.body.get("url_link", "")).rpartition("/")[2])
    return {**OK, "url_link_info": _described(call.account, link), "url_link_quota": _quota(call)}


@endpoint("POST", "/wxa/generatescheme", need=Need.MINI, permission_sets=MINI_SETS)
def generate_scheme(call: Call) -> dict[str, Any]:
    """A weixin:// address that opens the mini program; at most 30 days."""
    target = _checked_target(call.account, call.body.get("jump_wxa") or {})
    link = _keep(call, "scheme", target, _end_of(call, call.body))
    return {**OK, "openlink": f"weixin://dl/business/?t={link.key}"}


@endpoint("POST", "/wxa/queryscheme", need=Need.MINI, permission_sets=MINI_SETS)
def query_scheme(call: Call) -> dict[str, Any]:
    """What a scheme opens."""
    link = _find(call.account, "scheme", str(call.body.get("scheme", "")).rpartition("t=")[2])
    return {**OK, "scheme_info": _described(call.account, link), "scheme_quota": _quota(call)}


@endpoint("POST", "/wxa/genwxashortlink", need=Need.MINI, permission_sets=MINI_SETS)
def generate_short_link(call: Call) -> dict[str, Any]:
    """A `#小程序://` link for chats."""
    url, title = str(call.body.get("page_url") or ""), str(call.body.get("page_title") or "")
    _check_page(call.account, url.partition("?")[0])
    if not url or len(title) > 20:
        raise Refusal(40225 if len(title) > 20 else 85402)
    is_permanent = bool(call.body.get("is_permanent"))
    link = _keep(call, "shortlink", {"page_url": url}, 0 if is_permanent else call.now + MAX_SECONDS)
    return {**OK, "link": f"#小程序://{call.account.name}/{title}/{link.key}"}


@endpoint("POST", "/wxa/getwxacodeunlimit", need=Need.MINI, minute=5000, permission_sets=MINI_SETS)
def make_unlimited_code(call: Call) -> Response:
    """A code with a scene of at most 32 characters."""
    scene, path = call.body.get("scene"), str(call.body.get("page") or "")
    if not isinstance(scene, str) or not scene or len(scene) > MAX_SCENE or not set(scene) <= SCENE_CHARACTERS:
        raise Refusal(40169)
    if path.startswith("/") or "?" in path:
        raise Refusal(40165)
    if call.body.get("check_path", True):
        _check_page(call.account, path)
    return _code_image(call, {"scene": scene, "page": path})


@endpoint("POST", "/wxa/getwxacode", need=Need.MINI, permission_sets=MINI_SETS)
def make_code(call: Call) -> Response:
    """A code for a path; 100,000 ever, together with the square ones."""
    return _limited_code(call)


@endpoint("POST", "/cgi-bin/wxaapp/createwxaqrcode", need=Need.MINI, permission_sets=MINI_SETS)
def make_square_code(call: Call) -> Response:
    """The square kind."""
    return _limited_code(call)


def picture(seed: str, width: int) -> bytes:
    """A PNG pattern of black and white squares that differs by seed."""
    bits = int.from_bytes(zlib.crc32(seed.encode()).to_bytes(4, "big") * 16, "big")
    cells = 25
    rows = []
    for row in range(cells):
        pixels = bytes(255 * ((bits >> ((row * cells + column) % 509)) & 1) for column in range(cells))
        rows.append(b"\0" + bytes(one for one in pixels for _ in range(max(width // cells, 1))))
    scale = max(width // cells, 1)
    return png(scale * cells, scale * cells, b"".join(row for row in rows for _ in range(scale)))


def png(width: int, height: int, scanlines: bytes) -> bytes:
    """A grey 8-bit PNG; each scanline begins with its filter byte."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(scanlines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _limited_code(call: Call) -> Response:
    path, content = call.body.get("path"), call.account.content
    if not isinstance(path, str) or not path or len(path) > 1024:
        raise Refusal(40159)
    _check_page(call.account, path.partition("?")[0])
    if content.num_limited_codes >= MAX_LIMITED_CODES:
        raise Refusal(45029)
    content.num_limited_codes += 1
    return _code_image(call, {"path": path})


def _code_image(call: Call, target: dict[str, str]) -> Response:
    width = call.body.get("width", 430)
    if not isinstance(width, int) or not 280 <= width <= 1280:
        raise Refusal(40097, "width")
    return Response(picture(call.account.app_id + json.dumps(target), width), 200, "image/png")


def _checked_target(account: "Account", given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Refusal(40097)
    path, query = str(given.get("path") or ""), str(given.get("query") or "")
    if "?" in path:
        raise Refusal(40165)
    if len(query) > MAX_QUERY:
        raise Refusal(40212)
    _check_page(account, path)
    version = given.get("env_version", "release")
    if version not in ("release", "trial", "develop"):
        raise Refusal(40097, "env_version")
    return {"path": path, "query": query, "env_version": version}


def _check_page(account: "Account", path: str) -> None:
    pages = account.content.pages
    if path and pages and path.lstrip("/") not in pages:
        raise Refusal(41030)


def _end_of(call: Call, given: dict[str, Any]) -> float:
    """When the link dies: a time, or days from now; 30 days when nothing is said."""
    if given.get("expire_type", 0) == 1:
        days = given.get("expire_interval")
        if not isinstance(days, int) or not 1 <= days <= 30:
            raise Refusal(85401)
        return call.now + days * DAY_SECONDS
    at = given.get("expire_time") or call.now + MAX_SECONDS
    if not isinstance(at, int | float) or not call.now < at <= call.now + MAX_SECONDS + 1:
        raise Refusal(85401)
    return float(at)


def _keep(call: Call, kind: str, target: dict[str, Any], expires_at: float) -> Link:
    links = call.account.content.links
    for key in [key for key, one in links.items() if 0 < one.expires_at <= call.now]:
        del links[key]
    if kind in ("urllink", "scheme") and _made_today(call) >= MAX_LINKS_PER_DAY:
        raise Refusal(85400)
    link = Link(secrets.token_urlsafe(9), kind, target, call.now, expires_at)
    links[link.key] = link
    return link


def _made_today(call: Call) -> int:
    today = beijing_date(call.now)
    made = (one for one in call.account.content.links.values() if one.kind in ("urllink", "scheme"))
    return sum(1 for one in made if beijing_date(one.created_at) == today)


def _find(account: "Account", kind: str, key: str) -> Link:
    link = account.content.links.get(key)
    if link is None or link.kind != kind:
        raise Refusal(40097)
    return link


def _described(account: "Account", link: Link) -> dict[str, Any]:
    times = {"create_time": int(link.created_at), "expire_time": int(link.expires_at)}
    return {"appid": account.app_id, **link.target, **times}


def _quota(call: Call) -> dict[str, int]:
    used = _made_today(call)
    return {"long_time_used": used, "long_time_limit": MAX_LINKS_PER_DAY}
