"""Template messages, subscription notices of both kinds, the old one-time subscription (fact sheet 4.2, 4.3)."""

import json

import pytest

from tests.simulator.site import MINUTE, Site, make_site

SEND = "/cgi-bin/message/template/send"
BIZSEND = "/cgi-bin/message/subscribe/bizsend"


@pytest.fixture
def site(platform, listener) -> Site:
    site = make_site(platform)
    platform.set_callback(app_id=site.app_id, url=listener.url, token="token", format="json")
    return site


@pytest.fixture
def fan(site) -> str:
    return site.platform.add_user(site.app_id, "li")


@pytest.fixture
def template(site) -> str:
    body = {"template_id_short": "1101", "keyword_name_list": ["课程名称", "开课时间"]}
    return site.post("/cgi-bin/template/api_add_template", body)["template_id"]


@pytest.fixture
def notice(site) -> str:
    return site.post("/wxaapi/newtmpl/addtemplate", {"tid": "1105", "kidList": [1, 2], "sceneDesc": "上新"})[
        "priTmplId"
    ]


def message(openid: str, template_id: str, **changes) -> dict:
    data = {"thing1": {"value": "瑜伽入门"}, "time2": {"value": "2026-11-24 19:30"}}
    return {"touser": openid, "template_id": template_id, "data": data} | changes


def events(site: Site, name: str) -> list[dict]:
    site.platform.advance(3)
    return [line["message"] for line in site.platform.pushes(site.app_id) if line["message"].get("Event") == name]


def test_a_template_message_arrives_and_its_end_is_told(site, fan, template):
    answer = site.post(SEND, message(fan, template, url="https://example.com"))
    assert answer["errcode"] == 0
    finished = events(site, "TEMPLATESENDJOBFINISH")
    assert [(one["MsgID"], one["Status"], one["FromUserName"]) for one in finished] == [
        (answer["msgid"], "success", fan)
    ]
    [got] = site.platform.delivered(site.app_id, fan)
    assert (got["via"], got["payload"]["text"]) == ("template", "课程名称:瑜伽入门\n开课时间:2026-11-24 19:30")
    assert got["payload"]["jump"] == "https://example.com"


def test_a_blocked_template_message_says_so(site, fan, template):
    site.platform.refuse_messages(app_id=site.app_id, openid=fan)
    assert site.errcode(SEND, message(fan, template)) == 0
    assert [one["Status"] for one in events(site, "TEMPLATESENDJOBFINISH")] == ["failed:user block"]
    assert site.platform.delivered(site.app_id, fan) == []


def test_the_platform_may_fail_by_itself(site, fan, template):
    site.platform.next_results(app_id=site.app_id, template_statuses=["failed: system failed"])
    site.post(SEND, message(fan, template))
    site.post(SEND, message(fan, template))
    told = sorted(one["Status"] for one in events(site, "TEMPLATESENDJOBFINISH"))
    assert told == ["failed: system failed", "success"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thing1", "字" * 21),
        ("thing1", ""),
        ("time2", "明天"),
        ("time2", None),
    ],
)
def test_bad_data_is_refused_by_name(site, fan, template, key, value):
    body = message(fan, template)
    body["data"][key] = {"value": value}
    answer = site.post(SEND, body)
    assert answer["errcode"] == 47003
    assert f"data.{key}.value" in answer["errmsg"]
    site.platform.advance(3)
    assert site.platform.delivered(site.app_id, fan) == []


def test_ids_bans_and_refusals(site, fan, template, notice):
    stranger = site.platform.add_user(site.app_id, "gone", following=False)
    assert site.errcode(SEND, message(fan, "")) == 40036
    assert site.errcode(SEND, message(fan, "no such template")) == 40037
    assert site.errcode(SEND, message(fan, notice)) == 40037
    assert site.errcode(SEND, message(stranger, template)) == 43004
    assert site.errcode(SEND, message(fan, template, miniprogram={"appid": "wx1", "pagepath": "a b"})) == 40165
    site.platform.mute_template(app_id=site.app_id, openid=fan, template_id=template)
    assert site.errcode(SEND, message(fan, template)) == 43101
    site.platform.mute_template(app_id=site.app_id, openid=fan, template_id=template, on=False)
    site.platform.ban_template(app_id=site.app_id, template_id=template)
    assert site.errcode(SEND, message(fan, template)) == 43116


