"""Menus, by section 6.1 of the fact sheet."""

import pytest

CLICK = {"type": "click", "name": "今日", "key": "today"}
VIEW = {"type": "view", "name": "商城", "url": "https://shop.example/"}


def test_a_menu_is_set_read_and_deleted_with_its_conditional_ones(api):
    assert api.get("/cgi-bin/menu/get")["errcode"] == 46003
    assert api.post("/cgi-bin/menu/addconditional", button=[CLICK], matchrule={"tag_id": "2"})["errcode"] == 65303
    assert api.post("/cgi-bin/menu/create", button=[CLICK, {"name": "更多", "sub_button": [VIEW]}])["errcode"] == 0
    assert api.get("/cgi-bin/menu/get")["menu"]["button"][1]["sub_button"][0]["url"] == VIEW["url"]
    shown = api.get("/cgi-bin/get_current_selfmenu_info")
    assert shown["is_menu_open"] == 1
    assert shown["selfmenu_info"]["button"][1]["sub_button"]["list"][0]["name"] == "商城"
    assert "menuid" in api.post("/cgi-bin/menu/addconditional", button=[VIEW], matchrule={"tag_id": "2"})
    assert api.get("/cgi-bin/menu/delete")["errcode"] == 0
    assert api.get("/cgi-bin/menu/get")["errcode"] == 46003
    assert api.get("/cgi-bin/get_current_selfmenu_info") == {"is_menu_open": 0}


def test_the_last_conditional_menu_that_fits_is_shown(platform, api):
    openid = platform.add_user(api.account.app_id)
    tag = api.post("/cgi-bin/tags/create", tag={"name": "vip"})["tag"]["id"]
    api.post("/cgi-bin/menu/create", button=[CLICK])
    made = api.post("/cgi-bin/menu/addconditional", button=[VIEW], matchrule={"tag_id": str(tag)})["menuid"]
    assert api.post("/cgi-bin/menu/trymatch", user_id=openid)["button"][0]["name"] == "今日"
    api.post("/cgi-bin/tags/members/batchtagging", tagid=tag, openid_list=[openid])
    assert api.post("/cgi-bin/menu/trymatch", user_id=openid)["button"][0]["name"] == "商城"
    assert api.post("/cgi-bin/menu/delconditional", menuid=made)["errcode"] == 0
    assert api.post("/cgi-bin/menu/delconditional", menuid=made)["errcode"] == 65301


@pytest.mark.parametrize(
    ("buttons", "errcode"),
    [
        ([], 40016),
        ([CLICK] * 4, 40016),
        ([{**CLICK, "name": "超过十六字节的名字"}], 40018),
        ([{**CLICK, "type": "jump"}], 40017),
        ([{**CLICK, "key": "k" * 129}], 40019),
        ([{**VIEW, "url": "shop.example"}], 40055),
        ([{"name": "m", "sub_button": [CLICK] * 6}], 40023),
        ([{"name": "m", "sub_button": [{**CLICK, "name": "长" * 21}]}], 40025),
        ([{"name": "m", "type": "miniprogram", "url": "http://a.cn", "appid": "wx1", "pagepath": "p"}], 45064),
    ],
)
def test_bad_menus(api, buttons, errcode):
    assert api.post("/cgi-bin/menu/create", button=buttons)["errcode"] == errcode
    assert api.get("/cgi-bin/menu/get")["errcode"] == 46003


def test_unverified_subscription_accounts_have_no_menu(call_as):
    assert call_as("subscription", verified=False).post("/cgi-bin/menu/create", button=[CLICK])["errcode"] == 48001
    assert call_as("service", verified=False).post("/cgi-bin/menu/create", button=[CLICK])["errcode"] == 0
