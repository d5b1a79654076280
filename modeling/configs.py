"""Run configurations: frozen dataclasses that travel as JSON, refuse unknown fields and have a stable hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

from modeling.errors import ConfigInvalid


class JsonConfig:
    """Mixin for frozen dataclasses: JSON round trip and a hash over the values."""

    def to_dict(self) -> dict[str, Any]:
        """The values as plain JSON types (tuples become lists)."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[call-overload]  # subclasses are dataclasses
        return plain

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; equal configurations give equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @property
    def config_hash(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values; missing fields keep their default, unknown or mistyped ones raise ConfigInvalid."""
        hints = get_type_hints(cls)
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # subclasses are dataclasses
        unknown = sorted(set(values) - names)
        if unknown:
            raise ConfigInvalid(
                "%(config)s has no field %(fields)s; known: %(known)s.",
                config=cls.__name__,
                fields=", ".join(unknown),
                known=", ".join(sorted(names)),
            )
        return cls(
            **{name: _read_value(f"{cls.__name__}.{name}", hints[name], value) for name, value in values.items()}
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of to_json."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ConfigInvalid("%(config)s must be a JSON object.", config=cls.__name__)
        return cls.from_dict(values)


def _read_value(name: str, hint: Any, value: Any) -> Any:
    """Turn one JSON value into the type its field is declared with."""
    if isinstance(hint, type) and issubclass(hint, JsonConfig):
        return hint.from_dict(value)
    if get_origin(hint) is tuple:
        return tuple(_read_value(name, get_args(hint)[0], one) for one in value)
    if isinstance(hint, UnionType):
        return None if value is None else _read_value(name, get_args(hint)[0], value)
    if hint is float and type(value) in (int, float):
        return float(value)
    if type(value) is not hint:
        raise ConfigInvalid(
            "%(field)s must be %(type)s, not %(value)s.", field=name, type=hint.__name__, value=repr(value)
        )
    return value
