"""Guess which column of a file holds which field, from its headers (Chinese or English) and a few rows.

Stage: collect. Reads: headers and a sample frame. Writes: a `Guess`, shown for correction.
"""

import re
import unicodedata
from dataclasses import dataclass

import polars as pl

from audience import parsing
from audience.presets import PRESETS, Field, FieldType, Preset
from audience.words import ITEM_WORDS, KIND_WORDS, normal_word

Mapping = dict[str, str]
"""Field name -> header."""

_SURE, _LIKELY, _BY_CONTENT = 1.0, 0.7, 0.4
_PUNCTUATION = re.compile(r"[\s_\-./()（）【】\[\]:：<>《》]+")
_UNIT = re.compile(
    r"(?:[(（\[【]|_)\s*(毫秒|ms|秒|s|sec|secs|seconds|分钟|min|minutes|小时|h|hours|元|yuan|rmb|分|fen|cents)\s*[)）\]】]?$"
)
_UNITS = {
    "ms": ("毫秒", "ms"),
    "s": ("秒", "s", "sec", "secs", "seconds"),
    "min": ("分钟", "min", "minutes"),
    "h": ("小时", "h", "hours"),
    "yuan": ("元", "yuan", "rmb"),
    "fen": ("分", "fen", "cents"),
}
_UNIT_NAMES = {word: unit for unit, words in _UNITS.items() for word in words}


@dataclass(frozen=True)
class Guess:
    """The preset that explains the file best, the columns of its fields, and how sure we are (0 to 1)."""

    preset: str
    mapping: Mapping
    confidence: float
    sureness: dict[str, float]  # by field


_IDENTITIES = ("openid", "unionid")
"""A platform's ids; they name the contact only where no column has the brand's own id."""


def unit_of(header: str) -> str:
    """The unit a header names, such as `停留时长(毫秒)` or `dwell_ms`: ms, s, min, h, yuan, fen or ''."""
    match = _UNIT.search(unicodedata.normalize("NFKC", header).strip().lower())
    return _UNIT_NAMES[match[1]] if match else ""


def guess_mapping(headers: tuple[str, ...], sample: pl.DataFrame) -> Guess:
    """The likeliest preset with its columns. `sample` has text columns named like the headers."""
    guesses = [_guess_preset(preset, headers, sample) for preset in PRESETS.values()]
    return max(guesses, key=lambda guess: guess.confidence)


def guess_for(preset: Preset, headers: tuple[str, ...], sample: pl.DataFrame) -> Guess:
    """The likeliest columns under a preset the user has chosen."""
    return _guess_preset(preset, headers, sample)


def _guess_preset(preset: Preset, headers: tuple[str, ...], sample: pl.DataFrame) -> Guess:
    scores = [
        (score + 0.05 * field.is_required, -index, field.name, header)
        for field in preset.fields
        for index, header in enumerate(headers)
        if (score := _score(field, header, sample[header]))
    ]
    if any(name == "external_id" and _plain(header) not in _IDENTITIES for *_rank, name, header in scores):
        scores = [row for row in scores if not (row[2] == "external_id" and _plain(row[3]) in _IDENTITIES)]
    mapping: Mapping = {}
    sureness: dict[str, float] = {}
    for score, _index, name, header in sorted(scores, key=lambda row: row[:2], reverse=True):
        if name not in mapping and header not in mapping.values():
            mapping[name] = header
            sureness[name] = round(min(score, 1.0), 2)
    if _plain(mapping.get("external_id", "")) in _IDENTITIES:  # it names the contact and is an identity too
        identity = _plain(mapping["external_id"])
        mapping.setdefault(identity, mapping["external_id"])
        sureness.setdefault(identity, sureness["external_id"])
    in_order = {field.name: mapping[field.name] for field in preset.fields if field.name in mapping}
    return Guess(preset.name, in_order, _confidence(preset, sureness, len(headers)), sureness)


def _confidence(preset: Preset, sureness: dict[str, float], num_headers: int) -> float:
    """How much of the file the preset explains, cut to a third for each required field without a column."""
    explained = sum(sureness.values()) / max(num_headers, len(preset.required) + 1)
    num_missing = sum(name not in sureness for name in preset.required)
    if preset.name == "engagement" and len(sureness.keys() - {"contact"}) < 3:
        num_missing += 1
    return round(min(explained, 1.0) / 3**num_missing, 3)


def _score(field: Field, header: str, values: pl.Series) -> float:
    by_name = _name_score(field, header)
    if by_name:
        return by_name if _fits(field, values) else by_name * 0.3
    if field.type in (FieldType.TIME, FieldType.WORD) and field.name in ("occurred_at", "kind"):
        return _BY_CONTENT if values.null_count() < len(values) and _fits(field, values, 0.95) else 0.0
    return 0.0


def _name_score(field: Field, header: str) -> float:
    """1 when the header is an alias; less when it contains one; earlier aliases are the more telling ones."""
    plain, bare = _plain(header), _plain(_UNIT.sub("", header.strip().lower()))
    aliases = [_plain(alias) for alias in field.aliases]
    for name in (plain, bare):
        if name in aliases:
            return _SURE - 0.002 * aliases.index(name)
    inside = [len(alias) for alias in aliases if _is_telling(alias) and alias in bare]
    return _LIKELY * max(inside) / len(bare) if inside else 0.0


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", name).lower())


def _is_telling(alias: str) -> bool:
    return len(alias) >= (4 if alias.isascii() else 2)


def _share_of_ids(filled: pl.Series) -> float:
    """The share of cells that could be ids: short and without blanks or punctuation of sentences."""
    return float(filled.str.contains(r"^[^\s，。！？；]{1,128}$").mean() or 0.0)  # type: ignore[arg-type]  # a share is a number


def _fits(field: Field, values: pl.Series, share: float = 0.5) -> bool:
    """Whether at least this share of the filled cells reads as the field's type."""
    filled = parsing.without_blanks(values).drop_nulls()
    if not len(filled):
        return True
    match field.type:
        case FieldType.TIME:
            typed = parsing.times(filled, "UTC")
        case FieldType.NUMBER | FieldType.DAY:
            typed = parsing.numbers(filled)
        case FieldType.SECONDS:
            typed = parsing.seconds(filled, "s")
        case FieldType.MONEY:
            typed = parsing.money_fen(filled, "yuan")
        case FieldType.FLAG:
            typed = parsing.flags(filled)
        case FieldType.GENDER:
            typed = parsing.genders(filled)
        case FieldType.WORD:
            known = KIND_WORDS if field.name == "kind" and "动作" in field.aliases else ITEM_WORDS
            return sum(normal_word(word) in known for word in filled) >= share * len(filled)
        case FieldType.ID:
            return _share_of_ids(filled) >= share
        case FieldType.TEXT if field.name == "text":
            return _share_of_ids(filled) < 1  # a column "内容" of ids names items
        case _:
            return True
    return len(typed) - typed.null_count() >= share * len(typed)
