"""What template messages and subscription notices share: where a tap leads, and the values of their fields.

The platform refuses a value that does not fit its field (47003) or cuts it without a word, so it is checked here. The
kind of a field is its name without the number: thing1, amount2, phone_number3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.wechat.errors import BadMessage
from connectors.wechat.limits import check_chars, check_filled

# Field kinds and the characters they hold (field knowledge, in one place to be changed).
VALUE_CHARS: dict[str, int] = {
    "thing": 20,
    "character_string": 32,
    "number": 32,
    "letter": 32,
    "phrase": 5,
    "name": 10,
    "phone_number": 17,
    "car_number": 8,
}
_KEY = re.compile(r"([a-z_]+)\d+$")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")


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
        most = VALUE_CHARS.get(kind[1]) if kind else None
        if most is not None:
            check_chars(key, value, most)
        if kind and kind[1] == "phrase" and not _CHINESE.fullmatch(value):
            raise BadMessage("%(field)s takes only Chinese characters. Change it.", field=key)


def values_body(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The values as the platform reads them."""
    check_values(values)
    return {key: {"value": value} for key, value in values.items()}
