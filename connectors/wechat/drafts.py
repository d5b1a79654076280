"""The draft box: what is published or sent to everybody starts here, and leaves it when it goes out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.wechat.answers import demand, inner, moment, number, text
from connectors.wechat.articles import MAX_ARTICLES, Post, StoredArticle, check_posts, stored_articles
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_range
from connectors.wechat.paging import PAGE_SIZE, Page, offset_pages


@dataclass(frozen=True)
class Draft:
    """A draft of 1 to 8 articles."""

    media_id: str
    articles: tuple[StoredArticle, ...]
    updated_at: datetime | None = None


def add_draft(client: WeChatClient, *posts: Post) -> str:
    """Put 1 to 8 articles or picture posts into the draft box; the answer is the draft's media_id."""
    check_posts(posts)
    path = "/cgi-bin/draft/add"
    return demand(client.call("POST", path, body={"articles": [post.body() for post in posts]}), "media_id", path)


def read_draft(client: WeChatClient, media_id: str) -> Draft:
    """One draft with its contents."""
    answer = client.call("POST", "/cgi-bin/draft/get", body={"media_id": media_id}, idempotent=True)
    return Draft(media_id, stored_articles(answer))


def replace_article(client: WeChatClient, media_id: str, index: int, post: Post) -> None:
    """Replace one article of a draft; `index` counts from 0."""
    check_range("Article number", index, 0, MAX_ARTICLES - 1)
    post.check()
    body = {"media_id": media_id, "index": index, "articles": post.body()}
    client.call("POST", "/cgi-bin/draft/update", body=body, idempotent=True)


def delete_draft(client: WeChatClient, media_id: str) -> None:
    """Delete a draft for good."""
    client.call("POST", "/cgi-bin/draft/delete", body={"media_id": media_id})


def count_drafts(client: WeChatClient) -> int:
    """How many drafts there are."""
    return number(client.call("GET", "/cgi-bin/draft/count"), "total_count")


def draft_pages(client: WeChatClient, offset: int = 0, *, with_content: bool = True) -> Iterator[Page[Draft]]:
    """Pages of up to 20 drafts, the newest first."""

    def read(offset: int) -> dict[str, Any]:
        body = {"offset": offset, "count": PAGE_SIZE, "no_content": int(not with_content)}
        return client.call("POST", "/cgi-bin/draft/batchget", body=body, idempotent=True)

    return offset_pages(read, _draft, offset)


def _draft(row: dict[str, Any]) -> Draft:
    return Draft(text(row, "media_id"), stored_articles(inner(row, "content")), moment(row, "update_time"))


def is_draft_box_on(client: WeChatClient) -> bool:
    """Whether the account uses the draft box."""
    answer = client.call("POST", "/cgi-bin/draft/switch", params={"checkonly": 1}, idempotent=True)
    return number(answer, "is_open") == 1


def turn_draft_box_on(client: WeChatClient) -> None:
    """Make the account use the draft box; there is no way back."""
    client.call("POST", "/cgi-bin/draft/switch", params={"checkonly": 0}, idempotent=True)
