"""Menus: the whole structure is checked; bodies; both shapes that come back."""

import pytest

from connectors.wechat import menus
from connectors.wechat.errors import BadMessage, Refused, TooLong
from connectors.wechat.menus import Button, Menu, Menus

CLICK = Button("优惠", "click", key="V1")
VIEW = Button("商城", "view", url="https://shop.cn/")
PARENT = Button("更多", children=(CLICK, VIEW))


@pytest.mark.parametrize(("button", "body"), [
    (CLICK, {"type": "click", "name": "优惠", "key": "V1"}),
    (VIEW, {"type": "view", "name": "商城", "url": "https://shop.cn/"}),
    (Button("小程序", "miniprogram", url="https://a.cn", app_id="wxmini", page_path="pages/a"),
     {"type": "miniprogram", "name": "小程序", "url": "https://a.cn", "appid": "wxmini", "pagepath": "pages/a"}),
    *((Button("x", kind, key="K"), {"type": kind, "name": "x", "key": "K"}) for kind in (
        "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select")),
    *((Button("x", kind, media_id="M"), {"type": kind, "name": "x", "media_id": "M"}) for kind in (
        "media_id", "view_limited")),
    *((Button("x", kind, article_id="A"), {"type": kind, "name": "x", "article_id": "A"}) for kind in (
        "article_id", "article_view_limited")),
])  # fmt: skip
def test_each_type_is_set_as_the_platform_reads_it(client, listener, button, body):
    menus.set_menu(client, button)
    assert (listener.last.path, listener.last.body) == ("/cgi-bin/menu/create", {"button": [body]})


def test_a_submenu(client, listener):
    menus.set_menu(client, CLICK, PARENT)
    assert listener.last.body == {"button": [
        {"type": "click", "name": "优惠", "key": "V1"},
        {"name": "更多", "sub_button": [
            {"type": "click", "name": "优惠", "key": "V1"}, {"type": "view", "name": "商城", "url": "https://shop.cn/"},
        ]},
    ]}  # fmt: skip


@pytest.mark.parametrize("buttons", [
    (CLICK,) * 3,
    (Button("x", children=(CLICK,) * 5),),
    (Button("国国国国国a", "click", key="K"),),  # 16 bytes
    (Button("x", children=(Button("国" * 20, "click", key="K"),)),),  # 60 bytes
    (Button("x", "click", key="国" * 42 + "ab"),),  # 128 bytes
    (Button("x", "view", url="https://a.cn/" + "x" * 1011),),
])  # fmt: skip
def test_everything_fits_at_its_limit(client, listener, buttons):
    menus.set_menu(client, *buttons)
    assert len(listener.asked) == 1


@pytest.mark.parametrize(("buttons", "error"), [
    ((), BadMessage),
    ((CLICK,) * 4, BadMessage),
    ((Button("x", children=(CLICK,) * 6),), BadMessage),
    ((Button("x"),), BadMessage),
    ((Button("x", children=(Button("y"),)),), BadMessage),
    ((Button("x", children=(PARENT,)),), BadMessage),
    ((Button("x", "click", key="K", children=(CLICK,)),), BadMessage),
    ((Button("x", key="K", children=(CLICK,)),), BadMessage),
    ((Button("国国国国国ab", "click", key="K"),), TooLong),
    ((Button("x", children=(Button("国" * 20 + "a", "click", key="K"),)),), TooLong),
    ((Button("", "click", key="K"),), BadMessage),
    ((Button("x", "click", key="国" * 42 + "abc"),), TooLong),
    ((Button("x", "click"),), BadMessage),
    ((Button("x", "click", key="K", url="https://a.cn"),), BadMessage),
    ((Button("x", "view", url="a.cn"),), BadMessage),
    ((Button("x", "view", url="https://a.cn/" + "x" * 1012),), TooLong),
    ((Button("x", "miniprogram", url="https://a.cn", app_id="wxmini"),), BadMessage),
    ((Button("x", "media_id", article_id="A"),), BadMessage),
    ((Button("x", "text", key="K"),), BadMessage),
])  # fmt: skip
def test_a_broken_menu_is_refused_without_a_call(client, listener, buttons, error):
    with pytest.raises(error):
        menus.set_menu(client, *buttons)
    with pytest.raises(error):
        menus.add_conditional_menu(client, menus.MatchRule(tag_id=100), *buttons)
    assert listener.asked == []


