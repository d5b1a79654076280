"""QR codes with a parameter: who scans one arrives with the parameter in the push. Verified service accounts only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.wechat.answers import demand, number, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import now
from connectors.wechat.limits import check_chars, check_range

MAX_SECONDS = 30 * 24 * 3600
SCENE_CHARS = 64
MAX_TEMPORARY_ID = 2**32 - 1
MAX_PERMANENT_ID = 100_000
MAX_PERMANENT_CODES = 100_000
IMAGE_URL = "https://mp.weixin.qq.com"


@dataclass(frozen=True)
class QrCode:
    """A code: its picture is at `image_url(ticket)`; `url` is what the picture says. `expires_at` None: never."""

    ticket: str
    url: str
    expires_at: datetime | None = None


def create_temporary(client: WeChatClient, scene: int | str, lives_seconds: int = MAX_SECONDS) -> QrCode:
    """A code that lives up to 30 days; `scene` is a number from 1 to 2^32 - 1 or a text of 1 to 64 characters."""
    check_range("Lifetime in seconds", lives_seconds, 1, MAX_SECONDS)
    name = "QR_STR_SCENE" if isinstance(scene, str) else "QR_SCENE"
    return _create(client, name, _scene(scene, MAX_TEMPORARY_ID), {"expire_seconds": lives_seconds})


def create_permanent(client: WeChatClient, scene: int | str) -> QrCode:
    """A code for ever: 100,000 per account in all, and none can be deleted. `scene`: 1 to 100000 or 1-64 characters."""
    name = "QR_LIMIT_STR_SCENE" if isinstance(scene, str) else "QR_LIMIT_SCENE"
    return _create(client, name, _scene(scene, MAX_PERMANENT_ID), {})


def _scene(scene: int | str, most: int) -> dict[str, int | str]:
    if isinstance(scene, str):
        check_chars("Scene", scene, SCENE_CHARS, is_needed=True)
        return {"scene_str": scene}
    check_range("Scene number", scene, 1, most)
    return {"scene_id": scene}


def _create(client: WeChatClient, name: str, scene: dict[str, int | str], life: dict[str, int]) -> QrCode:
    path = "/cgi-bin/qrcode/create"
    body: dict[str, Any] = {**life, "action_name": name, "action_info": {"scene": scene}}
    asked_at = now()
    answer = client.call("POST", path, body=body)
    lives_seconds = number(answer, "expire_seconds")
    expires_at = asked_at + timedelta(seconds=lives_seconds) if life and lives_seconds else None
    return QrCode(demand(answer, "ticket", path), text(answer, "url"), expires_at)


def image_url(ticket: str, base_url: str = IMAGE_URL) -> str:
    """Where the code's picture (JPG) is; needs no token."""
    return f"{base_url.rstrip('/')}/cgi-bin/showqrcode?ticket={quote(ticket, safe='')}"
