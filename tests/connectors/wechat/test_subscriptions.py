"""Subscription notices of service accounts and mini programs, and the old one-time kind."""

from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.wechat import subscriptions
from connectors.wechat.errors import BadMessage, NoSubscription
from connectors.wechat.notices import MiniProgramPage
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown

BIZ = "/cgi-bin/message/subscribe/bizsend"
MINI = "/cgi-bin/message/subscribe/send"
NOTICE = subscriptions.Notice("oA", "TPL", {"thing1": "开课提醒"}, "pages/a")


def test_a_service_account_sends_with_bizsend(client, listener):
    assert subscriptions.send_from_service_account(client, NOTICE, MiniProgramPage("wxmini", "a")) == Sent()
    assert (listener.last.path, listener.last.body) == (BIZ, {
        "touser": "oA", "template_id": "TPL", "page": "pages/a", "data": {"thing1": {"value": "开课提醒"}},
        "miniprogram": {"appid": "wxmini", "pagepath": "a"},
    })  # fmt: skip


def test_a_mini_program_sends_with_send(client, listener):
    listener.answer(MINI, {"errcode": 0, "errmsg": "ok", "msgid": 12345678901234567890})
    outcome = subscriptions.send_from_mini_program(client, NOTICE, subscriptions.Release.TRIAL)
    assert outcome == Sent("12345678901234567890")
    assert listener.last.body == {
        "touser": "oA", "template_id": "TPL", "page": "pages/a", "data": {"thing1": {"value": "开课提醒"}},
        "miniprogram_state": "trial", "lang": "zh_CN",
    }  # fmt: skip


def test_no_consent_left(client, listener):
    listener.answer(BIZ, {"errcode": 43101, "errmsg": "user refuse to accept the msg"})
    outcome = subscriptions.send_from_service_account(client, NOTICE)
    assert isinstance(outcome, RefusedSend)
    assert type(outcome.why) is NoSubscription
    assert outcome.permanent


def test_a_bad_value_is_refused_without_a_call(client, listener):
    notice = subscriptions.Notice("oA", "TPL", {"thing1": "字" * 21})
    for outcome in (
        subscriptions.send_from_service_account(client, notice),
        subscriptions.send_from_mini_program(client, notice),
    ):
        assert isinstance(outcome, RefusedSend)
    assert listener.asked == []


def test_a_lost_answer_is_unknown(client, listener):
    listener.answer(MINI, None)
    assert isinstance(subscriptions.send_from_mini_program(client, NOTICE), Unknown)
    assert len(listener.asked) == 1


def test_templates(client, listener):
    listener.answer("/wxaapi/newtmpl/gettemplate", {"errcode": 0, "errmsg": "ok", "data": [
        {"priTmplId": "TPL", "title": "开课", "content": "{{thing1.DATA}}", "example": "例", "type": 2},
    ]})  # fmt: skip
    assert subscriptions.read_templates(client) == (
        subscriptions.NoticeTemplate("TPL", "开课", "{{thing1.DATA}}", "例", 2),
    )
    listener.answer("/wxaapi/newtmpl/addtemplate", {"errcode": 0, "errmsg": "ok", "priTmplId": "NEW"})
    assert subscriptions.add_template(client, "401", (1, 2), "提醒上课") == "NEW"
    assert listener.last.body == {"tid": "401", "kidList": [1, 2], "sceneDesc": "提醒上课"}
    subscriptions.delete_template(client, "TPL")
    assert listener.last.body == {"priTmplId": "TPL"}


def test_the_old_kind_asks_on_a_page():
    url = subscriptions.confirm_url("wxapp", "TPL", 1000, "https://a.cn/back?x=1", "s")
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("mp.weixin.qq.com", "/mp/subscribemsg", "wechat_redirect")
    assert parse_qs(parts.query) == {
        "action": ["get_confirm"], "appid": ["wxapp"], "scene": ["1000"], "template_id": ["TPL"],
        "redirect_url": ["https://a.cn/back?x=1"], "reserved": ["s"],
    }  # fmt: skip
    with pytest.raises(BadMessage):
        subscriptions.confirm_url("wxapp", "TPL", 10_001, "https://a.cn")


def test_the_old_kind_at_its_limits(client, listener):
    path = "/cgi-bin/message/template/subscribe"
    fits = subscriptions.OnceMessage("oA", "TPL", 10_000, "题" * 15, "文" * 200, "https://a.cn")
    assert subscriptions.send_once(client, fits) == Sent()
    assert (listener.last.path, listener.last.body) == (path, {
        "touser": "oA", "template_id": "TPL", "url": "https://a.cn", "scene": "10000", "title": "题" * 15,
        "data": {"content": {"value": "文" * 200}},
    })  # fmt: skip
    for title, content in (("题" * 16, "文"), ("题", "文" * 201), ("", "文"), ("题", "")):
        message = subscriptions.OnceMessage("oA", "TPL", 1, title, content)
        assert isinstance(subscriptions.send_once(client, message), RefusedSend)
    assert len(listener.asked) == 1
