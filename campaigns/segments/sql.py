"""Fragments of SQL with their parameters, and what they are asked about.

Pure. Every text is written in this package; what people typed is only ever a parameter.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Sql:
    """A piece of a query."""

    text: str
    params: tuple[Any, ...] = ()

    def __add__(self, other: "Sql") -> "Sql":
        return Sql(f"{self.text} {other.text}", self.params + other.params)

    def negated(self) -> "Sql":
        """Where this one does not hold (never NULL, because fragments are either true or false)."""
        return Sql(f"NOT ({self.text})", self.params)


def join(parts: Iterable[Sql], word: str) -> Sql:
    """The parts in brackets, joined by AND or OR."""
    listed = list(parts)
    return Sql(
        "(" + f" {word} ".join(part.text for part in listed) + ")", tuple(p for one in listed for p in one.params)
    )


@dataclass(frozen=True)
class Ask:
    """Whom and when a rule is asked about."""

    tenant_id: int
    now: datetime
    among: tuple[int, ...] | None = None
    """Only these contacts (ids); None for all."""
    other_segment: Callable[[str, "Ask"], Sql] | None = None
    """Gives the condition "is in the segment with this code", for conditions on other segments."""
    path: tuple[str, ...] = ()
    """Codes of the segments whose rules led here, so that a circle is noticed."""

    def inside(self, code: str) -> "Ask":
        """The same question within another segment's rule."""
        return replace(self, path=(*self.path, code))
