"""Passive replies: exact bodies in both formats, and what the platform would refuse is refused here."""

import json
from datetime import UTC, datetime

import pytest

from connectors.wechat import replies
from connectors.wechat.documents import read_xml
from connectors.wechat.errors import BadMessage, TooLong
from connectors.wechat.pushes import AccountPush, parse
from connectors.wechat.replies import (
    Article,
    HandOver,
    ImageReply,
    MusicReply,
    NewsReply,
    TextReply,
    VideoReply,
    VoiceReply,
)
from tests.connectors.wechat.push_samples import event, message

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = {"ToUserName": "oAnna", "FromUserName": "gh_1", "CreateTime": "1772366400"}
ARTICLE = Article("Title", "http://u", "d", "http://p")
ITEM = {"Title": "Title", "Description": "d", "PicUrl": "http://p", "Url": "http://u"}


def push_of(document: dict[str, object]) -> AccountPush:
    push = parse(document)
    assert isinstance(push, AccountPush)
    return push


ASKED = push_of(message("text", Content="?"))
CASES = [
    (TextReply("好 ]]> <b>"), {"MsgType": "text", "Content": "好 ]]> <b>"}),
    (ImageReply("m"), {"MsgType": "image", "Image": {"MediaId": "m"}}),
    (VoiceReply("m"), {"MsgType": "voice", "Voice": {"MediaId": "m"}}),
    (VideoReply("m", "t", "d"), {"MsgType": "video", "Video": {"MediaId": "m", "Title": "t", "Description": "d"}}),
    (
        MusicReply("th", "http://a", "http://b", "t", "d"),
        {
            "MsgType": "music",
            "Music": {
                "Title": "t",
                "Description": "d",
                "MusicUrl": "http://a",
                "HQMusicUrl": "http://b",
                "ThumbMediaId": "th",
            },
        },
    ),
    (HandOver(), {"MsgType": "transfer_customer_service"}),
    (HandOver("a@gh"), {"MsgType": "transfer_customer_service", "TransInfo": {"KfAccount": "a@gh"}}),
]


@pytest.mark.parametrize(("reply", "content"), CASES, ids=[type(reply).__name__ for reply, _ in CASES])
def test_every_reply_in_xml_and_json(reply: replies.Reply, content: dict[str, object]) -> None:
    body = replies.write(reply, ASKED, clock=lambda: NOON)
    assert read_xml(body) == HEAD | content
    as_json = json.loads(replies.write(reply, ASKED, is_json=True, clock=lambda: NOON))
    assert as_json == HEAD | {"CreateTime": 1772366400} | content


def test_news_carry_their_number_and_one_item_each() -> None:
    clicked = push_of(event("CLICK", EventKey="k"))
    two = NewsReply((ARTICLE, ARTICLE))
    as_xml = read_xml(replies.write(two, clicked, clock=lambda: NOON))
    assert as_xml == HEAD | {"MsgType": "news", "ArticleCount": "2", "Articles": {"item": [ITEM, ITEM]}}
    as_json = json.loads(replies.write(two, clicked, is_json=True, clock=lambda: NOON))
    assert (as_json["ArticleCount"], as_json["Articles"]) == (2, [ITEM, ITEM])


def test_what_the_platform_would_refuse_is_refused_here() -> None:
    with pytest.raises(BadMessage, match="one article only"):
        replies.write(NewsReply((ARTICLE, ARTICLE)), ASKED)
    for articles in ((), (ARTICLE,) * 9):
        with pytest.raises(BadMessage, match="1 to 8"):
            replies.write(NewsReply(articles), push_of(event("CLICK", EventKey="k")))
    with pytest.raises(BadMessage, match="empty"):
        replies.write(TextReply(""), ASKED)
    assert "好" * 682 in replies.write(TextReply("好" * 682), ASKED).decode()
    with pytest.raises(TooLong, match="2048"):
        replies.write(TextReply("好" * 683), ASKED)
