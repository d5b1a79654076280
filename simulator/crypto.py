"""The platform's side of message signatures and encryption (fact sheet 2.1, 2.2), and its XML.

A key is the 43 characters of EncodingAESKey; a text is UTF-8.
"""

import base64
import hashlib
import os
import struct
import xml.etree.ElementTree as ElementTree
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 32


class Undecipherable(Exception):
    """A text that this key did not encrypt, or XML that is none."""


def sign(*parts: str) -> str:
    """sha1 over the sorted parts, lower-case hex."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def encrypt(key: str, app_id: str, text: str, *, prefix: bytes | None = None) -> str:
    """Base64 of AES-256-CBC over 16 random bytes, length, text and app id, padded to 32."""
    raw = text.encode()
    plain = (prefix or os.urandom(16)) + struct.pack(">I", len(raw)) + raw + app_id.encode()
    num_pad = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    encryptor = _cipher(key).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([num_pad]) * num_pad) + encryptor.finalize()).decode()


def decrypt(key: str, encrypted: str) -> tuple[str, str]:
    """Text and app id; raises Undecipherable."""
    try:
        decryptor = _cipher(key).decryptor()
        plain = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
        num_pad = plain[-1]
        if not 1 <= num_pad <= BLOCK_BYTES or plain[-num_pad:] != bytes([num_pad]) * num_pad:
            raise Undecipherable("padding")
        (length,) = struct.unpack(">I", plain[16:20])
        body, app_id = plain[20 : 20 + length], plain[20 + length : -num_pad]
        if len(body) != length:
            raise Undecipherable("length")
        return body.decode(), app_id.decode()
    except (ValueError, IndexError, struct.error) as error:
        raise Undecipherable(str(error)) from error


def make_key() -> str:
    """A random EncodingAESKey."""
    return base64.b64encode(os.urandom(32)).decode().rstrip("=")


def _cipher(key: str) -> Cipher[modes.CBC]:
    raw = base64.b64decode(key + "=")
    return Cipher(algorithms.AES(raw), modes.CBC(raw[:16]))


# --- XML ------------------------------------------------------------------------------------------------------------


def to_xml(fields: dict[str, Any]) -> str:
    """`<xml>…</xml>`; texts in CDATA, numbers bare, a list as repeated elements."""
    return f"<xml>{_elements(fields)}</xml>"


def _elements(fields: dict[str, Any]) -> str:
    return "".join(
        _element(name, one) for name, value in fields.items() for one in (value if isinstance(value, list) else [value])
    )


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"<{name}>{_elements(value)}</{name}>"
    if isinstance(value, int | float):
        return f"<{name}>{value}</{name}>"
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>"


def read_xml(text: str) -> dict[str, Any]:
    """Nested dicts of texts; repeated elements become lists. Raises Undecipherable, also on any DOCTYPE."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Undecipherable("DOCTYPE")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - DOCTYPE and entities are refused above
    except ElementTree.ParseError as error:
        raise Undecipherable(str(error)) from error
    value = _value(root)
    return value if isinstance(value, dict) else {}


def _value(element: ElementTree.Element) -> Any:
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        value = _value(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found
