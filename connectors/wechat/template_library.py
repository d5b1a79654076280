"""The platform's library of notices, from which an account takes its templates (subscriptions.add_template)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from connectors.wechat.answers import number, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_filled

PAGE_SIZE = 30


@dataclass(frozen=True)
class Category:
    """A service category of the account."""

    id: int
    name: str


@dataclass(frozen=True)
class LibraryTemplate:
    """A template of the library; `type` is 2 for once, 3 for long-term."""

    library_id: str
    title: str
    type: int
    category_id: int


@dataclass(frozen=True)
class LibraryKeyword:
    """A field that may be taken with a template; `rule` is the kind of its values (thing, time, …)."""

    id: int
    name: str
    example: str
    rule: str


def read_categories(client: WeChatClient) -> tuple[Category, ...]:
    """The account's service categories."""
    answer = client.call("GET", "/wxaapi/newtmpl/getcategory")
    return tuple(Category(number(row, "id"), text(row, "name")) for row in rows(answer, "data"))


def read_titles(client: WeChatClient, category_ids: Iterable[int]) -> Iterator[LibraryTemplate]:
    """The library's templates of some categories, thirty a call."""
    path, start = "/wxaapi/newtmpl/getpubtemplatetitles", 0
    ids = ",".join(str(category_id) for category_id in category_ids)
    check_filled("Categories", ids)
    while True:
        answer = client.call("GET", path, params={"ids": ids, "start": start, "limit": PAGE_SIZE})
        found = rows(answer, "data")
        for row in found:
            yield LibraryTemplate(text(row, "tid"), text(row, "title"), number(row, "type"), number(row, "categoryId"))
        start += len(found)
        if not found or start >= number(answer, "count"):
            return


def read_keywords(client: WeChatClient, library_id: str) -> tuple[LibraryKeyword, ...]:
    """The fields that may be taken with a template."""
    answer = client.call("GET", "/wxaapi/newtmpl/getpubtemplatekeywords", params={"tid": library_id})
    return tuple(
        LibraryKeyword(number(row, "kid"), text(row, "name"), text(row, "example"), text(row, "rule"))
        for row in rows(answer, "data")
    )
