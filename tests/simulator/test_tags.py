"""Tags with all their limits, by section 3 of the fact sheet."""

import pytest


@pytest.fixture
def tag(api) -> int:
    return api.post("/cgi-bin/tags/create", tag={"name": "常客"})["tag"]["id"]


def count(api, tag: int) -> int:
    return next(one["count"] for one in api.get("/cgi-bin/tags/get")["tags"] if one["id"] == tag)


def test_tags_are_made_listed_renamed_and_deleted(api, tag):
    listed = {one["id"]: one["name"] for one in api.get("/cgi-bin/tags/get")["tags"]}
    assert listed == {2: "星标组", tag: "常客"}
    assert api.post("/cgi-bin/tags/update", tag={"id": tag, "name": "新客"})["errcode"] == 0
    assert api.post("/cgi-bin/tags/delete", tag={"id": tag})["errcode"] == 0
    assert [one["id"] for one in api.get("/cgi-bin/tags/get")["tags"]] == [2]


def test_names(api, tag):
    assert api.post("/cgi-bin/tags/create", tag={"name": "常客"})["errcode"] == 45157
    assert api.post("/cgi-bin/tags/create", tag={"name": ""})["errcode"] == 45157
    assert api.post("/cgi-bin/tags/create", tag={"name": "长" * 31})["errcode"] == 45158
    assert api.post("/cgi-bin/tags/update", tag={"id": tag, "name": "长" * 31})["errcode"] == 45158
    assert api.post("/cgi-bin/tags/create", tag={"name": "长" * 30})["tag"]["name"] == "长" * 30


def test_an_account_has_a_hundred_tags(api, tag):
    for number in range(99):
        assert "tag" in api.post("/cgi-bin/tags/create", tag={"name": f"t{number}"})
    assert api.post("/cgi-bin/tags/create", tag={"name": "one more"})["errcode"] == 45056


def test_system_tags_stay(api):
    for number in (0, 1, 2):
        assert api.post("/cgi-bin/tags/update", tag={"id": number, "name": "x"})["errcode"] == 45058
        assert api.post("/cgi-bin/tags/delete", tag={"id": number})["errcode"] == 45058


def test_tagging_goes_by_fifty_and_all_or_none(platform, api, tag):
    openids = platform.add_users(api.account.app_id, 51)
    body = {"tagid": tag, "openid_list": openids}
    assert api.post("/cgi-bin/tags/members/batchtagging", **body)["errcode"] == 40032
    body["openid_list"] = [*openids[:49], "oNobody"]
    assert api.post("/cgi-bin/tags/members/batchtagging", **body)["errcode"] == 40003
    assert count(api, tag) == 0
    body["openid_list"] = openids[:50]
    assert api.post("/cgi-bin/tags/members/batchtagging", **body)["errcode"] == 0
    assert count(api, tag) == 50
    assert api.post("/cgi-bin/user/tag/get", tagid=tag, next_openid="")["data"]["openid"] == openids[:50]
    assert api.post("/cgi-bin/tags/getidlist", openid=openids[0]) == {"tagid_list": [tag]}
    api.post("/cgi-bin/tags/members/batchuntagging", tagid=tag, openid_list=openids[:20])
    assert count(api, tag) == 30


def test_openids_of_another_account_and_unknown_tags(platform, api, call_as, tag):
    foreign = platform.add_user(call_as().account.app_id)
    openid = platform.add_user(api.account.app_id)
    assert api.post("/cgi-bin/tags/members/batchtagging", tagid=tag, openid_list=[foreign])["errcode"] == 49003
    assert api.post("/cgi-bin/tags/members/batchtagging", tagid=9999, openid_list=[openid])["errcode"] == 45159


def test_a_follower_has_twenty_tags(platform, api):
    openid = platform.add_user(api.account.app_id)
    codes = []
    for number in range(21):
        made = api.post("/cgi-bin/tags/create", tag={"name": f"t{number}"})["tag"]["id"]
        codes.append(api.post("/cgi-bin/tags/members/batchtagging", tagid=made, openid_list=[openid])["errcode"])
    assert codes == [0] * 20 + [45059]


def test_leaving_takes_the_tags_along(platform, api, tag):
    openid = platform.add_user(api.account.app_id)
    api.post("/cgi-bin/tags/members/batchtagging", tagid=tag, openid_list=[openid])
    platform.unfollow(app_id=api.account.app_id, openid=openid)
    assert count(api, tag) == 0
    assert api.post("/cgi-bin/user/tag/get", tagid=tag) == {"count": 0, "next_openid": ""}
