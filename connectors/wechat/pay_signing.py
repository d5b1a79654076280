"""WeChat Pay v3: what is signed, verified and decrypted (fact sheet 9). No network.

A request is signed with the merchant's key; answers and notifications by a key of the platform that
`Wechatpay-Serial` names: a certificate's serial, or the id (`PUB_KEY_ID_…`) of the public key that new merchants get.
"""

import base64
import binascii
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.wechat.clock import Clock, now
from connectors.wechat.errors import BadMessage, BadSignature

SCHEME = "WECHATPAY2-SHA256-RSA2048"
MAX_AGE_SECONDS = 300
_PROBE = "WECHATPAY/SIGNTEST/"  # the platform tests whether we check signatures: these must fail
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Merchant:
    """A merchant's own numbers and keys. With `sub_mchid` it acts as a partner, with `sp_app_id`, for that merchant."""

    mchid: str
    serial_no: str
    """Of the merchant's certificate."""
    private_key_pem: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    """32 bytes."""
    sub_mchid: str = ""
    sp_app_id: str = ""

    @cached_property
    def private_key(self) -> rsa.RSAPrivateKey:
        """The key in `private_key_pem`. Raises BadMessage when it is none."""
        try:
            key = serialization.load_pem_private_key(self.private_key_pem.encode(), None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise BadMessage("The merchant's private key is not readable. Paste the whole of apiclient_key.pem.")
        return key


class PlatformKeys:
    """The keys by which WeChat Pay signs, by serial or id. Safe to share between threads."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPublicKey] = {}
        self._lock = threading.Lock()
        self.public_key_id = ""
        """Set when the merchant uses a public key: requests ask for it by this id."""

    def add_public_key(self, key_id: str, pem: str) -> None:
        """The public key from the merchant's console. Raises BadMessage when it is none."""
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except ValueError:
            key = None
        if not isinstance(key, rsa.RSAPublicKey) or not key_id.startswith("PUB_KEY_ID_"):
            raise BadMessage(
                "The WeChat Pay public key or its id is not readable. Copy both from the merchant console."
            )
        with self._lock:
            self._keys[key_id] = key
        self.public_key_id = key_id

    def add_certificate(self, pem: str) -> str:
        """A certificate of the platform; returns its serial. Raises BadMessage when it is none."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            key = certificate.public_key()
        except ValueError:
            key = None
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadMessage("The WeChat Pay certificate is not readable. Download it again.")
        serial = f"{certificate.serial_number:X}"
        with self._lock:
            self._keys[_plain(serial)] = key
        return serial

    def find(self, serial: str) -> rsa.RSAPublicKey | None:
        """The key of a serial or id."""
        with self._lock:
            return self._keys.get(_plain(serial))


def _plain(serial: str) -> str:
    """Serials are hexadecimal numbers: leading zeros and case do not tell them apart."""
    return serial if serial.startswith("PUB_KEY_ID_") else serial.upper().lstrip("0")


def sign_lines(merchant: Merchant, *lines: str) -> str:
    """RSA-SHA256 over the lines, each with its newline, as base64."""
    signature = merchant.private_key.sign(_message(*lines), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def authorization(
    merchant: Merchant, method: str, path_and_query: str, body: str, *, clock: Clock = now, nonce: str = ""
) -> str:
    """The Authorization header of a request; `body` exactly as it is sent."""
    nonce = nonce or secrets.token_hex(16)
    timestamp = str(int(clock().timestamp()))
    signature = sign_lines(merchant, method, path_and_query, timestamp, nonce, body)
    return (
        f'{SCHEME} mchid="{merchant.mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{merchant.serial_no}"'
    )


def sign_bridge(
    merchant: Merchant, app_id: str, prepay_id: str, *, clock: Clock = now, nonce: str = ""
) -> dict[str, str]:
    """What the page or mini program hands to WeChat's payment window."""
    nonce = nonce or secrets.token_hex(16)
    timestamp, package = str(int(clock().timestamp())), f"prepay_id={prepay_id}"
    return {
        "appId": app_id,
        "timeStamp": timestamp,
        "nonceStr": nonce,
        "package": package,
        "signType": "RSA",
        "paySign": sign_lines(merchant, app_id, timestamp, nonce, package),
    }


def verify(keys: PlatformKeys, headers: Mapping[str, str], body: bytes, *, clock: Clock = now) -> None:
    """Raise BadSignature unless WeChat Pay signed this body within the last 5 minutes. Header names: any case."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, nonce = given.get("wechatpay-timestamp", ""), given.get("wechatpay-nonce", "")
    signature, key = given.get("wechatpay-signature", ""), keys.find(given.get("wechatpay-serial", ""))
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(clock().timestamp() - int(timestamp)) > MAX_AGE_SECONDS:
        raise BadSignature("The WeChat Pay notice is older than 5 minutes or has no time. Check the server's clock.")
    if key is None or signature.startswith(_PROBE):
        raise _forged()
    try:
        signed = base64.b64decode(signature.encode("ascii"), validate=True)
        message = _message(timestamp, nonce, body.decode())
        key.verify(signed, message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, UnicodeError):
        raise _forged() from None


def decrypt_resource(api_v3_key: str, resource: Any) -> str:
    """The text of an encrypted resource (AEAD_AES_256_GCM). Raises BadSignature."""
    key = api_v3_key.encode()
    if len(key) != _KEY_BYTES:
        raise BadMessage("The APIv3 key must have 32 characters. Copy it again from the merchant console.")
    if not isinstance(resource, dict) or resource.get("algorithm", "AEAD_AES_256_GCM") != "AEAD_AES_256_GCM":
        raise _forged()
    parts = [resource.get(name, "") for name in ("nonce", "ciphertext", "associated_data")]
    if not all(isinstance(part, str) for part in parts) or len(parts[0].encode()) != _NONCE_BYTES:
        raise _forged()
    try:
        sealed = base64.b64decode(parts[1].encode("ascii"), validate=True)
        return AESGCM(key).decrypt(parts[0].encode(), sealed, parts[2].encode()).decode()
    except (InvalidTag, binascii.Error, UnicodeError, ValueError):
        raise _forged() from None


def decrypt_object(api_v3_key: str, resource: Any) -> dict[str, Any]:
    """The JSON object in an encrypted resource. Raises BadSignature."""
    try:
        content = json.loads(decrypt_resource(api_v3_key, resource))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _forged()
    return content


def read_moment(value: Any) -> datetime | None:
    """A time as WeChat Pay writes it (RFC 3339), aware; None for none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _message(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _forged() -> BadSignature:
    return BadSignature("This is not signed by WeChat Pay, or not for this merchant. Compare keys and serial numbers.")
