"""Readers' comments: exact bodies, paging."""

from datetime import UTC, datetime

import pytest

from connectors.wechat import comments
from connectors.wechat.errors import BadMessage

ARTICLE = {"msg_data_id": 2247483647, "index": 1}


@pytest.mark.parametrize(("path", "change", "more"), [
    ("open", comments.open_comments, ()), ("close", comments.close_comments, ()),
    ("markelect", comments.elect, ("7",)), ("unmarkelect", comments.unelect, ("7",)),
    ("delete", comments.delete_comment, ("7",)), ("reply/delete", comments.delete_reply, ("7",)),
    ("reply/add", comments.reply, ("7", "谢谢")),
])  # fmt: skip
def test_changes(client, listener, path, change, more):
    change(client, "2247483647", 1, *more)
    names = dict(zip(("user_comment_id", "content"), ((7, *more[1:]) if more else ()), strict=False))
    assert (listener.last.path, listener.last.body) == (f"/cgi-bin/comment/{path}", {**ARTICLE, **names})


def test_pages(client, listener):
    def answer(asked):
        begin = asked.body["begin"]
        found = [
            {"user_comment_id": number, "openid": "oA", "create_time": 1_764_000_000, "content": "好",
             "comment_type": 1, "reply": {"content": "谢谢", "create_time": 1_764_000_001}}
            for number in range(begin, min(begin + asked.body["count"], 50))
        ]  # fmt: skip
        return {"errcode": 0, "errmsg": "ok", "total": 50, "comment": found}

    listener.answer("/cgi-bin/comment/list", answer)
    pages = list(comments.comment_pages(client, "2247483647", 1, comments.CommentKind.ELECTED))
    assert [(len(page.comments), page.next_begin, page.total) for page in pages] == [(49, 49, 50), (1, 50, 50)]
    at = datetime.fromtimestamp(1_764_000_000, UTC)
    assert pages[1].comments == (comments.Comment("49", "oA", "好", True, at, "谢谢"),)
    assert listener.asked[0].body == {**ARTICLE, "begin": 0, "count": 49, "type": 2}


def test_no_comments_and_bad_numbers(client, listener):
    listener.answer("/cgi-bin/comment/list", {"errcode": 0, "errmsg": "ok", "total": 0, "comment": []})
    assert list(comments.comment_pages(client, "1")) == []
    for change in (
        lambda: comments.open_comments(client, "1", 8),
        lambda: comments.reply(client, "1", 0, "7", " "),
    ):
        with pytest.raises(BadMessage):
            change()
    assert len(listener.asked) == 1
