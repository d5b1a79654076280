"""Readers' comments under an article. `msg_data_id` is the article's join key, `index` its place from 0."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from connectors.wechat.answers import inner, moment, number, rows, text
from connectors.wechat.articles import MAX_ARTICLES
from connectors.wechat.client import WeChatClient
from connectors.wechat.limits import check_filled, check_range

PAGE_SIZE = 49


class CommentKind(IntEnum):
    """Which comments a list holds."""

    ALL = 0
    NORMAL = 1
    ELECTED = 2


@dataclass(frozen=True)
class Comment:
    """One comment; `openid` is "" where the platform does not tell it, `reply` is the account's own answer."""

    comment_id: str
    openid: str
    content: str
    is_elected: bool
    created_at: datetime | None
    reply: str = ""


@dataclass(frozen=True)
class CommentPage:
    """Up to 49 comments; a reader who stops goes on later from `next_begin`."""

    comments: tuple[Comment, ...]
    next_begin: int
    total: int


def open_comments(client: WeChatClient, msg_data_id: str, index: int = 0) -> None:
    """Let readers comment."""
    _change(client, "/cgi-bin/comment/open", msg_data_id, index)


def close_comments(client: WeChatClient, msg_data_id: str, index: int = 0) -> None:
    """Let readers comment no more."""
    _change(client, "/cgi-bin/comment/close", msg_data_id, index)


def comment_pages(
    client: WeChatClient, msg_data_id: str, index: int = 0, kind: CommentKind = CommentKind.ALL, begin: int = 0
) -> Iterator[CommentPage]:
    """Pages of an article's comments."""
    while True:
        body = {**_article(msg_data_id, index), "begin": begin, "count": PAGE_SIZE, "type": int(kind)}
        answer = client.call("POST", "/cgi-bin/comment/list", body=body, idempotent=True)
        comments = tuple(_comment(row) for row in rows(answer, "comment"))
        if not comments:
            return
        begin += len(comments)
        yield CommentPage(comments, begin, number(answer, "total"))
        if begin >= number(answer, "total"):
            return


def elect(client: WeChatClient, msg_data_id: str, index: int, comment_id: str) -> None:
    """Show a comment to all readers."""
    _change(client, "/cgi-bin/comment/markelect", msg_data_id, index, user_comment_id=_id(comment_id))


def unelect(client: WeChatClient, msg_data_id: str, index: int, comment_id: str) -> None:
    """Show a comment to all readers no more."""
    _change(client, "/cgi-bin/comment/unmarkelect", msg_data_id, index, user_comment_id=_id(comment_id))


def delete_comment(client: WeChatClient, msg_data_id: str, index: int, comment_id: str) -> None:
    """Delete a comment for good."""
    _change(client, "/cgi-bin/comment/delete", msg_data_id, index, user_comment_id=_id(comment_id))


def reply(client: WeChatClient, msg_data_id: str, index: int, comment_id: str, content: str) -> None:
    """Answer a comment in the account's name."""
    check_filled("Reply", content)
    path = "/cgi-bin/comment/reply/add"
    _change(client, path, msg_data_id, index, user_comment_id=_id(comment_id), content=content)


def delete_reply(client: WeChatClient, msg_data_id: str, index: int, comment_id: str) -> None:
    """Take the answer to a comment back."""
    _change(client, "/cgi-bin/comment/reply/delete", msg_data_id, index, user_comment_id=_id(comment_id))


def _change(client: WeChatClient, path: str, msg_data_id: str, index: int, **more: Any) -> None:
    client.call("POST", path, body={**_article(msg_data_id, index), **more})


def _article(msg_data_id: str, index: int) -> dict[str, Any]:
    check_range("Article number", index, 0, MAX_ARTICLES - 1)
    return {"msg_data_id": _id(msg_data_id), "index": index}


def _id(value: str) -> int | str:
    """Numbers in the documentation; kept as text elsewhere because they have 64 bits."""
    return int(value) if value.isdecimal() else value


def _comment(row: dict[str, Any]) -> Comment:
    return Comment(
        text(row, "user_comment_id"), text(row, "openid"), text(row, "content"), number(row, "comment_type") == 1,
        moment(row, "create_time"), text(inner(row, "reply"), "content"),
    )  # fmt: skip
