"""Statistics are counted from what really happened (fact sheet 7)."""

import datetime as dt

import pytest

from tests.simulator.site import MINUTE, Site, make_site

BEIJING = dt.timezone(dt.timedelta(hours=8))
NEWS, FRIENDS = "公众号消息", "聊天会话"


def go_to(site: Site, day: int, hour: int = 12, month: int = 6) -> None:
    site.platform.do("clock", to=dt.datetime(2026, month, day, hour, tzinfo=BEIJING).timestamp())
    site.renew()


def ask(site: Site, name: str, first: str, last: str = "") -> dict:
    return site.post(f"/datacube/{name}", {"begin_date": first, "end_date": last or first})


@pytest.fixture
def site(platform) -> Site:
    site = make_site(platform)
    go_to(site, 10)
    return site


@pytest.fixture
def fans(site) -> list[str]:
    return site.platform.add_users(site.app_id, 4)


@pytest.fixture
def msgid(site, fans) -> str:
    """An article sent to four followers on 10 June; three read it on two days, one of them comes in two ways."""
    body = {"filter": {"is_to_all": True}, "msgtype": "mpnews", "mpnews": {"media_id": site.add_draft()}}
    msgid = f"{site.post('/cgi-bin/message/mass/sendall', body)['msg_data_id']}_1"
    site.platform.advance(MINUTE)
    read(site, fans[0], msgid, seconds=60)
    read(site, fans[0], msgid, scene=FRIENDS, seconds=30)
    read(site, fans[1], msgid, seconds=30, depth=0.5)
    act(site, fans[0], msgid, "share", scene="moments")
    act(site, fans[0], msgid, "share", scene="moments")
    act(site, fans[1], msgid, "like")
    go_to(site, 11)
    read(site, fans[0], msgid, seconds=30)
    read(site, fans[2], msgid, seconds=30)
    return msgid


def read(site: Site, openid: str, msgid: str, **more) -> None:
    site.platform.do("read", app_id=site.app_id, openid=openid, msgid=msgid, **more)


def act(site: Site, openid: str, msgid: str, kind: str, **more) -> None:
    site.platform.do("react", app_id=site.app_id, openid=openid, msgid=msgid, kind=kind, **more)


def sources(detail: dict) -> dict[str, int]:
    return {one["scene_desc"]: one["user_count"] for one in detail["read_user_source"]}


def test_readers_are_people_and_not_times(site, msgid):
    [row] = ask(site, "getarticleread", "2026-06-10")["list"]
    assert (row["msgid"], row["ref_date"]) == (msgid, "2026-06-10")
    assert row["detail"]["read_user"] == 2
    assert sources(row["detail"]) == {"全部": 2, NEWS: 2, FRIENDS: 1}
    [shared] = ask(site, "getarticleshare", "2026-06-10")["list"]
    assert shared["detail"]["share_user"] == 1


def test_the_detail_tells_every_day_since(site, msgid):
    go_to(site, 12)
    answer = ask(site, "getarticletotaldetail", "2026-06-10")
    [row] = answer["list"]
    assert (row["msgid"], row["publish_type"], row["title"]) == (msgid, 0, "春茶怎么选")
    assert [(one["stat_date"], one["read_user"]) for one in row["detail_list"]] == [
        ("2026-06-10", 2),
        ("2026-06-11", 2),
    ]
    first = row["detail_list"][0]
    assert (first["share_user"], first["like_user"], first["zaikan_user"]) == (1, 1, 0)
    assert (first["read_subscribe_user"], first["read_delivery_rate"], first["read_finish_rate"]) == (2, 0.5, 0.5)
    assert first["read_avg_activetime"] == 1.0
    assert first["read_jump_position"] == [{"position": 0.4, "rate": 0.5}]


def test_the_summary_counts_all_articles(site, msgid):
    go_to(site, 12)
    rows = ask(site, "getbizsummary", "2026-05-20", "2026-06-11")["list"]
    told = {row["ref_date"]: (row["detail"]["read_user"], row["detail"]["send_page_count"]) for row in rows}
    assert (len(told), told["2026-06-10"], told["2026-06-11"], told["2026-06-01"]) == (23, (2, 1), (2, 0), (0, 0))


def test_yesterday_is_late_before_eight(site, msgid):
    go_to(site, 12, hour=7)
    assert ask(site, "getarticleread", "2026-06-11") == {"list": [], "is_delay": True}
    assert ask(site, "getarticleread", "2026-06-10")["is_delay"] is False
    go_to(site, 12, hour=8)
    answer = ask(site, "getarticleread", "2026-06-11")
    assert (answer["is_delay"], answer["list"][0]["detail"]["read_user"]) == (False, 2)


@pytest.mark.parametrize(
    ("name", "first", "last", "errcode"),
    [
        ("getarticleread", "2026-06-11", "2026-06-11", 61501),
        ("getarticleread", "2026-06-08", "2026-06-09", 61501),
        ("getbizsummary", "2026-05-01", "2026-06-09", 61501),
        ("getusersummary", "2026-06-01", "2026-06-08", 61501),
        ("getusersummary", "2026-06-05", "2026-06-04", 61501),
        ("getusersummary", "20260605", "20260605", 61500),
        ("getusersummary", "2014-11-30", "2014-11-30", 61500),
        ("getusersummary", "2026-06-31", "2026-06-31", 61500),
    ],
)
def test_spans_are_limited(site, name, first, last, errcode):
    assert ask(site, name, first, last)["errcode"] == errcode