def test_the_same_client_msg_id_is_sent_once_in_ten_minutes(site, fan, template):
    first = site.post(SEND, message(fan, template, client_msg_id="c1"))
    again = site.post(SEND, message(fan, template, client_msg_id="c1"))
    assert again["msgid"] == first["msgid"]
    site.platform.advance(10 * MINUTE + 1)
    assert site.post(SEND, message(fan, template, client_msg_id="c1"))["msgid"] != first["msgid"]
    site.platform.advance(3)
    assert len(site.platform.delivered(site.app_id, fan)) == 2


def test_template_management_has_its_limits(site, template):
    listed = site.get("/cgi-bin/template/get_all_private_template")["template_list"]
    assert [(one["template_id"], one["content"]) for one in listed] == [
        (template, "课程名称:{{thing1.DATA}}\n开课时间:{{time2.DATA}}")
    ]
    body = {"template_id_short": "1101", "keyword_name_list": ["课程名称"]}
    codes = [site.errcode("/cgi-bin/template/api_add_template", body) for _ in range(25)]
    assert codes == [0] * 24 + [45026]
    assert site.errcode("/cgi-bin/template/del_private_template", {"template_id": template}) == 0
    assert site.errcode("/cgi-bin/template/del_private_template", {"template_id": template}) == 40037
    industry = {"industry_id1": "16", "industry_id2": "31"}
    assert [site.errcode("/cgi-bin/template/api_set_industry", industry) for _ in range(2)] == [0, 43100]
    assert site.get("/cgi-bin/template/get_industry")["primary_industry"]["first_class"] == "教育"


def test_subscription_accounts_have_no_template_messages(platform):
    site = make_site(platform, "subscription")
    assert site.errcode(SEND, message(platform.add_user(site.app_id), "t")) == 48001


# --- subscription notices -------------------------------------------------------------------------------------------


def news(openid: str, notice: str) -> dict:
    return {"touser": openid, "template_id": notice, "data": {"thing1": {"value": "秋装"}, "time2": {"value": "10:00"}}}


def accept(site: Site, openid: str, notice: str, accepts: bool = True) -> None:
    site.platform.answer_popup(app_id=site.app_id, openid=openid, answers={notice: accepts}, scene=2)


def test_one_tap_is_one_notice(site, fan, notice):
    assert site.errcode(BIZSEND, news(fan, notice)) == 43101
    accept(site, fan, notice)
    accept(site, fan, notice)
    assert [site.errcode(BIZSEND, news(fan, notice)) for _ in range(3)] == [0, 0, 43101]
    assert [line["via"] for line in site.platform.delivered(site.app_id, fan)] == ["subscription"] * 2
    sent = events(site, "subscribe_msg_sent_event")
    assert [one["SubscribeMsgSentEvent"]["List"][0]["ErrorStatus"] for one in sent] == ["success", "success"]


def test_consent_has_no_expiry(site, fan, notice):
    accept(site, fan, notice)
    site.platform.advance(400 * 86400)
    assert site.errcode(BIZSEND, news(fan, notice)) == 0


def test_answers_come_as_one_event_without_wrapper_in_json(site, fan, notice, listener):
    other = site.post("/wxaapi/newtmpl/addtemplate", {"tid": "1103", "kidList": [1, 2]})["priTmplId"]
    accept(site, fan, notice)
    site.platform.answer_popup(app_id=site.app_id, openid=fan, answers={notice: True, other: False}, scene=1)
    site.platform.do("settle")
    heard = [json.loads(one.body) for one in listener.heard]
    first, second = sorted(heard, key=lambda one: isinstance(one["List"], list))  # pushes may overtake one another
    assert first["Event"] == "subscribe_msg_popup_event"
    assert first["List"] == {"TemplateId": notice, "SubscribeStatusString": "accept", "PopupScene": 2}
    assert [(one["TemplateId"], one["SubscribeStatusString"]) for one in second["List"]] == [
        (notice, "accept"),
        (other, "reject"),
    ]
    assert "SubscribeMsgPopupEvent" not in first


