"""Which values a template's slots take (fact sheet 4.2): the kind is the key without its number."""

import re
from collections.abc import Callable
from typing import Any

from simulator.errors import Refusal
from simulator.messaging_state import Template

_SLOT = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")
_HAN = "\u4e00-\u9fff"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


CHECKS: dict[str, Callable[[str], bool]] = {
    "thing": lambda value: len(value) <= 20,
    "character_string": _matches(r"[\x20-\x7e]{1,32}"),
    "number": _matches(r"[-+]?\d{1,32}(\.\d{1,4})?"),
    "letter": _matches(r"[A-Za-z]{1,32}"),
    "symbol": lambda value: len(value) <= 5,
    "phrase": _matches(rf"[{_HAN}]{{1,5}}"),
    "name": _matches(rf"[{_HAN}·]{{1,10}}|[A-Za-z .·]{{1,20}}"),
    "amount": _matches(r"[¥$€]?\d{1,10}(\.\d{1,2})?元?"),
    "phone_number": _matches(r"[-+()\d]{1,17}"),
    "car_number": lambda value: len(value) <= 8,
    "time": _matches(
        r"(\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}日? ?)?\d{1,2}:\d{2}(:\d{2})?|\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}日?"
    ),
    "date": _matches(r"\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}日?( ?\d{1,2}:\d{2}(:\d{2})?)?"),
}


def slots_of(template: Template) -> list[str]:
    """The keys of its {{key.DATA}} slots in order; `first` and `remark` are no longer shown and not among them."""
    return [key for key in _SLOT.findall(template.content) if key not in ("first", "remark")]


def check_data(template: Template, data: Any) -> dict[str, str]:
    """The value per slot; 47003 naming the field when one is missing, empty or not of its kind."""
    if not isinstance(data, dict):
        raise Refusal(47003, "data is empty")
    values = {key: _value_of(data, key) for key in slots_of(template)}
    for key, value in values.items():
        if not _is_allowed(template, key, value):
            raise Refusal(47003, f"data.{key}.value invalid")
    return values


def render(template: Template, values: dict[str, str]) -> str:
    """What the user reads."""
    return _SLOT.sub(lambda slot: values.get(slot[1], ""), template.content).strip()


def _value_of(data: dict[str, Any], key: str) -> str:
    entry = data.get(key)
    value = entry.get("value") if isinstance(entry, dict) else None
    if value is None or str(value) == "":
        raise Refusal(47003, f"data.{key}.value is empty")
    return str(value)


def _is_allowed(template: Template, key: str, value: str) -> bool:
    kind = key.rstrip("0123456789")
    if kind == "const":
        return value in template.enums.get(key, [])
    return CHECKS[kind](value) if kind in CHECKS else len(value) <= 200
