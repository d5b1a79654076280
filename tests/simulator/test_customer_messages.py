"""Customer-service messages: windows, counts, kinds (fact sheet 4.1)."""

import pytest

from tests.simulator.site import DAY, HOUR, JPEG, MP4, Site, make_site

SEND = "/cgi-bin/message/custom/send"
TYPING = "/cgi-bin/message/custom/typing"


@pytest.fixture
def site(platform) -> Site:
    return make_site(platform)


@pytest.fixture
def mini(platform) -> Site:
    return make_site(platform, "miniprogram")


@pytest.fixture
def fan(site) -> str:
    return site.platform.add_user(site.app_id, "li")


def talk(site: Site, openid: str) -> None:
    site.platform.send(app_id=site.app_id, openid=openid, Content="在吗")


def test_message_six_in_a_window_is_refused(site, fan):
    talk(site, fan)
    assert [site.say(fan)["errcode"] for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    got = site.platform.delivered(site.app_id, fan)
    assert [(line["via"], line["kind"], line["payload"]["content"]) for line in got] == [("custom", "text", "你好")] * 5


def test_a_new_message_starts_the_count_again(site, fan):
    talk(site, fan)
    for _ in range(5):
        site.say(fan)
    talk(site, fan)
    assert [site.say(fan)["errcode"] for _ in range(6)] == [0, 0, 0, 0, 0, 45047]


def test_after_48_hours_the_window_is_closed(site, fan):
    talk(site, fan)
    site.platform.advance(48 * HOUR - 60)
    assert site.say(fan)["errcode"] == 0
    site.platform.advance(61)
    assert site.say(fan)["errcode"] == 45015
    assert len(site.platform.delivered(site.app_id, fan)) == 1


def test_without_any_act_there_is_no_window(site, fan):
    answer = site.say(fan)
    assert answer["errcode"] == 45015
    assert "rid: " in answer["errmsg"]
    refused = site.platform.read("refused", site.app_id, fan)
    assert [(line["via"], line["errcode"]) for line in refused] == [("custom", 45015)]


@pytest.mark.parametrize("event", ["CLICK", "scancode_push", "scancode_waitmsg"])
def test_a_menu_tap_gives_three_messages_for_a_minute(site, fan, event):
    site.platform.tap_menu(app_id=site.app_id, openid=fan, event=event, key="k")
    assert [site.say(fan)["errcode"] for _ in range(4)] == [0, 0, 0, 45047]
    site.platform.advance(61)
    assert site.say(fan)["errcode"] == 45015


def test_a_view_button_opens_no_window(site, fan):
    site.platform.tap_menu(app_id=site.app_id, openid=fan, event="VIEW", key="https://example.com")
    assert site.say(fan)["errcode"] == 45015


def test_a_follow_gives_three_messages_for_a_minute(site):
    newcomer = site.platform.add_user(site.app_id, "new", following=False)
    assert site.say(newcomer)["errcode"] == 43004
    site.platform.follow(app_id=site.app_id, openid=newcomer)
    assert [site.say(newcomer)["errcode"] for _ in range(4)] == [0, 0, 0, 45047]


def test_the_window_that_ends_first_is_used_first(site, fan):
    talk(site, fan)
    site.platform.tap_menu(app_id=site.app_id, openid=fan, event="CLICK", key="k")
    for _ in range(3):
        site.say(fan)
    assert site.platform.windows(app_id=site.app_id, openid=fan) == {"message": 5, "menu": 0}


def test_who_left_or_refuses_or_is_unknown_gets_nothing(site, fan):
    talk(site, fan)
    assert site.say("o" * 28)["errcode"] == 40003
    site.platform.refuse_messages(app_id=site.app_id, openid=fan)
    assert site.say(fan)["errcode"] == 48002
    site.platform.refuse_messages(app_id=site.app_id, openid=fan, on=False)
    site.platform.unfollow(app_id=site.app_id, openid=fan)
    assert site.say(fan)["errcode"] == 43004
    assert site.platform.delivered(site.app_id, fan) == []


def test_a_mini_programs_chat_gives_two_for_a_minute_and_a_message_five(mini):
    openid = mini.platform.add_user(mini.app_id, "wang", following=False)
    mini.platform.enter_chat(app_id=mini.app_id, openid=openid)
    assert [mini.say(openid)["errcode"] for _ in range(3)] == [0, 0, 45047]
    talk(mini, openid)
    mini.platform.advance(2 * DAY - 60)
    assert [mini.say(openid)["errcode"] for _ in range(6)] == [0, 0, 0, 0, 0, 45047]


def test_mini_programs_know_four_types(mini):
    openid = mini.platform.add_user(mini.app_id, "wang", following=False)
    talk(mini, openid)
    link = {"title": "t", "description": "d", "url": "https://a", "thumb_url": "https://b"}
    assert mini.errcode(SEND, {"touser": openid, "msgtype": "link", "link": link}) == 0
    assert mini.errcode(SEND, {"touser": openid, "msgtype": "news", "news": {"articles": [link]}}) == 40008


def test_every_type_is_delivered(site, fan):
    image = site.upload("/cgi-bin/media/upload", JPEG, type="image")["media_id"]
    thumb = site.upload("/cgi-bin/media/upload", JPEG, type="thumb")["thumb_media_id"]
    video = site.upload("/cgi-bin/media/upload", MP4, "a.mp4", type="video")["media_id"]
    voice = site.upload("/cgi-bin/media/upload", b"#!AMR\n" + bytes([0x3C] + [0] * 31) * 10, "a.amr", type="voice")[
        "media_id"
    ]
    mini = site.platform.add_account(kind="miniprogram")
    site.platform.link_mini(app_id=site.app_id, mini_app_id=mini.app_id)
    page = {"title": "t", "appid": mini.app_id, "pagepath": "a", "thumb_media_id": thumb}
    music = {
        "title": "t",
        "description": "d",
        "musicurl": "https://m",
        "hqmusicurl": "https://m",
        "thumb_media_id": thumb,
    }
    messages = {
        "text": {"content": "hi"},
        "image": {"media_id": image},
        "voice": {"media_id": voice},
        "video": {"media_id": video, "thumb_media_id": thumb, "title": "t", "description": "d"},
        "music": music,
        "news": {"articles": [{"title": "t", "description": "d", "url": "https://a", "picurl": "https://p"}]},
        "mpnews": {"media_id": site.add_draft()},
        "msgmenu": {"head_content": "满意吗", "list": [{"id": "1", "content": "满意"}], "tail_content": "谢谢"},
        "wxcard": {"card_id": "c"},
        "miniprogrampage": page,
    }
    for msg_type, payload in messages.items():
        talk(site, fan)
        assert (msg_type, site.errcode(SEND, {"touser": fan, "msgtype": msg_type, msg_type: payload})) == (msg_type, 0)
    assert [line["kind"] for line in site.platform.delivered(site.app_id, fan)] == list(messages)


@pytest.mark.parametrize(
    ("msg_type", "payload", "errcode"),
    [
        ("text", {"content": ""}, 44004),
        ("text", {"content": "好" * 683}, 45002),
        ("image", {"media_id": "unknown"}, 40007),
        ("image", {}, 41006),
        ("news", {"articles": [{"title": "a", "url": "b"}, {"title": "c", "url": "d"}]}, 45008),
        ("poem", {}, 40008),
        ("mpnewsarticle", {"article_id": "nothing"}, 53600),
        ("miniprogrampage", {"title": "t", "appid": "wx-foreign", "pagepath": "a", "thumb_media_id": "x"}, 45064),
    ],
)
def test_a_malformed_message_spends_nothing(site, fan, msg_type, payload, errcode):
    talk(site, fan)
    assert site.errcode(SEND, {"touser": fan, "msgtype": msg_type, msg_type: payload}) == errcode
    assert site.platform.windows(app_id=site.app_id, openid=fan) == {"message": 5}
    assert site.platform.delivered(site.app_id, fan) == []


def test_unverified_accounts_may_not_send(platform):
    site = make_site(platform, verified=False)
    fan = platform.add_user(site.app_id)
    talk(site, fan)
    assert site.say(fan)["errcode"] == 48001


def test_typing_needs_a_conversation_and_is_not_repeated(site, fan):
    body = {"touser": fan, "command": "Typing"}
    assert site.errcode(TYPING, body) == 45080
    talk(site, fan)
    assert site.errcode(TYPING, {"touser": fan, "command": "Dancing"}) == 45072
    assert [site.errcode(TYPING, body) for _ in range(2)] == [0, 45081]
    assert site.errcode(TYPING, {"touser": fan, "command": "CancelTyping"}) == 0
    assert site.errcode(TYPING, body) == 0
    site.platform.advance(31)
    assert site.errcode(TYPING, body) == 45080
