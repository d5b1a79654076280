"""Reads fields out of the platform's answers: what must be there is demanded, what may be missing has a default.

64-bit ids come as numbers or as strings, so they are kept as strings; empty fields come as "", null or not at all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.wechat.errors import TransportFailed

Answer = Mapping[str, Any]


def demand(answer: Answer, field: str, path: str) -> str:
    """The text or number in `field`, as text. Raises TransportFailed when it is missing: not the platform's answer."""
    value = answer.get(field)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise TransportFailed(
            "WeChat's answer to %(path)s lacks %(field)s. Try again later.",
            may_have_arrived=True, path=path, field=field,
        )  # fmt: skip
    return str(value)


def text(answer: Answer, field: str) -> str:
    """The text in `field`; "" when it is missing."""
    value = answer.get(field)
    return "" if value is None else str(value)


def number(answer: Answer, field: str) -> int:
    """The whole number in `field`, which may be written as text; 0 when it is missing or unreadable."""
    return maybe_number(answer, field) or 0


def maybe_number(answer: Answer, field: str) -> int | None:
    """The whole number in `field`; None when it is missing or unreadable: unknown is not zero."""
    try:
        return int(answer.get(field) or 0) if answer.get(field) not in (None, "") else None
    except (TypeError, ValueError):
        return None


def moment(answer: Answer, field: str) -> datetime | None:
    """The moment in `field` (Unix seconds); None when it is missing or 0."""
    seconds = number(answer, field)
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**40 else None


def rows(answer: Answer, field: str) -> list[dict[str, Any]]:
    """The objects listed in `field`; a single object counts as a list of one."""
    value = answer.get(field)
    found = value if isinstance(value, list) else [value]
    return [row for row in found if isinstance(row, dict)]


def inner(answer: Answer, field: str) -> dict[str, Any]:
    """The object in `field`; empty when it is missing."""
    value = answer.get(field)
    return value if isinstance(value, dict) else {}


def texts(answer: Answer, field: str) -> tuple[str, ...]:
    """The list of texts or ids in `field`, as texts."""
    value = answer.get(field)
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()
