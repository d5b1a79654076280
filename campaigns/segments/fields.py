"""What a condition asks for: typed fields that check raw input and describe themselves to the page's builder.

Pure; no database. One description serves both the check and the page, so the two cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_noop as _

from common.errors import BadInput

Words = str | Promise
MAX_WORDS, MAX_WORD_LENGTH = 50, 128


class RuleInvalid(BadInput):
    """A rule that cannot be read; the message names the condition and the fix."""

    code = "rule_invalid"


def _nothing() -> Iterable[tuple[str, Words]]:
    return ()


@dataclass(frozen=True)
class Field:
    """One thing to fill in. `label` stands before it in the builder."""

    name: str
    label: Words = ""
    is_optional: bool = False

    widget = "text"

    def read(self, raw: Any, place: str) -> Any:
        """The clean value; raises RuleInvalid. `place` is the condition's number, like 2.1."""
        if raw in (None, "", []) and self.is_optional:
            return self.empty
        return self._read(raw, place)

    @property
    def empty(self) -> Any:
        """The value of an optional field that was left out."""
        return None

    def describe(self) -> dict[str, Any]:
        """What the builder needs to draw it."""
        return {
            "name": self.name, "label": str(self.label), "widget": self.widget, "optional": self.is_optional,
        }  # fmt: skip

    def _read(self, raw: Any, place: str) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Choice(Field):
    """One of few words; `options` are (word, label) or a function that asks the brand's data for them."""

    options: tuple[tuple[str, Words], ...] | Callable[[], Iterable[tuple[str, Words]]] = ()
    is_open: bool = False
    """Whether a word that is no option today is kept (an account or a segment that is gone is found out when used)."""

    widget = "choice"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"options": [[word, str(label)] for word, label in self._all()]}

    def _all(self) -> list[tuple[str, Words]]:
        return list(self.options() if callable(self.options) else self.options)

    @property
    def empty(self) -> str:
        return ""

    def label_of(self, word: str) -> str:
        """How people call the word."""
        return str(dict(self._all()).get(word, word))

    def _read(self, raw: Any, place: str) -> str:
        if self.is_open and isinstance(raw, str) and 0 < len(raw) <= MAX_WORD_LENGTH:
            return raw
        known = [word for word, _label in self._all()]
        if raw not in known:
            raise RuleInvalid(
                _("Condition %(place)s: %(field)s must be one of %(known)s."),
                place=place, field=self.name, known=", ".join(known),
            )  # fmt: skip
        return str(raw)


@dataclass(frozen=True)
class Choices(Choice):
    """At least one of few words."""

    widget = "choices"

    @property
    def empty(self) -> tuple[str, ...]:  # type: ignore[override]  # several words instead of one
        return ()

    def _read(self, raw: Any, place: str) -> tuple[str, ...]:  # type: ignore[override]  # several words instead of one
        if not isinstance(raw, list) or not raw:
            raise RuleInvalid(
                _("Condition %(place)s: choose at least one value of %(field)s."), place=place, field=self.name
            )
        return tuple(dict.fromkeys(super(Choices, self)._read(word, place) for word in raw))


@dataclass(frozen=True)
class WordList(Field):
    """A list of free words; `suggest` offers those the brand's data has."""

    suggest: Callable[[], Iterable[str]] = tuple

    widget = "words"

    @property
    def empty(self) -> tuple[str, ...]:
        return ()

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"suggestions": list(self.suggest())}

    def _read(self, raw: Any, place: str) -> tuple[str, ...]:
        words = [word.strip() for word in raw if isinstance(word, str)] if isinstance(raw, list) else []
        words = [word for word in dict.fromkeys(words) if word]
        if not words or len(words) > MAX_WORDS or any(len(word) > MAX_WORD_LENGTH for word in words):
            raise RuleInvalid(
                _("Condition %(place)s: give 1 to %(most)s words of at most %(length)s characters for %(field)s."),
                place=place, most=MAX_WORDS, field=self.name, length=MAX_WORD_LENGTH,
            )  # fmt: skip
        return tuple(words)


@dataclass(frozen=True)
class Number(Field):
    """A number between two bounds."""

    least: float = 0
    most: float = 10_000
    default: float = 1
    is_whole: bool = True
    unit: Words = ""
    """Stands behind it in the builder."""

    widget = "number"

    def describe(self) -> dict[str, Any]:
        bounds = {"least": self.least, "most": self.most, "default": self.default, "whole": self.is_whole}
        return super().describe() | bounds | {"unit": str(self.unit)}

    def _read(self, raw: Any, place: str) -> float:
        value = _number(raw)
        if value is None or not self.least <= value <= self.most or (self.is_whole and value != int(value)):
            template = (
                _("Condition %(place)s: %(field)s must be a whole number from %(least)s to %(most)s.")
                if self.is_whole
                else _("Condition %(place)s: %(field)s must be a number from %(least)s to %(most)s.")
            )
            raise RuleInvalid(template, place=place, field=self.name, least=self.least, most=self.most)
        return int(value) if self.is_whole else value


@dataclass(frozen=True)
class Text(Field):
    """A short free text."""

    widget = "text"

    @property
    def empty(self) -> str:
        return ""

    def _read(self, raw: Any, place: str) -> str:
        text = str(raw).strip() if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
        if not 0 < len(text) <= MAX_WORD_LENGTH or "\x00" in text:
            raise RuleInvalid(
                _("Condition %(place)s: %(field)s must be a text of 1 to %(length)s characters."),
                place=place, field=self.name, length=MAX_WORD_LENGTH,
            )  # fmt: skip
        return text


def read_fields(fields: Iterable[Field], raw: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Clean values by name. Raises RuleInvalid for a bad or unknown one."""
    wanted = {field.name: field for field in fields}
    unknown = sorted(raw.keys() - wanted.keys() - {"on"})
    if unknown:
        raise RuleInvalid(
            _("Condition %(place)s: %(unknown)s is not known there; known: %(known)s."),
            place=place, unknown=unknown[0], known=", ".join(wanted) or "-",
        )  # fmt: skip
    return {name: field.read(raw.get(name), place) for name, field in wanted.items()}


def _number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None  # also refuses NaN
