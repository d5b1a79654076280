"""Mass send: who gets it, how often, how a job ends (fact sheet 4.4)."""

import datetime as dt

import pytest

from tests.simulator.site import DAY, MINUTE, Site, make_site

SENDALL = "/cgi-bin/message/mass/sendall"
BEIJING = dt.timezone(dt.timedelta(hours=8))


@pytest.fixture
def site(platform, listener) -> Site:
    site = make_site(platform)
    platform.set_callback(app_id=site.app_id, url=listener.url, token="token")
    return site


@pytest.fixture
def subscription(platform) -> Site:
    return make_site(platform, "subscription")


def to_all(text: str = "大家好", **more) -> dict:
    return {"filter": {"is_to_all": True}, "msgtype": "text", "text": {"content": text}, **more}


def to_some(openids: list[str], text: str = "你们好", **more) -> dict:
    return {"touser": openids, "msgtype": "text", "text": {"content": text}, **more}


def finish(site: Site, seconds: float = 10) -> None:
    site.platform.advance(seconds)


def finished(site: Site) -> list[dict]:
    lines = [line["message"] for line in site.platform.pushes(site.app_id)]
    ended = [one for one in lines if one.get("Event") == "MASSSENDJOBFINISH"]
    return sorted(ended, key=lambda one: one["MsgID"])  # pushes have no order


