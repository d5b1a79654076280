"""Who is who: openids per account and person, and a crowd of followers that exists without being stored.

A crowd openid hides its number in the crowd under a key of the account, so that a page of 10,000 followers of a million
is computed from nothing, and any openid of it leads back to its number.
"""

import base64
import functools
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_MAGIC = b"follower"


def openid_of(app_id: str, person: str) -> str:
    """28 characters, per app and person."""
    return _prefix(app_id) + base64.urlsafe_b64encode(_digest("openid", app_id, person)[:16]).decode()[:22]


def unionid_of(open_account: str, person: str) -> str:
    """28 characters, per Open Platform account and person."""
    return "o6_" + base64.urlsafe_b64encode(_digest("unionid", open_account, person)).decode()[:25]


def crowd_openids(app_id: str, first: int, num: int) -> list[str]:
    """The openids of the crowd's followers `first`, `first` + 1, …"""
    blocks = b"".join(struct.pack(">8sQ", _MAGIC, number) for number in range(first, first + num))
    sealed = _cipher(app_id).encryptor().update(blocks)
    prefix = _prefix(app_id)
    return [prefix + base64.urlsafe_b64encode(sealed[at : at + 16]).decode()[:22] for at in range(0, len(sealed), 16)]


def crowd_number(app_id: str, openid: str) -> int | None:
    """The number of a crowd openid, None for any other text."""
    if len(openid) != 28 or not openid.startswith(_prefix(app_id)):
        return None
    try:
        sealed = base64.urlsafe_b64decode(openid[6:] + "==")
    except ValueError:
        return None
    magic, number = struct.unpack(">8sQ", _cipher(app_id).decryptor().update(sealed))
    is_canonical = base64.urlsafe_b64encode(sealed).decode()[:22] == openid[6:]
    return int(number) if magic == _MAGIC and is_canonical else None


@functools.lru_cache(maxsize=1024)
def _prefix(app_id: str) -> str:
    return "o" + base64.urlsafe_b64encode(_digest("prefix", app_id)).decode()[:5]


@functools.lru_cache(maxsize=1024)
def _cipher(app_id: str) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(_digest("crowd", app_id)[:16]), modes.ECB())  # noqa: S305 - numbers in another order, no secrecy


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
