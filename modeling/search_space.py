"""What a search may try: the ranges of the settings that are worth trying. Free of Django and of Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modeling.configs import JsonConfig

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class SearchRange(JsonConfig):
    """The values of one setting that are worth trying: a range or a few choices."""

    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    """Whether the same factor, not the same step, is the same distance."""
    is_whole: bool = False
    choices: tuple[float, ...] = ()
    """The only values to try, when not empty."""

    def holds(self, value: Any) -> bool:
        """Whether the value is in it."""
        return value in self.choices if self.choices else self.low <= value <= self.high


def between(low: float, high: float) -> SearchRange:
    """Any value of a range; whole numbers when the limits are."""
    return SearchRange(low, high, is_whole=isinstance(low, int))


def by_factor(low: float, high: float) -> SearchRange:
    """Any value of a range whose ends differ by orders of magnitude."""
    return SearchRange(low, high, is_log=True)


def one_of(*choices: float) -> SearchRange:
    """A few values."""
    return SearchRange(choices=choices, is_whole=all(isinstance(choice, int) for choice in choices))
