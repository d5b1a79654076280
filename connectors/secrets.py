"""Secrets at rest: envelope encryption, bound to the brand, the table and the field they belong to.

Every value has a data key of its own (AES-256-GCM). The data key is wrapped by a master key of
`FIELD_ENCRYPTION_KEYS`: the first encrypts, all decrypt. Changing master keys therefore rewraps 60 bytes per value and
never opens the value (`manage.py rotate_secrets`). A sealed value that is moved to another brand, table or field does
not open, because those are part of what is authenticated.

Layout: version (1 byte) | id of the master key (4) | nonce and wrapped data key (12 + 48) | nonce and value (12 + n).
"""

import base64
import binascii
import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

_VERSION = b"\x01"
_NONCE, _KEY_ID, _WRAPPED = 12, 4, 12 + 32 + 16
_HEAD = 1 + _KEY_ID
_NO_TENANT = 0


class CannotUnseal(RuntimeError):
    """A sealed value was made with a master key we lack, or for another place: an operator's fault or an attack."""


class SealedField(models.BinaryField):  # type: ignore[type-arg]  # generic for the type checker only
    """A column of sealed bytes; read and written by `unseal` and `seal` alone."""


def seal(row: models.Model, field: str, text: str) -> None:
    """Put `text` into the row's sealed field (not saved yet)."""
    data_key, nonce, place = AESGCM.generate_key(256), os.urandom(_NONCE), _place(row, field)
    value = nonce + AESGCM(data_key).encrypt(nonce, text.encode(), place)
    setattr(row, field, _VERSION + _wrap(data_key, place) + value)


def unseal(row: models.Model, field: str) -> str:
    """The text in the row's sealed field, '' for an empty one; raises `CannotUnseal`."""
    sealed = bytes(getattr(row, field) or b"")
    if not sealed:
        return ""
    place = _place(row, field)
    nonce, value = sealed[_HEAD + _WRAPPED :][:_NONCE], sealed[_HEAD + _WRAPPED + _NONCE :]
    try:
        return AESGCM(_unwrap(sealed, place)).decrypt(nonce, value, place).decode()
    except InvalidTag as error:
        raise CannotUnseal(f"{row._meta.label}.{field} of row {row.pk} does not open") from error


def is_current(sealed: bytes) -> bool:
    """Whether the first master key wraps this value."""
    return bytes(sealed[1:_HEAD]) == _master_keys()[0][0]


def rewrap(row: models.Model, field: str) -> bytes:
    """The row's sealed value with its data key wrapped by the first master key."""
    sealed, place = bytes(getattr(row, field)), _place(row, field)
    return _VERSION + _wrap(_unwrap(sealed, place), place) + sealed[_HEAD + _WRAPPED :]


def _place(row: models.Model, field: str) -> bytes:
    tenant_id = getattr(row, "tenant_id", _NO_TENANT)
    return f"{tenant_id}:{row._meta.db_table}:{field}".encode()


def _wrap(data_key: bytes, place: bytes) -> bytes:
    key_id, master = _master_keys()[0]
    nonce = os.urandom(_NONCE)
    return key_id + nonce + master.encrypt(nonce, data_key, place)


def _unwrap(sealed: bytes, place: bytes) -> bytes:
    master = dict(_master_keys()).get(sealed[1:_HEAD])
    if sealed[:1] != _VERSION or master is None:
        raise CannotUnseal("no key of FIELD_ENCRYPTION_KEYS has sealed this value")
    nonce, wrapped = sealed[_HEAD:][:_NONCE], sealed[_HEAD + _NONCE : _HEAD + _WRAPPED]
    try:
        return master.decrypt(nonce, wrapped, place)
    except InvalidTag as error:
        raise CannotUnseal("the sealed value belongs to another brand, table or field") from error


def _master_keys() -> tuple[tuple[bytes, AESGCM], ...]:
    return parse_keys(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=8)
def parse_keys(keys: tuple[str, ...]) -> tuple[tuple[bytes, AESGCM], ...]:
    """(id, cipher) of each key; raises ImproperlyConfigured for none and for one that is not 32 bytes in base64."""
    if not keys:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS is empty: set 32 random bytes in base64.")
    return tuple(_parse(key) for key in keys)


def _parse(key: str) -> tuple[bytes, AESGCM]:
    try:
        raw = base64.b64decode(key, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise ImproperlyConfigured("A key in FIELD_ENCRYPTION_KEYS is not 32 bytes in base64.")
    return hashlib.sha256(b"fanwise:" + raw).digest()[:_KEY_ID], AESGCM(raw)
