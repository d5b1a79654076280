"""Customer-service messages: bodies as the platform reads them, limits before the call, an outcome per answer."""

from dataclasses import replace

import pytest

from connectors.wechat import customer_messages as messages
from connectors.wechat.errors import (
    BadMessage,
    Busy,
    NotAllowed,
    NotFollowing,
    OverQuota,
    RefusesMessages,
    TooFast,
    TooLong,
    TransportFailed,
    WindowClosed,
    WindowUsedUp,
)
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown
from connectors.wechat.rules import AccountKind

PATH = "/cgi-bin/message/custom/send"
SERVICE, MINI = AccountKind.SERVICE, AccountKind.MINIPROGRAM

BODIES = [
    (messages.Text("您好 <a href=\"https://a.cn\">看</a>"), "text", {"content": "您好 <a href=\"https://a.cn\">看</a>"}),
    (messages.Image("M1"), "image", {"media_id": "M1"}),
    (messages.Voice("M1"), "voice", {"media_id": "M1"}),
    (messages.Video("M1", "T1", "题", "述"), "video",
     {"media_id": "M1", "thumb_media_id": "T1", "title": "题", "description": "述"}),
    (messages.Music("https://a.cn/1.mp3", "https://a.cn/2.mp3", "T1", "题", "述"), "music",
     {"title": "题", "description": "述", "musicurl": "https://a.cn/1.mp3", "hqmusicurl": "https://a.cn/2.mp3",
      "thumb_media_id": "T1"}),
    (messages.News("题", "https://a.cn/1", "述", "https://a.cn/1.jpg"), "news",
     {"articles": [{"title": "题", "description": "述", "url": "https://a.cn/1", "picurl": "https://a.cn/1.jpg"}]}),
    (messages.MaterialArticle("M1"), "mpnews", {"media_id": "M1"}),
    (messages.PublishedArticle("A1"), "mpnewsarticle", {"article_id": "A1"}),
    (messages.Choices((("101", "满意"), ("102", "不满意")), "满意吗?", "欢迎再来"), "msgmenu",
     {"head_content": "满意吗?", "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}],
      "tail_content": "欢迎再来"}),
    (messages.Coupon("C1"), "wxcard", {"card_id": "C1"}),
    (messages.MiniProgramCard("题", "pages/a", "T1", "wxmini"), "miniprogrampage",
     {"title": "题", "appid": "wxmini", "pagepath": "pages/a", "thumb_media_id": "T1"}),
]  # fmt: skip
MINI_BODIES = [
    (messages.Text("您好"), "text", {"content": "您好"}),
    (messages.Image("M1"), "image", {"media_id": "M1"}),
    (messages.Link("题", "述", "https://a.cn", "https://a.cn/1.jpg"), "link",
     {"title": "题", "description": "述", "url": "https://a.cn", "thumb_url": "https://a.cn/1.jpg"}),
    (messages.MiniProgramCard("题", "pages/a", "T1"), "miniprogrampage",
     {"title": "题", "pagepath": "pages/a", "thumb_media_id": "T1"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "msgtype", "payload", "kind"),
    [(*body, SERVICE) for body in BODIES] + [(*body, MINI) for body in MINI_BODIES],
)
def test_each_type_is_sent_as_the_platform_reads_it(client, listener, message, msgtype, payload, kind):
    assert messages.send(client, "oA", message, kind) == Sent()
    assert (listener.last.method, listener.last.path) == ("POST", PATH)
    assert listener.last.body == {"touser": "oA", "msgtype": msgtype, msgtype: payload}
    assert b"\\u" not in listener.last.raw


def test_staff_and_machine_written_text_are_marked(client, listener):
    messages.send(client, "oA", messages.Text("hi"), SERVICE, staff="kf1@brand", is_ai_text=True)
    assert listener.last.body == {
        "touser": "oA", "msgtype": "text", "text": {"content": "hi"},
        "customservice": {"kf_account": "kf1@brand"}, "aimsgcontext": {"is_ai_msg": 1},
    }  # fmt: skip


def test_text_is_counted_in_bytes(client, listener):
    fits, too_long = "国" * 682 + "ab", "国" * 682 + "abc"  # 2048 and 2049 bytes
    assert messages.send(client, "oA", messages.Text(fits), SERVICE) == Sent()
    outcome = messages.send(client, "oA", messages.Text(too_long), SERVICE)
    assert isinstance(outcome, RefusedSend)
    assert isinstance(outcome.why, TooLong)
    assert (outcome.permanent, outcome.why.context) == (True, {"field": "Text", "length": 2049, "most": 2048})
    assert len(listener.asked) == 1


@pytest.mark.parametrize(("message", "kind"), [
    (messages.Text(""), SERVICE),
    (messages.Text(" \n"), SERVICE),
    (messages.Image(""), SERVICE),
    (messages.Video("M1", ""), SERVICE),
    (messages.News("题", "a.cn"), SERVICE),
    (messages.News("题", "https://a.cn/ x"), SERVICE),
    (messages.News("题", "https://a.cn/" + "x" * 1012), SERVICE),
    (messages.Choices(()), SERVICE),
    (messages.Choices((("1", "a"), ("1", "b"))), SERVICE),
    (messages.Link("题", "述", "https://a.cn", ""), SERVICE),
    (messages.MiniProgramCard("题", "pages/a", "T1"), SERVICE),
    (messages.MiniProgramCard("题", "pages/a", "T1", "wxmini"), MINI),
    (messages.News("题", "https://a.cn"), MINI),
    (messages.Choices((("1", "a"),)), MINI),
    (messages.Voice("M1"), MINI),
    (messages.Text("\ud800"), SERVICE),
])  # fmt: skip
def test_what_the_platform_would_refuse_is_not_sent(client, listener, message, kind):
    outcome = messages.send(client, "oA", message, kind)
    assert isinstance(outcome, RefusedSend)
    assert isinstance(outcome.why, BadMessage)
    assert outcome.permanent
    assert listener.asked == []


def test_nobody_is_no_recipient(client, listener):
    assert isinstance(messages.send(client, "", messages.Text("hi"), SERVICE), RefusedSend)
    assert listener.asked == []


def test_a_link_of_1024_bytes_is_sent(client, listener):
    message = messages.News("题", "https://a.cn/" + "x" * 1011)
    assert messages.send(client, "oA", message, SERVICE) == Sent()


def test_messages_can_be_checked_while_they_are_written():
    messages.check_message(messages.Text("hi"), MINI)
    with pytest.raises(TooLong):
        messages.check_message(replace(messages.Text("hi"), content="x" * 2049), MINI)


@pytest.mark.parametrize(("errcode", "kind", "permanent", "has_end"), [
    (-1, Busy, False, False),
    (43004, NotFollowing, True, False),
    (45009, OverQuota, False, True),
    (45011, TooFast, False, True),
    (45015, WindowClosed, True, False),
    (45047, WindowUsedUp, True, False),
    (48001, NotAllowed, True, False),
    (48002, RefusesMessages, True, False),
])  # fmt: skip
def test_each_refusal_has_its_outcome(client, listener, errcode, kind, permanent, has_end):
    listener.answer(PATH, {"errcode": errcode, "errmsg": "no rid: 655e1234-12345678-1234abcd"})
    outcome = messages.send(client, "oA", messages.Text("hi"), SERVICE)
    assert isinstance(outcome, RefusedSend)
    assert type(outcome.why) is kind
    assert (outcome.permanent, outcome.until is not None) == (permanent, has_end)
    assert outcome.why.rid == "655e1234-12345678-1234abcd"
    assert len(listener.asked) == 1  # a send is not repeated


@pytest.mark.parametrize("answer", [None, ("text/html", b"<html>502</html>"), ("application/json", b"{")])
def test_no_readable_answer_is_unknown_and_not_repeated(client, listener, answer):
    listener.answer(PATH, answer)
    outcome = messages.send(client, "oA", messages.Text("hi"), SERVICE)
    assert isinstance(outcome, Unknown)
    assert outcome.why.may_have_arrived
    assert len(listener.asked) == 1


def test_a_send_that_never_left_is_refused_and_may_be_repeated(client, listener):
    listener.close()
    outcome = messages.send(client, "oA", messages.Text("hi"), SERVICE)
    assert isinstance(outcome, RefusedSend)
    assert isinstance(outcome.why, TransportFailed)
    assert not outcome.permanent


def test_a_failure_on_the_way_to_a_token_is_not_unknown(client, listener):
    class NoToken:
        def get(self):
            raise TransportFailed("no", may_have_arrived=True, path="/cgi-bin/stable_token")

    client.tokens = NoToken()
    outcome = messages.send(client, "oA", messages.Text("hi"), SERVICE)
    assert isinstance(outcome, RefusedSend)
    assert not outcome.permanent
    assert listener.asked == []


@pytest.mark.parametrize(("errcode", "is_shown"), [(0, True), (45080, False), (45081, False)])
def test_typing_is_shown_where_there_is_a_talk(client, listener, errcode, is_shown):
    path = "/cgi-bin/message/custom/typing"
    listener.answer(path, {"errcode": errcode, "errmsg": "x"})
    assert messages.show_typing(client, "oA") is is_shown
    assert listener.last.body == {"touser": "oA", "command": "Typing"}
    messages.show_typing(client, "oA", False)
    assert listener.last.body == {"touser": "oA", "command": "CancelTyping"}


def test_other_refusals_of_typing_are_raised(client, listener):
    listener.answer("/cgi-bin/message/custom/typing", {"errcode": 48001, "errmsg": "x"})
    with pytest.raises(NotAllowed):
        messages.show_typing(client, "oA")
