"""What template messages and subscription notices share: where a tap leads, and the values of their fields.

The platform refuses a value that does not fit its field (47003) or cuts it without a word, so it is checked here. The
kind of a field is its name without the number: thing1, amount2, phone_number3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.wechat.errors import BadMessage
from connectors.wechat.limits import check_chars, check_filled

_HAN = "\u3400-\u9fff"


@dataclass(frozen=True)
class ValueRule:
    """What a kind of field takes: at most `most_chars`, and text that `pattern` matches as a whole."""

    most_chars: int
    pattern: str
    wanted: str


# Field knowledge, in one place to be changed. Kinds that are not listed take any text.
VALUE_RULES: dict[str, ValueRule] = {
    "thing": ValueRule(20, ".+", "text"),
    "character_string": ValueRule(32, r"[\x20-\x7e]+", "Latin letters, digits and signs"),
    "number": ValueRule(32, r"[-+]?\d+(\.\d+)?", "a number"),
    "letter": ValueRule(32, "[A-Za-z]+", "Latin letters"),
    "phrase": ValueRule(5, f"[{_HAN}]+", "Chinese characters"),
    "phone_number": ValueRule(17, r"[-+()\d ]+", "a phone number"),
    "car_number": ValueRule(8, ".+", "text"),
    "amount": ValueRule(32, r"\D{0,3}\d[\d,]*(\.\d+)?\D{0,3}", "an amount"),
    "date": ValueRule(32, r".*\d.*", "a date"),
    "time": ValueRule(32, r".*\d.*", "a time"),
}
NAME_CHARS = 10
LATIN_NAME_CHARS = 20
_KEY = re.compile(r"([a-z_]+)\d+$")


@dataclass(frozen=True)
class MiniProgramPage:
    """A page of a mini program that a tap opens."""

    app_id: str
    page_path: str = ""

    def body(self) -> dict[str, str]:
        """As the platform reads it."""
        check_filled("AppID of the mini program", self.app_id)
        return {"appid": self.app_id, "pagepath": self.page_path}


def check_values(values: Mapping[str, str]) -> None:
    """Raise BadMessage or TooLong, naming the field, for a value that does not fit it."""
    if not values:
        raise BadMessage("The template's fields are empty. Fill them in.")
    for key, value in values.items():
        check_filled(key, value)
        kind = _KEY.match(key)
        if kind:
            _check_kind(key, kind[1], value)


def _check_kind(key: str, kind: str, value: str) -> None:
    if kind == "name":
        check_chars(key, value, NAME_CHARS if re.search(f"[{_HAN}]", value) else LATIN_NAME_CHARS)
    rule = VALUE_RULES.get(kind)
    if rule is None:
        return
    check_chars(key, value, rule.most_chars)
    if not re.fullmatch(rule.pattern, value, re.DOTALL):
        raise BadMessage("%(field)s has to be %(wanted)s. Change it.", field=key, wanted=rule.wanted)


def values_body(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The values as the platform reads them."""
    check_values(values)
    return {key: {"value": value} for key, value in values.items()}
