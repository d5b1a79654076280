"""Lists that the platform gives out by offset, at most 20 entries a call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from connectors.wechat.answers import number, rows

PAGE_SIZE = 20
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """One page; a reader who stops goes on later from `next_offset`."""

    entries: tuple[Entry, ...]
    next_offset: int
    total: int


def offset_pages(
    read: Callable[[int], dict[str, Any]], entry: Callable[[dict[str, Any]], Entry], offset: int = 0
) -> Iterator[Page[Entry]]:
    """Pages from a call that answers total_count and item, until the total is reached or a page is empty."""
    while True:
        answer = read(offset)
        entries = tuple(entry(row) for row in rows(answer, "item"))
        if not entries:
            return
        offset += len(entries)
        total = number(answer, "total_count")
        yield Page(entries, offset, total)
        if offset >= total:
            return
