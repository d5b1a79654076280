"""Followers, remarks and the blacklist: exact requests, pages that resume, batches that split."""

from datetime import UTC, datetime

import pytest

from connectors.wechat import users
from connectors.wechat.errors import OverQuota, TooLong

GET = "/cgi-bin/user/get"


def page(start, num, following, total=25_000):
    openids = [f"o{number:05}" for number in range(start, start + num)]
    return {"total": total, "count": num, "data": {"openid": openids}, "next_openid": following}


def test_pages_follow_next_openid_and_end_with_one_that_is_not_full(client, listener):
    listener.answer(GET, page(0, 10_000, "o09999"), page(10_000, 10_000, "o19999"), page(20_000, 5_000, "o24999"))
    found = list(users.follower_pages(client))
    assert [len(found_page.openids) for found_page in found] == [10_000, 10_000, 5_000]
    assert [found_page.next_openid for found_page in found] == ["o09999", "o19999", "o24999"]
    assert found[0].total == 25_000
    asked = [(a.method, a.params) for a in listener.asked]
    assert asked == [("GET", {"next_openid": cursor, "access_token": "TOKEN"}) for cursor in ("", "o09999", "o19999")]


def test_reading_resumes_from_a_stored_cursor(client, listener):
    listener.answer(GET, page(10_000, 3, "o10002"))
    assert next(users.follower_pages(client, "o09999")).openids == ("o10000", "o10001", "o10002")
    assert listener.last.params["next_openid"] == "o09999"


def test_a_page_is_asked_for_only_when_the_last_was_taken(client, listener):
    listener.answer(GET, page(0, 10_000, "o09999"))
    next(users.follower_pages(client))
    assert len(listener.asked) == 1


@pytest.mark.parametrize("answer", [
    {"total": 20_000, "count": 0, "next_openid": ""},
    {"total": 0, "count": 0, "data": {"openid": []}, "next_openid": ""},
    {"total": 0, "count": 0, "data": "", "next_openid": ""},
])  # fmt: skip
def test_an_empty_page_ends_the_reading(client, listener, answer):
    listener.answer(GET, answer)
    assert list(users.follower_pages(client, "o19999")) == []


def test_a_full_last_page_is_followed_by_an_empty_one(client, listener):
    listener.answer(GET, page(0, 10_000, "o09999", 10_000), {"total": 10_000, "count": 0, "next_openid": ""})
    assert len(list(users.follower_pages(client))) == 1
    assert len(listener.asked) == 2


def test_a_cursor_that_does_not_move_ends_the_reading(client, listener):
    listener.answer(GET, page(0, 10_000, "o09999"))
    assert len(list(users.follower_pages(client))) == 2