def test_menus_come_back_as_they_were_set(client, listener):
    listener.answer("/cgi-bin/menu/get", {
        "menu": {"menuid": 208396938, "button": [
            {"type": "click", "name": "优惠", "key": "V1", "sub_button": []},
            {"name": "更多", "sub_button": [
                {"type": "click", "name": "优惠", "key": "V1", "sub_button": []},
                {"type": "view", "name": "商城", "url": "https://shop.cn/", "sub_button": []},
            ]},
        ]},
        "conditionalmenu": [{
            "button": [{"type": "click", "name": "优惠", "key": "V1", "sub_button": []}],
            "matchrule": {"tag_id": "2", "client_platform_type": ""}, "menuid": 208396993,
        }],
    })  # fmt: skip
    assert menus.read_menus(client) == Menus(
        Menu((CLICK, PARENT), "208396938"), (Menu((CLICK,), "208396993", (("tag_id", "2"),)),)
    )


def test_no_menu_is_no_error(client, listener):
    listener.answer("/cgi-bin/menu/get", {"errcode": 46003, "errmsg": "menu no exist"})
    assert menus.read_menus(client) == Menus(None)


def test_the_menu_of_the_console_has_another_shape(client, listener):
    path = "/cgi-bin/get_current_selfmenu_info"
    answer = {"is_menu_open": 1, "selfmenu_info": {"button": [
        {"name": "更多", "sub_button": {"list": [
            {"type": "click", "name": "优惠", "key": "V1"}, {"type": "view", "name": "商城", "url": "https://shop.cn/"},
        ]}},
        {"type": "text", "name": "问候", "value": "您好"},
    ]}}  # fmt: skip
    listener.answer(path, answer)
    assert menus.read_shown_menu(client) == Menus(Menu((PARENT, Button("问候", "text"))))
    listener.answer(path, answer | {"is_menu_open": 0})
    assert menus.read_shown_menu(client) == Menus(None)


def test_deleting_takes_all(client, listener):
    menus.delete_menus(client)
    assert (listener.last.method, listener.last.path) == ("GET", "/cgi-bin/menu/delete")


@pytest.mark.parametrize(("rule", "body"), [
    (menus.MatchRule(tag_id=100), {"tag_id": "100"}),
    (menus.MatchRule(phone=2, language="zh_CN"), {"client_platform_type": "2", "language": "zh_CN"}),
])  # fmt: skip
def test_conditional_menus(client, listener, rule, body):
    listener.answer("/cgi-bin/menu/addconditional", {"menuid": 208379533})
    assert menus.add_conditional_menu(client, rule, CLICK) == "208379533"
    assert listener.last.body == {"button": [CLICK.body()], "matchrule": body}
    menus.delete_conditional_menu(client, "208379533")
    assert listener.last.body == {"menuid": "208379533"}


@pytest.mark.parametrize("rule", [menus.MatchRule(), menus.MatchRule(phone=4)])
def test_a_rule_for_everybody_or_no_phone_is_refused(client, listener, rule):
    with pytest.raises(BadMessage):
        menus.add_conditional_menu(client, rule, CLICK)
    assert listener.asked == []


def test_a_conditional_menu_needs_a_default_one(client, listener):
    listener.answer("/cgi-bin/menu/addconditional", {"errcode": 65303, "errmsg": "no default menu"})
    with pytest.raises(Refused) as refused:
        menus.add_conditional_menu(client, menus.MatchRule(tag_id=100), CLICK)
    assert refused.value.errcode == 65303


def test_what_a_person_would_see(client, listener):
    listener.answer("/cgi-bin/menu/trymatch", {"button": [CLICK.body()]})
    assert menus.try_menu(client, "oA") == (CLICK,)
    assert listener.last.body == {"user_id": "oA"}