def test_the_old_endpoints_answer_until_switched_off(site, msgid):
    go_to(site, 12)
    [row] = ask(site, "getarticlesummary", "2026-06-10")["list"]
    assert (row["int_page_read_user"], row["int_page_read_count"], row["share_count"]) == (2, 3, 2)
    [total] = ask(site, "getarticletotal", "2026-06-10")["list"]
    told = [(one["stat_date"], one["target_user"], one["int_page_read_user"]) for one in total["details"]]
    assert told == [("2026-06-10", 4, 2), ("2026-06-11", 4, 3)]
    reads = ask(site, "getuserread", "2026-06-10", "2026-06-11")["list"]
    assert {(row["ref_date"], row["user_source"]): row["int_page_read_user"] for row in reads} == {
        ("2026-06-10", 99999999): 2, ("2026-06-10", 0): 2, ("2026-06-10", 1): 1,
        ("2026-06-11", 99999999): 2, ("2026-06-11", 0): 2,
    }  # fmt: skip
    site.platform.settings(has_legacy_datacube=False)
    assert ask(site, "getuserread", "2026-06-10")["errcode"] == 48004
    assert ask(site, "getarticleread", "2026-06-10")["list"]
    site.platform.settings(has_legacy_datacube=True)


def test_followers_come_and_go(site, fans):
    newcomer = site.platform.add_user(site.app_id, "new", following=False)
    site.platform.follow(app_id=site.app_id, openid=newcomer, scene="ADD_SCENE_PROFILE_CARD")
    go_to(site, 11)
    site.platform.unfollow(app_id=site.app_id, openid=fans[0])
    go_to(site, 12)
    rows = ask(site, "getusersummary", "2026-06-10", "2026-06-11")["list"]
    told = {(row["ref_date"], row["user_source"]): (row["new_user"], row["cancel_user"]) for row in rows}
    assert told[("2026-06-10", 17)] == (1, 0)
    assert told[("2026-06-10", 1)] == (4, 0)
    assert told[("2026-06-11", 0)] == (0, 1)
    totals = ask(site, "getusercumulate", "2026-06-09", "2026-06-11")["list"]
    assert [row["cumulate_user"] for row in totals] == [0, 5, 4]


def test_messages_are_counted_by_type_and_person(site, fans):
    for _ in range(7):
        site.platform.send(app_id=site.app_id, openid=fans[0], Content="在吗")
    site.platform.send(app_id=site.app_id, openid=fans[1], kind="image", PicUrl="https://p", MediaId="m")
    go_to(site, 11)
    rows = ask(site, "getupstreammsg", "2026-06-10")["list"]
    assert [(row["msg_type"], row["msg_user"], row["msg_count"]) for row in rows] == [(1, 1, 7), (2, 1, 1)]
    spread = ask(site, "getupstreammsgdist", "2026-06-10")["list"]
    assert [(row["count_interval"], row["msg_user"]) for row in spread] == [(1, 1), (2, 1)]


def test_callbacks_are_counted(site, fans, listener):
    site.platform.set_callback(app_id=site.app_id, url=listener.url, token="token")
    for _ in range(3):
        site.platform.send(app_id=site.app_id, openid=fans[0], Content="在吗")
    site.platform.do("settle")
    go_to(site, 11)
    [row] = ask(site, "getinterfacesummary", "2026-06-10")["list"]
    assert (row["callback_count"], row["fail_count"]) == (3, 0)


def test_mini_programs_count_visits(platform):
    mini = make_site(platform, "miniprogram")
    go_to(mini, 10)
    users = [mini.platform.add_user(mini.app_id, name, following=False) for name in ("a", "b")]

    def visit(openid: str, path: str, **more) -> None:
        mini.platform.visit(app_id=mini.app_id, openid=openid, path=path, seconds=10, **more)

    visit(users[0], "pages/index")
    visit(users[0], "pages/shop", is_entry=False)
    visit(users[1], "pages/index")
    go_to(mini, 11)
    visit(users[1], "pages/index")
    go_to(mini, 12)
    [day] = ask(mini, "getweanalysisappiddailyvisittrend", "20260610")["list"]
    assert [day[name] for name in ("session_cnt", "visit_pv", "visit_uv", "visit_uv_new", "visit_depth")] == [
        2,
        3,
        2,
        2,
        1.5,
    ]
    [total] = ask(mini, "getweanalysisappiddailysummarytrend", "20260611")["list"]
    assert total["visit_total"] == 2
    kept = ask(mini, "getweanalysisappiddailyretaininfo", "20260610")
    assert [entry["value"] for entry in kept["visit_uv"][:3]] == [2, 1, 0]
    pages = ask(mini, "getweanalysisappidvisitpage", "20260610")["list"]
    assert [(page["page_path"], page["page_visit_pv"]) for page in pages] == [("pages/index", 2), ("pages/shop", 1)]
    assert ask(mini, "getweanalysisappidweeklyvisittrend", "20260602", "20260608")["errcode"] == 61501
    assert ask(mini, "getweanalysisappidmonthlyvisittrend", "20260501", "20260531")["list"][0]["ref_date"] == "202605"
    assert ask(mini, "getweanalysisappiddailyvisittrend", "2026-06-10")["errcode"] == 61500


def test_what_nobody_may_read_any_more_is_not_counted(site, msgid, fans):
    job = site.post("/cgi-bin/freepublish/submit", {"media_id": site.add_draft()})
    site.platform.advance(MINUTE)
    site.platform.ban_article(app_id=site.app_id, msg_data_id=job["msg_data_id"])
    answer = site.platform.http.post(
        f"{site.platform.url}/_control/read",
        json={"app_id": site.app_id, "openid": fans[0], "msgid": f"{job['msg_data_id']}_1"},
    )
    assert answer.status_code == 400
    go_to(site, 12)
    assert [row["msgid"] for row in ask(site, "getarticleread", "2026-06-11")["list"]] == [msgid]
