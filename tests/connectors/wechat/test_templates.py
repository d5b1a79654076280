"""Template messages and the values that template messages and notices share."""

import pytest

from connectors.wechat import notices, templates
from connectors.wechat.errors import BadMessage, BadTemplate, BadTemplateData, NoSubscription, NotFollowing
from connectors.wechat.notices import MiniProgramPage
from connectors.wechat.outcomes import RefusedSend, Sent, Unknown

PATH = "/cgi-bin/message/template/send"
MESSAGE = templates.TemplateMessage("oA", "TPL", {"thing1": "订单已发货", "amount2": "¥39.00"})


def test_a_message_with_everything(client, listener):
    listener.answer(PATH, {"errcode": 0, "errmsg": "ok", "msgid": 200228332})
    message = templates.TemplateMessage(
        "oA", "TPL", {"thing1": "货"}, "https://a.cn", MiniProgramPage("wxmini", "a?b=1")
    )
    assert templates.send(client, message, "c-1") == Sent("200228332")
    assert listener.last.body == {
        "touser": "oA", "template_id": "TPL", "url": "https://a.cn",
        "miniprogram": {"appid": "wxmini", "pagepath": "a?b=1"}, "data": {"thing1": {"value": "货"}},
        "client_msg_id": "c-1",
    }  # fmt: skip


def test_a_plain_message_names_nothing_it_has_not(client, listener):
    listener.answer(PATH, {"errcode": 0, "errmsg": "ok", "msgid": 1})
    templates.send(client, MESSAGE)
    assert listener.last.body == {
        "touser": "oA",
        "template_id": "TPL",
        "data": {"thing1": {"value": "订单已发货"}, "amount2": {"value": "¥39.00"}},
    }


FITS = [
    ("thing1", "字", 20), ("character_string2", "A", 32), ("number3", "7", 32), ("letter4", "x", 32),
    ("name5", "李", 10), ("name5", "x", 20), ("phone_number6", "1", 17), ("car_number7", "粤", 8),
]  # fmt: skip


@pytest.mark.parametrize(("key", "char", "most"), FITS)
def test_values_at_their_limit(client, listener, key, char, most):
    notices.check_values({key: char * most})
    outcome = templates.send(client, templates.TemplateMessage("oA", "TPL", {key: char * (most + 1)}))
    assert isinstance(outcome, RefusedSend)
    assert outcome.why.context == {"field": key, "length": most + 1, "most": most}
    assert listener.asked == []


@pytest.mark.parametrize(("key", "value"), [
    ("number1", "-12.5"), ("amount1", "¥39.00"), ("amount1", "1,000.5元"), ("time1", "19:30"),
    ("date1", "2026年11月24日"),
    ("phone_number1", "+86-10-12345678"), ("character_string1", "No. 7"), ("const1", "已发货"),
])  # fmt: skip
def test_values_that_fit_their_kind(key, value):
    notices.check_values({key: value})


@pytest.mark.parametrize(("key", "value"), [
    ("number1", "七"), ("number1", "1.2.3"), ("amount1", "免费"), ("time1", "今晚"), ("date1", "明天"),
    ("phone_number1", "电话"), ("character_string1", "订单"), ("letter1", "a1"),
])  # fmt: skip
def test_values_of_another_kind_are_refused_without_a_call(client, listener, key, value):
    assert isinstance(templates.send(client, templates.TemplateMessage("oA", "TPL", {key: value})), RefusedSend)
    assert listener.asked == []


def test_phrases_are_chinese():
    notices.check_values({"phrase1": "已经发货啦"})
    for value in ("已经发货了啦", "sent", "已发1"):
        with pytest.raises(BadMessage):
            notices.check_values({"phrase1": value})


def test_fields_of_old_templates_have_any_length():
    notices.check_values({"keyword1": "字" * 200, "first": "x" * 99})


@pytest.mark.parametrize("values", [{}, {"thing1": ""}, {"thing1": " "}])
def test_empty_values_are_refused_without_a_call(client, listener, values):
    assert isinstance(templates.send(client, templates.TemplateMessage("oA", "TPL", values)), RefusedSend)
    assert listener.asked == []


@pytest.mark.parametrize(("errcode", "kind"), [
    (40037, BadTemplate), (43116, BadTemplate), (43004, NotFollowing), (43101, NoSubscription),
    (47003, BadTemplateData),
])  # fmt: skip
def test_refusals(client, listener, errcode, kind):
    listener.answer(PATH, {"errcode": errcode, "errmsg": "argument invalid! data.thing1.value invalid"})
    outcome = templates.send(client, MESSAGE)
    assert isinstance(outcome, RefusedSend)
    assert (type(outcome.why), outcome.permanent) == (kind, True)


def test_a_lost_answer_is_unknown_until_repeated_with_the_same_id(client, listener):
    listener.answer(PATH, None, {"errcode": 0, "errmsg": "ok", "msgid": 7})
    assert isinstance(templates.send(client, MESSAGE, "c-2"), Unknown)
    assert templates.send(client, MESSAGE, "c-2") == Sent("7")
    assert [asked.body["client_msg_id"] for asked in listener.asked] == ["c-2", "c-2"]


def test_management(client, listener):
    base = "/cgi-bin/template/"
    listener.answer(base + "get_all_private_template", {"template_list": [
        {"template_id": "TPL", "title": "发货", "primary_industry": "IT", "deputy_industry": "电商",
         "content": "{{thing1.DATA}}", "example": "例"},
    ]})  # fmt: skip
    assert templates.read_templates(client) == (
        templates.Template("TPL", "发货", "{{thing1.DATA}}", "例", ("IT", "电商")),
    )
    listener.answer(base + "api_add_template", {"errcode": 0, "errmsg": "ok", "template_id": "NEW"})
    assert templates.add_template(client, "TM00015", ("单号",)) == "NEW"
    assert listener.last.body == {"template_id_short": "TM00015", "keyword_name_list": ["单号"]}
    templates.delete_template(client, "TPL")
    assert listener.last.body == {"template_id": "TPL"}
    listener.answer(base + "get_industry", {
        "primary_industry": {"first_class": "运输与仓储", "second_class": "快递"},
        "secondary_industry": {"first_class": "IT科技", "second_class": "电商"},
    })  # fmt: skip
    assert templates.read_industries(client) == (("运输与仓储", "快递"), ("IT科技", "电商"))
    templates.set_industries(client, "1", "4")
    assert listener.last.body == {"industry_id1": "1", "industry_id2": "4"}
