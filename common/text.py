"""Text helpers: public codes, sort keys, digests."""

import hashlib
import secrets

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_code(length: int = 12) -> str:
    """A random public identifier (about 59 bits at 12 characters), without look-alike characters."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def sha256_hex(text: str) -> str:
    """The SHA-256 of the UTF-8 text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def sort_key(name: str) -> str:
    """A lower-case pinyin key so that Chinese names sort as a reader expects (the database has no ICU)."""
    from pypinyin import lazy_pinyin

    return " ".join(lazy_pinyin(name)).lower()[:200]
