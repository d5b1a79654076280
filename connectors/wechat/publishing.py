"""Publishing a draft: it gets a lasting link and appears in the account's list, followers are not notified.

The call only starts a job: its end comes as a push (not always) and by asking `read_publication`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from connectors.wechat.answers import demand, inner, moment, number, rows, text, texts
from connectors.wechat.articles import MAX_ARTICLES, StoredArticle, stored_articles
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_range
from connectors.wechat.outcomes import Outcome, Sent, outcome_of
from connectors.wechat.paging import PAGE_SIZE, Page, offset_pages


class PublishState(IntEnum):
    """How far a publication is; UNKNOWN for a number the documentation does not name."""

    DONE = 0
    RUNNING = 1
    NOT_ORIGINAL = 2
    FAILED = 3
    REJECTED = 4
    DELETED = 5
    BANNED = 6
    UNKNOWN = -1

    @classmethod
    def _missing_(cls, value: object) -> "PublishState":
        return cls.UNKNOWN


@dataclass(frozen=True)
class Publication:
    """What became of a publication; `links` are (1-based index, address), `failed_indexes` the refused articles."""

    publish_id: str
    state: PublishState
    article_id: str = ""
    links: tuple[tuple[int, str], ...] = ()
    failed_indexes: tuple[int, ...] = ()


@dataclass(frozen=True)
class PublishedPost:
    """A published post of 1 to 8 articles."""

    article_id: str
    articles: tuple[StoredArticle, ...]
    updated_at: datetime | None = None


def publish(client: WeChatClient, media_id: str) -> Outcome:
    """Start publishing a draft. `Sent.msg_id` is the publish_id; verified accounts only (48001).

    After Unknown look whether the draft is still in the draft box before trying again: there is no id of ours.
    """
    path = "/cgi-bin/freepublish/submit"

    def submit() -> Sent:
        answer = client.call("POST", path, body={"media_id": media_id})
        return Sent(demand(answer, "publish_id", path), text(answer, "msg_data_id"))

    return outcome_of(path, submit)


def read_publication(client: WeChatClient, publish_id: str) -> Publication:
    """How far a publication is."""
    path = "/cgi-bin/freepublish/get"
    answer = client.call("POST", path, body={"publish_id": publish_id}, idempotent=True)
    details = rows(inner(answer, "article_detail"), "item")
    return Publication(
        publish_id=text(answer, "publish_id") or publish_id,
        state=PublishState(int(demand(answer, "publish_status", path))),
        article_id=text(answer, "article_id"),
        links=tuple((number(row, "idx"), text(row, "article_url")) for row in details),
        failed_indexes=tuple(int(index) for index in texts(answer, "fail_idx")),
    )


def published_pages(
    client: WeChatClient, offset: int = 0, *, with_content: bool = True
) -> Iterator[Page[PublishedPost]]:
    """Pages of up to 20 published posts, the newest first."""

    def read(offset: int) -> dict[str, Any]:
        body = {"offset": offset, "count": PAGE_SIZE, "no_content": int(not with_content)}
        return client.call("POST", "/cgi-bin/freepublish/batchget", body=body, idempotent=True)

    return offset_pages(read, _published, offset)


def _published(row: dict[str, Any]) -> PublishedPost:
    return PublishedPost(text(row, "article_id"), stored_articles(inner(row, "content")), moment(row, "update_time"))


def read_published(client: WeChatClient, article_id: str) -> PublishedPost:
    """One published post with its contents."""
    answer = client.call("POST", "/cgi-bin/freepublish/getarticle", body={"article_id": article_id}, idempotent=True)
    return PublishedPost(article_id, stored_articles(answer))


def unpublish(client: WeChatClient, article_id: str, index: int = 0) -> None:
    """Delete one article (`index` from 1) or the whole post (0) for good."""
    check_range("Article number", index, 0, MAX_ARTICLES)
    client.call("POST", "/cgi-bin/freepublish/delete", body={"article_id": article_id, "index": index})