def test_quota_stops_the_reading_after_the_pages_before_it(client, listener):
    listener.answer(GET, page(0, 10_000, "o09999"), {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    pages = users.follower_pages(client)
    assert next(pages).next_openid == "o09999"
    with pytest.raises(OverQuota):
        next(pages)


INFO = {
    "subscribe": 1, "openid": "oA", "subscribe_time": 1_764_000_000, "unionid": "uA", "remark": "小王", "groupid": 0,
    "tagid_list": [128, 2], "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 98765, "qr_scene_str": "",
    "nickname": "", "sex": 0, "language": "", "city": "", "headimgurl": "",
}  # fmt: skip


def test_a_person_has_todays_fields_only(client, listener):
    listener.answer("/cgi-bin/user/info", INFO)
    found = users.read_user(client, "oA")
    assert found == users.Follower(
        "oA", True, datetime.fromtimestamp(1_764_000_000, UTC), "uA", "小王", 0, (128, 2), "ADD_SCENE_QR_CODE", "98765"
    )
    assert found.raw["nickname"] == ""
    assert listener.last.params == {"openid": "oA", "lang": "zh_CN", "access_token": "TOKEN"}


def test_of_one_who_left_only_the_openid_is_known(client, listener):
    listener.answer("/cgi-bin/user/info", {"subscribe": 0, "openid": "oA"})
    assert users.read_user(client, "oA") == users.Follower("oA", False)


def test_a_textual_scene_wins_over_the_zero_beside_it(client, listener):
    listener.answer("/cgi-bin/user/info", INFO | {"qr_scene": 0, "qr_scene_str": "shop-7"})
    assert users.read_user(client, "oA").qr_scene == "shop-7"
    listener.answer("/cgi-bin/user/info", INFO | {"qr_scene": 0})
    assert users.read_user(client, "oA").qr_scene == ""


def test_many_are_read_a_hundred_a_call_each_once(client, listener):
    path = "/cgi-bin/user/info/batchget"
    listener.answer(path, lambda asked: {
        "user_info_list": [{"subscribe": 0, "openid": row["openid"]} for row in asked.body["user_list"]]
    })  # fmt: skip
    openids = [f"o{number}" for number in range(201)]
    found = list(users.read_users(client, [*openids, "o0"]))
    assert [follower.openid for follower in found] == openids
    assert [len(asked.body["user_list"]) for asked in listener.asked] == [100, 100, 1]
    assert listener.last.body == {"user_list": [{"openid": "o200", "lang": "zh_CN"}]}


def test_a_remark_of_thirty_characters_is_sent_as_utf8(client, listener):
    users.set_remark(client, "oA", "王" * 30)
    assert listener.last.body == {"openid": "oA", "remark": "王" * 30}
    assert "王".encode() in listener.last.raw
    assert b"\\u" not in listener.last.raw


def test_a_remark_of_thirty_one_is_refused_without_a_call(client, listener):
    with pytest.raises(TooLong) as refused:
        users.set_remark(client, "oA", "王" * 31)
    assert refused.value.context == {"field": "Remark", "length": 31, "most": 30}
    assert listener.asked == []


def test_blacklist_is_changed_twenty_a_call(client, listener):
    done = users.block(client, [f"o{number}" for number in range(41)])
    assert done == users.Applied(41)
    assert [len(asked.body["openid_list"]) for asked in listener.asked] == [20, 20, 1]
    assert set(listener.paths) == {"/cgi-bin/tags/members/batchblacklist"}
    users.unblock(client, ["oA"])
    assert (listener.last.path, listener.last.body) == (
        "/cgi-bin/tags/members/batchunblacklist",
        {"openid_list": ["oA"]},
    )


def test_blacklist_pages(client, listener):
    listener.answer("/cgi-bin/tags/members/getblacklist", page(0, 2, "o00001", 2))
    assert next(users.blacklist_pages(client)).openids == ("o00000", "o00001")
    assert listener.last.body == {"begin_openid": ""}


def refuses(bad, errcode):
    def answer(asked):
        is_bad = bad & set(asked.body["openid_list"])
        return {"errcode": errcode, "errmsg": "invalid openid"} if is_bad else {"errcode": 0, "errmsg": "ok"}

    return answer


@pytest.mark.parametrize("errcode", [40003, 45059, 49003])
def test_one_bad_person_does_not_stop_the_others(client, listener, errcode):
    listener.answer("/cgi-bin/tags/members/batchblacklist", refuses({"o3", "o17"}, errcode))
    done = users.block(client, [f"o{number}" for number in range(20)])
    assert done.num_done == 18
    assert [(found.openid, found.why.errcode) for found in done.rejected] == [("o3", errcode), ("o17", errcode)]


def test_a_refusal_of_the_whole_batch_is_raised(client, listener):
    listener.answer("/cgi-bin/tags/members/batchblacklist", {"errcode": 45009, "errmsg": "quota"})
    with pytest.raises(OverQuota):
        users.block(client, ["oA", "oB"])
    assert len(listener.asked) == 1


def test_openids_are_exchanged_after_a_move(client, listener):
    path = "/cgi-bin/changeopenid"
    listener.answer(path, {"errcode": 0, "errmsg": "ok", "result_list": [
        {"ori_openid": "oA", "new_openid": "nA", "err_msg": "ok"},
        {"ori_openid": "oB", "err_msg": "ori_openid error"},
    ]})  # fmt: skip
    assert list(users.exchange_openids(client, "wxold", ["oA", "oB"])) == [
        users.Exchanged("oA", "nA", ""),
        users.Exchanged("oB", "", "ori_openid error"),
    ]
    assert listener.last.body == {"from_appid": "wxold", "openid_list": ["oA", "oB"]}