def test_xml_keeps_the_wrapper(site, fan, notice, listener):
    site.platform.set_callback(app_id=site.app_id, format="xml")
    accept(site, fan, notice)
    site.platform.do("settle")
    assert f"<SubscribeMsgPopupEvent><List><TemplateId><![CDATA[{notice}]]></TemplateId>" in listener.heard[0].body


def test_taking_consent_back_and_switching_off(site, fan, notice):
    accept(site, fan, notice)
    site.platform.switch_notices(app_id=site.app_id, openid=fan, template_id=notice, on=False)
    assert site.errcode(BIZSEND, news(fan, notice)) == 43107
    site.platform.refuse_templates(app_id=site.app_id, openid=fan, template_ids=[notice])
    assert site.errcode(BIZSEND, news(fan, notice)) == 43101
    [event] = events(site, "subscribe_msg_change_event")
    assert event["SubscribeMsgChangeEvent"]["List"][0]["SubscribeStatusString"] == "reject"


def test_bad_data_spends_no_consent(site, fan, notice):
    accept(site, fan, notice)
    body = news(fan, notice)
    body["data"]["thing1"]["value"] = "长" * 21
    assert site.errcode(BIZSEND, body) == 47003
    assert site.platform.consents(app_id=site.app_id, openid=fan) == {notice: 1}


def test_long_term_consent_lasts_until_refused(platform):
    mini = make_site(platform, "miniprogram")
    openid = platform.add_user(mini.app_id, "wang", following=False)
    notice = mini.post("/wxaapi/newtmpl/addtemplate", {"tid": "1104", "kidList": [1, 2]})["priTmplId"]
    assert [one["type"] for one in mini.get("/wxaapi/newtmpl/gettemplate")["data"]] == [3]
    body = {"touser": openid, "template_id": notice, "data": {"thing1": {"value": "英语"}, "number2": {"value": "3"}}}
    accept(mini, openid, notice)
    assert [mini.errcode("/cgi-bin/message/subscribe/send", body) for _ in range(3)] == [0, 0, 0]
    assert mini.errcode(BIZSEND, body) == 48001
    platform.refuse_templates(app_id=mini.app_id, openid=openid, template_ids=[notice])
    assert mini.errcode("/cgi-bin/message/subscribe/send", body) == 43101


def test_a_mini_programs_page_must_exist_once_pages_are_known(platform):
    mini = make_site(platform, "miniprogram")
    platform.set_pages(app_id=mini.app_id, pages=["pages/index"])
    openid = platform.add_user(mini.app_id, "wang", following=False)
    notice = mini.post("/wxaapi/newtmpl/addtemplate", {"tid": "1105", "kidList": [1, 2]})["priTmplId"]
    accept(mini, openid, notice)
    body = news(openid, notice)
    assert mini.errcode("/cgi-bin/message/subscribe/send", body | {"page": "pages/none?a=1"}) == 41030
    assert mini.errcode("/cgi-bin/message/subscribe/send", body | {"page": "pages/index?a=1"}) == 0


def test_the_old_one_time_subscription_is_one_message_per_confirmation(site, fan):
    path = "/cgi-bin/message/template/subscribe"
    body = {
        "touser": fan,
        "template_id": "old",
        "scene": 7,
        "title": "开课",
        "data": {"content": {"value": "今晚八点"}},
    }
    assert site.errcode(path, body) == 43101
    page = site.platform.confirm_subscription_page(
        app_id=site.app_id, openid=fan, template_id="old", scene=7, redirect_url="https://a.example/x"
    )
    assert page["location"].startswith(f"https://a.example/x?openid={fan}&template_id=old&action=confirm&scene=7")
    assert site.errcode(path, body | {"title": "长" * 16}) == 45003
    assert site.errcode(path, body | {"data": {"content": {"value": "长" * 201}}}) == 45002
    assert [site.errcode(path, body) for _ in range(2)] == [0, 43101]
