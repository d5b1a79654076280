"""How a push's fields are read: each dataclass field says under which name it travels and what it must be.

Numbers may come as text and text as numbers (XML knows only text, and WeChat's JSON mixes them); anything else of the
wrong type is a BadPush that names the field. A name with dots leads into nested objects.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.wechat.documents import Document
from connectors.wechat.errors import BadPush

_LAST_SECOND = 4_102_444_800  # the year 2100


def text(name: str, default: str | None = None) -> Any:
    """A field of text; required unless it has a default."""
    return _wire(name, read_text, default)


def integer(name: str, default: int | None = None) -> Any:
    """A field with a whole number."""
    return _wire(name, read_integer, default)


def decimal(name: str, default: float | None = None) -> Any:
    """A field with a finite number."""
    return _wire(name, read_decimal, default)


def moment(name: str) -> Any:
    """A field with Unix seconds, as an aware datetime; None where it is missing or empty."""
    return dataclasses.field(default=None, metadata={"wire": name, "read": _read_optional_moment})


def rows(name: str, read: Callable[[str, Document], Any]) -> Any:
    """A field with objects, as a tuple; one object may come without a list around it."""

    def read_rows(_: str, value: Any) -> tuple[Any, ...]:
        return tuple(read(name, row) for row in as_rows(name, value))

    return dataclasses.field(default=(), metadata={"wire": name, "read": read_rows})


def whole(read: Callable[[Document], Any]) -> Any:
    """A field that is read out of the whole push, because its place changes."""
    return dataclasses.field(metadata={"wire": "", "read": read})


def _wire(name: str, read: Callable[[str, Any], Any], default: Any) -> Any:
    missing = dataclasses.MISSING if default is None else default
    return dataclasses.field(default=missing, metadata={"wire": name, "read": read})


def read_fields(kind: type[Any], document: Document) -> dict[str, Any]:
    """The values of the dataclass's wired fields. Raises BadPush for a missing or wrong one."""
    values = {}
    for field in dataclasses.fields(kind):
        if "wire" not in field.metadata:
            continue
        name = field.metadata["wire"]
        if not name:
            values[field.name] = field.metadata["read"](document)
            continue
        value = find(document, name)
        if value is None or (value == "" and field.default is not dataclasses.MISSING):
            if field.default is dataclasses.MISSING:
                raise BadPush("The push lacks the field %(field)s.", field=name)
            continue
        values[field.name] = field.metadata["read"](name, value)
    return values


def find(document: Document, name: str) -> Any:
    """The value at a dotted name; None where the way ends."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def as_rows(name: str, value: Any) -> list[Document]:
    """The objects in a value that is a list, one object, or an object around `item`s."""
    if value in (None, ""):
        return []
    if isinstance(value, dict) and set(value) == {"item"}:
        return as_rows(name, value["item"])
    if isinstance(value, list):
        return [row for child in value for row in as_rows(name, child)]
    if not isinstance(value, dict):
        raise _wrong(name)
    return [value]


def read_text(name: str, value: Any) -> str:
    """Text, or a whole number as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name)
    return str(value)


def read_integer(name: str, value: Any) -> int:
    """A whole number, or its text."""
    try:
        number = int(read_text(name, value))
    except ValueError:
        raise _wrong(name) from None
    if abs(number) >= 2**63:
        raise _wrong(name)
    return number


def read_decimal(name: str, value: Any) -> float:
    """A finite number, or its text."""
    try:
        number = value if isinstance(value, float) else float(read_text(name, value))
    except (ValueError, OverflowError):
        raise _wrong(name) from None
    if not math.isfinite(number):
        raise _wrong(name)
    return number


def read_moment(name: str, value: Any) -> datetime:
    """Unix seconds before the year 2100 as an aware datetime."""
    seconds = read_integer(name, value)
    if not 0 < seconds < _LAST_SECOND:
        raise _wrong(name)
    return datetime.fromtimestamp(seconds, UTC)


def _read_optional_moment(name: str, value: Any) -> datetime | None:
    return None if value in ("", 0, "0") else read_moment(name, value)


def read_texts(name: str, value: Any) -> tuple[str, ...]:
    """Several texts, or one."""
    values: Iterable[Any] = value if isinstance(value, list) else [value]
    return tuple(read_text(name, child) for child in values)


def _wrong(name: str) -> BadPush:
    return BadPush("The push's field %(field)s has the wrong type or size.", field=name)
