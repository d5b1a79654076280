"""A kind of condition: its fields, its SQL over the contact `c`, its sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.segments.fields import Field, Words
from campaigns.segments.sql import Ask, Sql

Values = Mapping[str, Any]


@dataclass(frozen=True)
class ConditionKind:
    """One entry of the builder's menu. `sql` is never NULL, so that it can be negated."""

    key: str
    group: Words
    label: Words
    fields: tuple[Field, ...]
    sql: Callable[[Values, Ask], Sql]
    words: Callable[[Values], str]

    def describe(self) -> dict[str, Any]:
        """What the builder needs to offer and draw it."""
        return {
            "on": self.key,
            "group": str(self.group),
            "label": str(self.label),
            "fields": [one.describe() for one in self.fields],
        }


@dataclass(frozen=True)
class Condition:
    """A kind with its values."""

    kind: ConditionKind
    values: Values = field(default_factory=dict)

    def sql(self, ask: Ask) -> Sql:
        """The condition on the contact `c`, true or false."""
        return self.kind.sql(self.values, ask)

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in self.values.items()}
        return {"on": self.kind.key, **{name: value for name, value in plain.items() if value not in (None, "", [])}}

    def words(self) -> str:
        """The condition for people."""
        return self.kind.words(self.values)
