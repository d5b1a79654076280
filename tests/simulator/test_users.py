"""Followers: pages, fields, remarks, blacklist, by section 3 of the fact sheet."""

import time

import pytest

CROWD = 25_000


def list_all(api) -> tuple[list[str], list[dict]]:
    found, pages, after = [], [], ""
    while True:
        page = api.get("/cgi-bin/user/get", next_openid=after)
        pages.append(page)
        if page["count"] == 0:
            return found, pages
        found += page["data"]["openid"]
        after = page["next_openid"]


def test_pages_hold_ten_thousand_and_the_last_is_empty(platform, api):
    platform.grow_crowd(app_id=api.account.app_id, num=CROWD)
    added = platform.add_users(api.account.app_id, 3)
    found, pages = list_all(api)
    assert [page["count"] for page in pages] == [10_000, 10_000, 5_003, 0]
    assert pages[0]["total"] == CROWD + 3
    assert "data" not in pages[-1]
    assert pages[-1]["next_openid"] == ""
    assert len(set(found)) == CROWD + 3
    assert found[-3:] == added
    assert {len(openid) for openid in found} == {28}


def test_who_left_is_not_listed_and_who_came_back_is_once(platform, api):
    platform.grow_crowd(app_id=api.account.app_id, num=10)
    gone, back = platform.list_openids(app_id=api.account.app_id, first=2, num=2)
    for openid in (gone, back):
        platform.unfollow(app_id=api.account.app_id, openid=openid)
    platform.follow(app_id=api.account.app_id, openid=back)
    found, pages = list_all(api)
    assert pages[0]["total"] == 9
    assert gone not in found
    assert found.count(back) == 1


def test_a_million_followers_are_listed_in_a_hundred_calls_without_being_stored(platform, api):
    platform.grow_crowd(app_id=api.account.app_id, num=1_000_000)
    began = time.monotonic()
    page = api.get("/cgi-bin/user/get", next_openid=platform.list_openids(
        app_id=api.account.app_id, first=989_999, num=1)[0])  # fmt: skip
    assert page["count"] == 10_000
    assert api.get("/cgi-bin/user/get", next_openid=page["next_openid"])["count"] == 0
    assert time.monotonic() - began < 5


def test_user_get_has_500_calls_a_day(platform, api):
    platform.change_account(app_id=api.account.app_id, limits={"/cgi-bin/user/get": 1})
    assert api.get("/cgi-bin/user/get")["count"] == 0
    assert api.get("/cgi-bin/user/get")["errcode"] == 45009


def test_user_info_has_todays_fields_only(platform, api):
    openid = platform.add_user(api.account.app_id)
    info = api.get("/cgi-bin/user/info", openid=openid, lang="zh_CN")
    assert info["subscribe"] == 1
    assert info["subscribe_scene"] == "ADD_SCENE_SEARCH"
    assert info["tagid_list"] == []
    assert (info["nickname"], info["headimgurl"], info["sex"], info["language"]) == ("", "", 0, "")
    assert "unionid" not in info
    platform.unfollow(app_id=api.account.app_id, openid=openid)
    assert api.get("/cgi-bin/user/info", openid=openid) == {"subscribe": 0, "openid": openid}


def test_unionid_joins_the_accounts_of_one_open_platform_account(platform, call_as):
    first, second, stranger = (call_as(open_account=name) for name in ("open1", "open1", "open2"))
    infos = []
    for api in (first, second, stranger):
        infos.append(api.get("/cgi-bin/user/info", openid=platform.add_user(api.account.app_id, "alice")))
    assert infos[0]["unionid"] == infos[1]["unionid"] != infos[2]["unionid"]
    assert len({info["openid"] for info in infos}) == 3


def test_batchget_takes_a_hundred(platform, api):
    openids = platform.add_users(api.account.app_id, 101)
    wanted = [{"openid": openid, "lang": "zh_CN"} for openid in openids]
    answer = api.post("/cgi-bin/user/info/batchget", user_list=wanted[:100])
    assert [info["openid"] for info in answer["user_info_list"]] == openids[:100]
    assert api.post("/cgi-bin/user/info/batchget", user_list=wanted)["errcode"] == 40032
    assert api.post("/cgi-bin/user/info/batchget", user_list=[{"openid": "o"}])["errcode"] == 40003


def test_remarks(platform, api):
    openid = platform.add_user(api.account.app_id)
    assert api.post("/cgi-bin/user/info/updateremark", openid=openid, remark="老客户")["errcode"] == 0
    assert api.get("/cgi-bin/user/info", openid=openid)["remark"] == "老客户"
    assert api.post("/cgi-bin/user/info/updateremark", openid=openid, remark="长" * 31)["errcode"] == 40035
    assert api.get("/cgi-bin/user/info", openid=openid)["remark"] == "老客户"


def test_escaped_json_is_refused(platform, api):
    openid = platform.add_user(api.account.app_id)
    body = f'{{"openid":"{openid}","remark":"\\u8001"}}'.encode()
    assert api.send("/cgi-bin/user/info/updateremark", body).json()["errcode"] == 40033
    assert api.get("/cgi-bin/user/info", openid=openid)["remark"] == ""


def test_blacklist(platform, api):
    openids = platform.add_users(api.account.app_id, 21)
    assert api.post("/cgi-bin/tags/members/batchblacklist", openid_list=openids)["errcode"] == 40032
    assert api.post("/cgi-bin/tags/members/batchblacklist", openid_list=openids[:20])["errcode"] == 0
    api.post("/cgi-bin/tags/members/batchunblacklist", openid_list=openids[1:20])
    listed = api.post("/cgi-bin/tags/members/getblacklist", begin_openid="")
    assert listed == {"total": 1, "count": 1, "data": {"openid": openids[:1]}, "next_openid": openids[0]}
    assert api.post("/cgi-bin/tags/members/getblacklist", begin_openid=openids[0])["count"] == 0


def test_openids_change_when_an_account_migrates(platform, call_as):
    old, new = call_as(), call_as()
    before, after = (platform.add_user(api.account.app_id, "alice") for api in (old, new))
    answer = new.post("/cgi-bin/changeopenid", from_appid=old.account.app_id, openid_list=[before, "oNobody"])
    assert answer["result_list"] == [
        {"ori_openid": before, "new_openid": after, "err_msg": "ok"},
        {"ori_openid": "oNobody", "err_msg": "ori_openid error"},
    ]


@pytest.mark.parametrize(
    ("kind", "verified", "errcode"),
    [
        ("subscription", False, 48001),
        ("subscription", True, 0),
        ("service", False, 48001),
        ("miniprogram", True, 48001),
    ],
)
def test_only_verified_official_accounts_see_followers(call_as, kind, verified, errcode):
    assert call_as(kind, verified).get("/cgi-bin/user/get").get("errcode", 0) == errcode