def go_to(site: Site, year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> None:
    at = dt.datetime(year, month, day, hour, minute, tzinfo=BEIJING)
    site.platform.do("clock", to=at.timestamp())
    site.renew()


def test_acceptance_is_not_yet_delivery(site):
    fans = site.platform.add_users(site.app_id, 3)
    answer = site.post(SENDALL, to_all())
    assert answer["errmsg"] == "send job submission success"
    assert "msg_data_id" not in answer
    assert site.post("/cgi-bin/message/mass/get", {"msg_id": answer["msg_id"]})["msg_status"] == "SENDING"
    assert site.platform.delivered(site.app_id) == []
    finish(site)
    assert site.post("/cgi-bin/message/mass/get", {"msg_id": answer["msg_id"]})["msg_status"] == "SEND_SUCCESS"
    [event] = finished(site)
    counts = [event[name] for name in ("MsgID", "TotalCount", "FilterCount", "SentCount", "ErrorCount")]
    assert (event["Status"], counts) == ("send success", [answer["msg_id"], 3, 3, 3, 0])
    assert event["FromUserName"] not in fans
    assert {line["subject"] for line in site.platform.delivered(site.app_id)} == set(fans)


def test_a_subscription_account_sends_once_a_day(subscription):
    go_to(subscription, 2026, 11, 20, 23, 50)
    assert subscription.errcode(SENDALL, to_all("a")) == 0
    assert subscription.errcode(SENDALL, to_all("b")) == 45028
    go_to(subscription, 2026, 11, 21, 0, 1)
    assert subscription.errcode(SENDALL, to_all("c")) == 0


def test_a_failed_send_leaves_the_day_free(subscription):
    subscription.platform.next_results(app_id=subscription.app_id, mass_errors=[20001])
    assert subscription.errcode(SENDALL, to_all("a")) == 0
    finish(subscription)
    assert subscription.errcode(SENDALL, to_all("b")) == 0


def test_a_user_of_a_service_account_gets_four_a_month(site):
    go_to(site, 2026, 11, 10)
    fans = site.platform.add_users(site.app_id, 3)
    for number in range(4):
        site.post("/cgi-bin/message/mass/send", to_some(fans[:2], f"no. {number}"))
    finish(site)
    site.post("/cgi-bin/message/mass/send", to_some(fans, "fifth"))
    finish(site)
    last = finished(site)[-1]
    assert [last[name] for name in ("TotalCount", "FilterCount", "SentCount")] == [3, 1, 1]
    assert [len(site.platform.delivered(site.app_id, fan)) for fan in fans] == [4, 4, 1]


def test_the_month_ends_in_beijing(site):
    fans = site.platform.add_users(site.app_id, 2)
    go_to(site, 2026, 11, 30, 23, 30)
    for number in range(5):
        site.post("/cgi-bin/message/mass/send", to_some(fans, f"no. {number}"))
    finish(site)
    assert [len(site.platform.delivered(site.app_id, fan)) for fan in fans] == [4, 4]
    go_to(site, 2026, 12, 1, 0, 1)
    site.post("/cgi-bin/message/mass/send", to_some(fans, "december"))
    finish(site)
    assert [len(site.platform.delivered(site.app_id, fan)) for fan in fans] == [5, 5]


def test_to_all_goes_four_times_a_month_with_a_service_account(site):
    go_to(site, 2026, 11, 10)
    assert [site.errcode(SENDALL, to_all(f"no. {number}")) for number in range(5)] == [0, 0, 0, 0, 45028]


def test_a_million_generated_followers_count_without_being_stored(site):
    go_to(site, 2026, 11, 10)
    site.platform.grow_crowd(app_id=site.app_id, num=1_000_000)
    early = site.platform.list_openids(app_id=site.app_id, first=7, num=2)
    site.post("/cgi-bin/message/mass/send", to_some(early))
    finish(site)
    for number in range(4):
        site.post(SENDALL, to_all(f"no. {number}"))
    finish(site, 3 * MINUTE)
    events = finished(site)
    assert [one["SentCount"] for one in events] == [2, 1_000_000, 1_000_000, 1_000_000, 999_998]
    assert [one["TotalCount"] - one["FilterCount"] for one in events] == [0, 0, 0, 0, 2]
    assert site.platform.judge(app_id=site.app_id)["delivered"] == {"mass": 4_000_000}


def test_tags_refusals_and_blacklist_decide_who_gets_it(site):
    fans = site.platform.add_users(site.app_id, 4)
    tag = site.post("/cgi-bin/tags/create", {"tag": {"name": "老客"}})["tag"]["id"]
    site.post("/cgi-bin/tags/members/batchtagging", {"openid_list": fans[:3], "tagid": tag})
    site.platform.refuse_messages(app_id=site.app_id, openid=fans[0])
    body = to_all()
    body["filter"] = {"is_to_all": False, "tag_id": tag}
    site.post(SENDALL, body)
    site.platform.unfollow(app_id=site.app_id, openid=fans[3])
    finish(site)
    [event] = finished(site)
    assert [event[name] for name in ("TotalCount", "FilterCount", "SentCount", "ErrorCount")] == [3, 2, 2, 0]
    assert site.errcode(SENDALL, body | {"filter": {"is_to_all": False, "tag_id": 999}}) == 45159


def test_openid_lists_have_sizes_and_need_a_service_account(site, subscription):
    [fan] = site.platform.add_users(site.app_id, 1)
    path = "/cgi-bin/message/mass/send"
    assert site.errcode(path, to_some([fan])) == 40130
    assert site.errcode(path, to_some([fan] * 10_001)) == 40032
    assert site.errcode(path, to_some([fan, "o" * 28])) == 40003
    assert subscription.errcode(path, to_some([fan, fan])) == 48001


def test_clientmsgid_guards_against_sending_twice(site):
    site.platform.add_users(site.app_id, 2)
    first = site.post(SENDALL, to_all(clientmsgid="c1"))
    assert site.errcode(SENDALL, to_all(clientmsgid="c1")) == 45066
    site.platform.advance(MINUTE)
    again = site.post(SENDALL, to_all(clientmsgid="c1"))
    assert (again["errcode"], again["msg_id"]) == (45065, first["msg_id"])
    assert site.errcode(SENDALL, to_all(clientmsgid="字" * 22)) == 45067
    site.platform.advance(DAY)
    assert site.errcode(SENDALL, to_all(clientmsgid="c1")) == 0
    finish(site)
    assert len(finished(site)) == 2


def test_the_same_content_to_the_same_people_counts_as_a_repetition(site):
    first = site.post(SENDALL, to_all())
    site.platform.advance(MINUTE)
    assert site.post(SENDALL, to_all())["msg_id"] == first["msg_id"]
    assert site.errcode(SENDALL, to_all("anders")) == 0


def test_test_accounts_have_no_quota(platform):
    assert make_site(platform, is_test=True).errcode(SENDALL, to_all()) == 45028


def test_a_draft_leaves_the_box_and_its_articles_get_addresses(site):
    site.platform.add_users(site.app_id, 2)
    draft = site.add_draft("一", "二")
    answer = site.post(SENDALL, {"filter": {"is_to_all": True}, "msgtype": "mpnews", "mpnews": {"media_id": draft}})
    assert answer["msg_data_id"]
    finish(site)
    assert site.errcode("/cgi-bin/draft/get", {"media_id": draft}) == 40007
    [event] = finished(site)
    assert event["ArticleUrlResult"]["Count"] == 2
    assert f"mid={answer['msg_data_id']}&idx=2" in event["ArticleUrlResult"]["ResultList"]["item"][1]["ArticleUrl"]
    delete = "/cgi-bin/message/mass/delete"
    assert site.errcode(delete, {"msg_id": answer["msg_id"], "article_idx": 3}) == 40060
    assert site.errcode(delete, {"msg_id": answer["msg_id"], "article_idx": 1}) == 0
    assert site.post("/cgi-bin/message/mass/get", {"msg_id": answer["msg_id"]})["msg_status"] == "SEND_SUCCESS"
    assert site.errcode(delete, {"msg_id": answer["msg_id"]}) == 0
    assert site.post("/cgi-bin/message/mass/get", {"msg_id": answer["msg_id"]})["msg_status"] == "DELETE"


@pytest.mark.parametrize(("ignores", "status"), [(0, "err(30003)"), (1, "send success")])
def test_a_reprint_goes_only_when_ignored(site, ignores, status):
    site.platform.add_users(site.app_id, 2)
    site.platform.next_results(app_id=site.app_id, num_reprints=1)
    body = {"filter": {"is_to_all": True}, "msgtype": "mpnews", "mpnews": {"media_id": site.add_draft()}}
    site.post(SENDALL, body | {"send_ignore_reprint": ignores})
    finish(site)
    assert [one["Status"] for one in finished(site)] == [status]
    assert len(site.platform.delivered(site.app_id)) == 2 * ignores


def test_the_administrator_has_half_an_hour(site):
    site.platform.add_users(site.app_id, 2)
    site.platform.protect_mass_send(app_id=site.app_id)
    silent, refused, confirmed = (site.post(SENDALL, to_all(text))["msg_id"] for text in ("a", "b", "c"))
    site.platform.answer_mass_send(app_id=site.app_id, msg_id=refused, accepts=False)
    site.platform.answer_mass_send(app_id=site.app_id, msg_id=confirmed, accepts=True)
    finish(site)
    finish(site, 31 * MINUTE)
    told = {one["MsgID"]: one["Status"] for one in finished(site)}
    assert told == {refused: "err(40001)", confirmed: "send success", silent: "err(40002)"}


def test_a_preview_comes_at_once_and_counts_for_nothing(subscription):
    fan = subscription.platform.add_user(subscription.app_id, "li")
    draft = subscription.add_draft()
    body = {"touser": fan, "msgtype": "mpnews", "mpnews": {"media_id": draft}}
    assert subscription.errcode("/cgi-bin/message/mass/preview", body) == 0
    assert [line["via"] for line in subscription.platform.delivered(subscription.app_id, fan)] == ["preview"]
    assert subscription.errcode("/cgi-bin/draft/get", {"media_id": draft}) == 0
    assert subscription.errcode(SENDALL, to_all()) == 0


def test_speed_steps(site):
    assert site.post("/cgi-bin/message/mass/speed/get") == {"speed": 0, "realspeed": 80}
    assert site.errcode("/cgi-bin/message/mass/speed/set", {"speed": 4}) == 0
    assert site.post("/cgi-bin/message/mass/speed/get") == {"speed": 4, "realspeed": 10}
    assert site.errcode("/cgi-bin/message/mass/speed/set", {"speed": 5}) == 45083


def test_every_payload_is_checked_before_anything_is_counted(site):
    image = site.upload("/cgi-bin/media/upload", b"\xff\xd8\xff\xe0" + b"\0" * 9, type="image")["media_id"]
    everyone = {"filter": {"is_to_all": True}}
    assert site.errcode(SENDALL, everyone | {"msgtype": "mpnews", "mpnews": {"media_id": "none"}}) == 40007
    assert site.errcode(SENDALL, everyone | {"msgtype": "voice", "voice": {"media_id": image}}) == 40007
    assert site.errcode(SENDALL, everyone | {"msgtype": "dance", "dance": {}}) == 40008
    assert site.errcode(SENDALL, everyone | {"msgtype": "image", "images": {"media_ids": [image]}}) == 0
