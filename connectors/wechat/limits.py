"""The platform's limits, checked before a call: what it would refuse is refused here, without spending quota.

Characters are Unicode code points, bytes are bytes of UTF-8: WeChat counts some fields one way, some the other.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from connectors.wechat.errors import BadMessage, TooLong

Item = TypeVar("Item")
URL_BYTES = 1024


def check_chars(field: str, text: str, most: int, *, is_needed: bool = False) -> None:
    """Raise unless `text` has at most `most` characters, and some when it is needed."""
    if len(text) > most:
        raise TooLong(
            "%(field)s has %(length)s characters, at most %(most)s are allowed. Shorten it.",
            field=field, length=len(text), most=most,
        )  # fmt: skip
    if is_needed:
        check_filled(field, text)


def check_bytes(field: str, text: str, most: int, *, is_needed: bool = False) -> None:
    """Raise unless `text` has at most `most` bytes in UTF-8 (a Chinese character has three), and some when needed."""
    length = len(text.encode("utf-8", "surrogatepass"))
    if length > most:
        raise TooLong(
            "%(field)s has %(length)s bytes, at most %(most)s are allowed (a Chinese character has 3). Shorten it.",
            field=field, length=length, most=most,
        )  # fmt: skip
    if is_needed:
        check_filled(field, text)


def check_filled(field: str, text: str) -> None:
    """Raise for an empty text, or one of nothing but blanks."""
    if not text.strip():
        raise BadMessage("%(field)s is empty. Fill it in.", field=field)


def check_count(field: str, items: Collection[object], least: int, most: int) -> None:
    """Raise unless there are `least` to `most` items."""
    if not least <= len(items) <= most:
        raise BadMessage(
            "%(field)s has %(num)s entries, %(least)s to %(most)s are allowed. Change their number.",
            field=field, num=len(items), least=least, most=most,
        )  # fmt: skip


def check_range(field: str, number: int, least: int, most: int) -> None:
    """Raise unless `number` lies between `least` and `most`."""
    if not least <= number <= most:
        raise BadMessage(
            "%(field)s is %(number)s, it must be from %(least)s to %(most)s. Change it.",
            field=field, number=number, least=least, most=most,
        )  # fmt: skip


def check_one_of(field: str, value: str, allowed: Iterable[str]) -> None:
    """Raise unless `value` is one of those the platform knows."""
    names = list(allowed)
    if value not in names:
        raise BadMessage(
            "%(field)s cannot be \"%(value)s\". Choose one of: %(allowed)s.",
            field=field, value=value, allowed=", ".join(names),
        )  # fmt: skip


def check_url(field: str, url: str, most_bytes: int = URL_BYTES) -> None:
    """Raise unless `url` is an absolute http or https address of at most `most_bytes`."""
    check_bytes(field, url, most_bytes, is_needed=True)
    host = url.partition("://")[2].partition("/")[0]
    if not url.startswith(("http://", "https://")) or not host or any(char.isspace() for char in url):
        raise BadMessage(
            "%(field)s is no web address. Write it in full, beginning with https:// and without spaces.", field=field
        )


def batches(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """The distinct items in their order, `size` at a time."""
    distinct = list(dict.fromkeys(items))
    for start in range(0, len(distinct), size):
        yield distinct[start : start + size]
