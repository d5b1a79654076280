"""Dataclasses to JSON values and back, so that the whole state can be kept and read without pickle."""

import dataclasses
import functools
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")
PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """A JSON value for a dataclass, list, tuple, dict with string keys, or plain value; shares nothing with it."""
    kind: type = type(value)
    if kind in PLAIN:
        return value
    if kind is dict:
        return {key: item if type(item) in PLAIN else to_json(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [item if type(item) in PLAIN else to_json(item) for item in value]
    found = {}
    for name in _kept_fields(kind):
        item = getattr(value, name)
        found[name] = item if type(item) in PLAIN else to_json(item)
    return found


def from_json(kind: type[T], value: Any) -> T:
    """The dataclass that `to_json` wrote. Fields that the file lacks get their defaults, unknown ones are left out."""
    return typing.cast(T, _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], value[name]) for name in _kept_fields(kind) if name in value})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in value.items()}
    if origin is list:
        return [_read(arguments[0], item) for item in value]
    if origin in (types.UnionType, typing.Union) and value is not None:
        return _read(next(one for one in arguments if one is not type(None)), value)
    return value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _kept_fields(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind) if f.init and f.metadata.get("kept", True))
