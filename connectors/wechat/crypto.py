"""Is it WeChat who speaks: signatures and the encrypted envelope of pushes and replies (fact sheet 2.1 and 2.2).

The envelope: AES-256-CBC, IV = first 16 bytes of the key, over 16 random bytes, the message's length in 4 bytes, the
message and the AppID, padded by PKCS#7 to blocks of 32. Every comparison takes constant time; every fault is the same
BadSignature, so that nobody learns from us how far a forgery got.
"""

import base64
import binascii
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from hmac import compare_digest

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.wechat.clock import Clock, now
from connectors.wechat.documents import MAX_BYTES, Document, is_json, read_document, write_xml
from connectors.wechat.errors import BadMessage, BadPush, BadSignature

_BLOCK = 32
_IV = 16
_RANDOM = 16
_HEAD = _RANDOM + 4
_AES_KEY = re.compile(r"[0-9A-Za-z+/]{43}")


class Mode(StrEnum):
    """How the account's pushes arrive, as set in WeChat's console."""

    PLAIN = "plain"
    COMPATIBLE = "compatible"
    SAFE = "safe"


@dataclass(frozen=True)
class CallbackSecrets:
    """What an account and we share. Messages of accounts authorised to a component take the component's instead."""

    app_id: str
    token: str = field(repr=False)
    aes_keys: tuple[str, ...] = field(default=(), repr=False)
    """EncodingAESKeys: the current one first, then the previous one while it may still be in use."""
    mode: Mode = Mode.SAFE


@dataclass(frozen=True)
class Opened:
    """A push that is WeChat's, read but not yet typed."""

    document: Document
    is_json: bool
    content: bytes = field(repr=False)
    """The message as it was sent, after decryption: what `document` was read from."""
    aes_key: str = field(default="", repr=False)
    """The EncodingAESKey that opened it and has to close the reply; empty for a plain push."""


def sign(token: str, *parts: str) -> str:
    """SHA-1 over the sorted parts, in hexadecimal: WeChat's signature."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode("utf-8", "replace")).hexdigest()  # noqa: S324 - WeChat's choice


def verify_address(shared: CallbackSecrets, query: Mapping[str, str]) -> str:
    """The echostr to answer when WeChat checks the callback address. Raises BadSignature."""
    _check(query.get("signature", ""), sign(shared.token, query.get("timestamp", ""), query.get("nonce", "")))
    return query.get("echostr", "")


def open_push(
    shared: CallbackSecrets, query: Mapping[str, str], body: bytes,
    *, max_age: timedelta | None = None, clock: Clock = now,
) -> Opened:  # fmt: skip
    """The push's content once it is surely WeChat's. Raises BadSignature or BadPush.

    In safe mode only an encrypted push counts, since the plain signature does not cover the body; in the other modes an
    encrypted part, where there is one, is what counts. With `max_age` older (or younger) requests are refused.
    """
    _check_age(query.get("timestamp", ""), max_age, clock)
    is_encrypted = query.get("encrypt_type", "raw") == "aes"
    if not is_encrypted and shared.mode != Mode.SAFE:
        _check(query.get("signature", ""), sign(shared.token, query.get("timestamp", ""), query.get("nonce", "")))
        return Opened(read_document(body), is_json(body), body)
    envelope = read_document(body)
    encrypted = envelope.get("Encrypt")
    if not isinstance(encrypted, str):
        raise _not_wechat()
    parts = (query.get("timestamp", ""), query.get("nonce", ""), encrypted)
    _check(query.get("msg_signature", ""), sign(shared.token, *parts))
    content, aes_key = _decrypt_with_any(shared, encrypted)
    return Opened(read_document(content), is_json(content), content, aes_key)


def seal_reply(
    shared: CallbackSecrets, opened: Opened, reply: bytes, *, nonce: str = "", clock: Clock = now
) -> bytes:  # fmt: skip
    """The answer to an opened push: `reply` itself to a plain one, enveloped with the same key to an encrypted one."""
    if not opened.aes_key:
        return reply
    timestamp = int(clock().timestamp())
    nonce = nonce or secrets.token_hex(8)
    encrypted = encrypt(reply, opened.aes_key, shared.app_id)
    envelope: Document = {
        "Encrypt": encrypted,
        "MsgSignature": sign(shared.token, str(timestamp), nonce, encrypted),
        "TimeStamp": timestamp,
        "Nonce": nonce,
    }
    return json.dumps(envelope).encode() if opened.is_json else write_xml(envelope)


def encrypt(message: bytes, aes_key: str, app_id: str) -> str:
    """The message as the base64 text of an envelope."""
    key = decode_aes_key(aes_key)
    plain = secrets.token_bytes(_RANDOM) + len(message).to_bytes(4, "big") + message + app_id.encode()
    num_padding = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_IV])).encryptor()
    padded = plain + bytes([num_padding]) * num_padding
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(encrypted: str, aes_key: str, app_id: str) -> bytes:
    """The message of an envelope that was made with this key for this AppID. Raises BadSignature."""
    key = decode_aes_key(aes_key)
    try:
        cipher_text = base64.b64decode(encrypted.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _not_wechat() from None
    if not cipher_text or len(cipher_text) % _BLOCK or len(cipher_text) > MAX_BYTES:
        raise _not_wechat()
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_IV])).decryptor()
    plain = _without_padding(decryptor.update(cipher_text) + decryptor.finalize())
    end = _HEAD + int.from_bytes(plain[_RANDOM:_HEAD], "big")
    if end > len(plain) or not compare_digest(plain[end:], app_id.encode()):
        raise _not_wechat()
    return plain[_HEAD:end]


def decode_aes_key(aes_key: str) -> bytes:
    """The 32 bytes of an EncodingAESKey. Raises BadMessage when it is none."""
    if not _AES_KEY.fullmatch(aes_key):
        raise BadMessage("The EncodingAESKey must be 43 letters and digits. Copy it again from the WeChat console.")
    return base64.b64decode(aes_key + "=")


def _decrypt_with_any(shared: CallbackSecrets, encrypted: str) -> tuple[bytes, str]:
    for aes_key in shared.aes_keys:
        try:
            return decrypt(encrypted, aes_key, shared.app_id), aes_key
        except BadSignature:
            continue
    raise _not_wechat()


def _without_padding(padded: bytes) -> bytes:
    num = padded[-1]
    if not 1 <= num <= _BLOCK or not compare_digest(padded[-num:], bytes([num]) * num):
        raise _not_wechat()
    return padded[:-num]


def _check(given: str, expected: str) -> None:
    if not compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise _not_wechat()


def _check_age(timestamp: str, max_age: timedelta | None, clock: Clock) -> None:
    if max_age is None:
        return
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadPush("The push carries no time.")
    if abs(clock().timestamp() - int(timestamp)) > max_age.total_seconds():
        raise BadSignature("The push is too old: it may have been recorded and sent again.")


def _not_wechat() -> BadSignature:
    return BadSignature("The push is not signed with this account's token, key and AppID. Compare them in the console.")
