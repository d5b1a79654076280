"""Who is the person in the mini program: login, phone number, signed and encrypted data (fact sheet 6.5)."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.wechat.answers import demand, inner, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import BadSignature, Refused
from connectors.wechat.oauth import Route

PHONE_PATH = "/wxa/business/getuserphonenumber"
MAX_ENCRYPTED_CHARS = 64 * 1024
_AES_BYTES = 16


@dataclass(frozen=True)
class MiniLogin:
    """A person, logged in. The session key never leaves the server."""

    openid: str
    union_id: str
    session_key: str = field(repr=False)


@dataclass(frozen=True)
class PhoneNumber:
    """A person's number: `full` with the country's prefix abroad, `plain` without."""

    full: str = field(repr=False)
    plain: str = field(repr=False)
    country_code: str


def log_in(route: Route, js_code: str) -> MiniLogin:
    """Who called wx.login; the code works once within 5 minutes. Raises LoginExpired; Refused 40226 for the blocked."""
    answer = route.ask("mini", {"js_code": js_code, "grant_type": "authorization_code"})
    path = "/sns/jscode2session"
    return MiniLogin(demand(answer, "openid", path), text(answer, "unionid"), demand(answer, "session_key", path))


def is_session_valid(client: WeChatClient, login: MiniLogin) -> bool:
    """Whether the session key is still the person's."""
    signature = hmac.new(login.session_key.encode(), b"", hashlib.sha256).hexdigest()
    params = {"openid": login.openid, "signature": signature, "sig_method": "hmac_sha256"}
    try:
        client.call("GET", "/wxa/checksession", params=params)
    except Refused as error:
        if error.errcode != 87009:
            raise
        return False
    return True


def fetch_phone_number(client: WeChatClient, code: str, openid: str = "") -> PhoneNumber:
    """The number behind the code of the phone button (not the login code); costs money and works once.

    With `openid` the platform checks that the code is this person's. Raises BadSignature for another account's answer.
    """
    body = {"code": code} | ({"openid": openid} if openid else {})
    info = inner(client.call("POST", PHONE_PATH, body=body), "phone_info")
    _check_watermark(info, client.app_id)
    return PhoneNumber(
        demand(info, "phoneNumber", PHONE_PATH), text(info, "purePhoneNumber"), text(info, "countryCode")
    )


def check_raw_data(raw_data: str, signature: str, session_key: str) -> None:
    """Raise BadSignature unless wx.getUserInfo gave exactly this rawData under this session key."""
    expected = hashlib.sha1((raw_data + session_key).encode()).hexdigest()  # noqa: S324 - WeChat's choice
    if not hmac.compare_digest(expected, signature.encode("ascii", "replace").decode()):
        raise _forged()


def decrypt_user_data(encrypted_data: str, iv: str, session_key: str, app_id: str) -> dict[str, Any]:
    """The content of encryptedData, once its watermark names this mini program. Raises BadSignature."""
    if len(encrypted_data) > MAX_ENCRYPTED_CHARS:
        raise _forged()
    try:
        key, start, cipher_text = (base64.b64decode(part, validate=True) for part in (session_key, iv, encrypted_data))
    except (binascii.Error, ValueError):
        raise _forged() from None
    if len(key) != _AES_BYTES or len(start) != _AES_BYTES or not cipher_text or len(cipher_text) % _AES_BYTES:
        raise _forged()
    decryptor = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        plain = unpadder.update(decryptor.update(cipher_text) + decryptor.finalize()) + unpadder.finalize()
        content = json.loads(plain)
    except (ValueError, RecursionError):
        raise _forged() from None
    _check_watermark(content, app_id)
    return dict(content)


def _check_watermark(content: Any, app_id: str) -> None:
    watermark = content.get("watermark") if isinstance(content, dict) else None
    if not isinstance(watermark, dict) or watermark.get("appid") != app_id:
        raise _forged()


def _forged() -> BadSignature:
    return BadSignature("The data is not from this mini program's login. Ask the person to log in again.")
