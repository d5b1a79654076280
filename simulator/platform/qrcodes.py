"""Parametric QR codes: temporary ones by the day, permanent ones for ever, 100,000 in all (fact sheet 6.2)."""

import base64
import hashlib
import io
import secrets
from typing import Any

from PIL import Image

from simulator.calls import Call, Need, Response, endpoint
from simulator.errors import Refusal
from simulator.world import QrCode

MAX_SECONDS = 30 * 86400
DEFAULT_SECONDS = 60
MAX_PERMANENT = 100_000
KINDS = ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE")
IMAGE_CELLS = 33
CELL_PIXELS = 12


@endpoint("POST", "/cgi-bin/qrcode/create", need=Need.SERVICE, daily=100_000, test_daily=10_000, permission_sets=(3,))
def create_code(call: Call) -> dict[str, Any]:
    """A ticket for a scene; a permanent scene has one code."""
    kind = call.body.get("action_name")
    if kind not in KINDS:
        raise Refusal(40052)
    is_permanent = "LIMIT" in kind
    scene_id, scene_str = _scene(call, kind, is_permanent)
    life = DEFAULT_SECONDS if is_permanent else _life(call)
    code = _known(call, scene_id, scene_str) if is_permanent else None
    if code is None:
        code = _make(call, scene_id, scene_str, is_permanent, life)
    answer: dict[str, Any] = {"ticket": code.ticket, "url": code.url}
    return answer if is_permanent else {**answer, "expire_seconds": life}


def _life(call: Call) -> int:
    seconds = call.body.get("expire_seconds", DEFAULT_SECONDS)
    if not isinstance(seconds, int) or not 1 <= seconds <= MAX_SECONDS:
        raise Refusal(40035, "expire_seconds")
    return seconds


def _scene(call: Call, kind: str, is_permanent: bool) -> tuple[int, str]:
    info = call.body.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise Refusal(40053)
    if "STR" in kind:
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= 64:
            raise Refusal(40129)
        return 0, text
    number, largest = scene.get("scene_id"), 100_000 if is_permanent else 2**32 - 1
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= largest:
        raise Refusal(40129)
    return number, ""


def _known(call: Call, scene_id: int, scene_str: str) -> QrCode | None:
    return next(
        (
            code
            for code in call.account.qr_codes.values()
            if code.is_permanent and (code.scene_id, code.scene_str) == (scene_id, scene_str)
        ),
        None,
    )


def _make(call: Call, scene_id: int, scene_str: str, is_permanent: bool, life: int) -> QrCode:
    account = call.account
    if is_permanent and account.num_permanent_codes >= MAX_PERMANENT:
        raise Refusal(45009, "permanent qrcodes")
    ticket = "gQ" + base64.b64encode(secrets.token_bytes(69)).decode() + "=="
    url = f"http://weixin.qq.com/q/{secrets.token_urlsafe(24)}"
    code = QrCode(ticket, url, scene_id, scene_str, is_permanent, call.now + life)
    account.qr_codes[ticket] = code
    account.num_permanent_codes += is_permanent
    return code


@endpoint("GET", "/cgi-bin/showqrcode", auth="page")
def show_code(call: Call) -> Response:
    """The picture of a ticket; 404 for one that is none or no more."""
    ticket = call.params.get("ticket", "")
    codes = [one.qr_codes[ticket] for one in call.world.state.accounts.values() if ticket in one.qr_codes]
    if not codes or (not codes[0].is_permanent and call.now >= codes[0].expires_at):
        return Response(b"", 404, "text/plain")
    return Response(draw_code(codes[0].url), content_type="image/jpg")


def draw_code(text: str) -> bytes:
    """A JPEG that looks like a QR code and differs by text; it carries no data, for no phone can reach a simulator."""
    bits = b"".join(hashlib.sha256(f"{text}{row}".encode()).digest() for row in range(IMAGE_CELLS))
    image = Image.new("L", (IMAGE_CELLS, IMAGE_CELLS), 255)
    last = IMAGE_CELLS - 5
    for x in range(2, IMAGE_CELLS - 2):
        for y in range(2, IMAGE_CELLS - 2):
            distance = min(max(abs(x - cx), abs(y - cy)) for cx, cy in ((5, 5), (last - 1, 5), (5, last - 1)))
            is_dark = distance in (0, 1, 3) if distance <= 4 else bits[x * 32 + y % 32] & 1
            image.putpixel((x, y), 0 if is_dark else 255)
    side, file = IMAGE_CELLS * CELL_PIXELS, io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(file, "JPEG", quality=90)
    return file.getvalue()
