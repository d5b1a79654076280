"""Short keys, links into mini programs, mini-program codes: exact bodies and limits."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.wechat import links
from connectors.wechat.clock import now
from connectors.wechat.errors import BadMessage, Refused, TooFast, TooLong

UNLIMITED = "/wxa/getwxacodeunlimit"


def test_short_keys(client, listener):
    listener.answer("/cgi-bin/shorten/gen", {"errcode": 0, "errmsg": "ok", "short_key": "K"})
    assert links.shorten(client, "x" * 4096, 2_592_000) == "K"
    assert listener.last.body == {"long_data": "x" * 4096, "expire_seconds": 2_592_000}
    for data, seconds in (("x" * 4097, 60), ("", 60), ("x", 0), ("x", 2_592_001)):
        with pytest.raises(BadMessage):
            links.shorten(client, data, seconds)
    assert len(listener.asked) == 1
    listener.answer("/cgi-bin/shorten/fetch", {"long_data": "x", "create_time": 1_764_000_000, "expire_seconds": 60})
    found = links.expand(client, "K")
    assert (found.data, found.created_at) == ("x", datetime.fromtimestamp(1_764_000_000, UTC))
    assert timedelta(seconds=50) < found.expires_at - now() <= timedelta(seconds=60)


def test_url_links_and_schemes(client, listener):
    target = links.Target("pages/a", "c=1", "trial")
    listener.answer("/wxa/generate_urllink", {"errcode": 0, "errmsg": "ok", "url_link": "https://wxaurl.cn/x"})
    assert links.create_url_link(client, target, lives_days=30) == "https://wxaurl.cn/x"
    assert listener.last.body == {
        "path": "pages/a", "query": "c=1", "env_version": "trial", "expire_type": 1, "expire_interval": 30
    }  # fmt: skip
    listener.answer("/wxa/generatescheme", {"errcode": 0, "errmsg": "ok", "openlink": "weixin://dl/business/?t=x"})
    assert links.create_scheme(client, target, lives_days=1) == "weixin://dl/business/?t=x"
    assert listener.last.body == {
        "jump_wxa": {"path": "pages/a", "query": "c=1", "env_version": "trial"},
        "is_expire": True, "expire_type": 1, "expire_interval": 1,
    }  # fmt: skip


def test_a_link_ends_at_a_moment(client, listener):
    listener.answer("/wxa/generate_urllink", {"errcode": 0, "errmsg": "ok", "url_link": "u"})
    ends_at = now() + timedelta(days=29)
    links.create_expiring_url_link(client, links.Target(), ends_at)
    assert listener.last.body["expire_type"] == 0
    assert listener.last.body["expire_time"] == int(ends_at.timestamp())
    for bad in (now() - timedelta(seconds=1), now() + timedelta(days=31)):
        with pytest.raises(BadMessage):
            links.create_expiring_url_link(client, links.Target(), bad)
    assert len(listener.asked) == 1


@pytest.mark.parametrize(("target", "days"), [
    (links.Target(query="x" * 1025), 1), (links.Target(release="beta"), 1), (links.Target(), 0), (links.Target(), 31),
])  # fmt: skip
def test_bad_links_are_refused_without_a_call(client, listener, target, days):
    for create in (links.create_url_link, links.create_scheme):
        with pytest.raises(BadMessage):
            create(client, target, lives_days=days)
    assert listener.asked == []


def test_what_a_link_is(client, listener):
    listener.answer("/wxa/query_urllink", {"errcode": 0, "url_link_info": {"path": "a"}})
    assert links.read_url_link(client, "u")["url_link_info"] == {"path": "a"}
    assert listener.last.body == {"url_link": "u"}
    listener.answer("/wxa/queryscheme", {"errcode": 0, "scheme_info": {"path": "a"}})
    assert links.read_scheme(client, "weixin://x")["scheme_info"] == {"path": "a"}
    listener.answer("/wxa/genwxashortlink", {"errcode": 0, "link": "#小程序://x"})
    assert links.create_short_link(client, "pages/a", "题") == "#小程序://x"
    assert listener.last.body == {"page_url": "pages/a", "page_title": "题", "is_permanent": False}


def test_a_code_is_a_picture(client, listener):
    listener.answer(UNLIMITED, ("image/jpeg", b"\xff\xd8\xff"))
    found = links.draw_code(client, "s=" + "x" * 30, "pages/a", style=links.CodeStyle(280, (1, 2, 3), True))
    assert (found.content, found.content_type) == (b"\xff\xd8\xff", "image/jpeg")
    assert listener.last.body == {
        "scene": "s=" + "x" * 30, "page": "pages/a", "check_path": True, "env_version": "release", "width": 280,
        "auto_color": False, "line_color": {"r": 1, "g": 2, "b": 3}, "is_hyaline": True,
    }  # fmt: skip


@pytest.mark.parametrize(("arguments", "error"), [
    ({"scene": "x" * 33}, TooLong), ({"scene": ""}, BadMessage), ({"scene": "店"}, BadMessage),
    ({"scene": "a b"}, BadMessage), ({"scene": "a%b"}, BadMessage), ({"scene": "a", "page": "/pages/a"}, BadMessage),
    ({"scene": "a", "page": "pages/a?b=1"}, BadMessage), ({"scene": "a", "release": "beta"}, BadMessage),
    ({"scene": "a", "style": links.CodeStyle(279)}, BadMessage),
    ({"scene": "a", "style": links.CodeStyle(1281)}, BadMessage),
    ({"scene": "a", "style": links.CodeStyle(430, (256, 0, 0))}, BadMessage),
])  # fmt: skip
def test_bad_codes_are_refused_without_a_call(client, listener, arguments, error):
    with pytest.raises(error):
        links.draw_code(client, **arguments)
    assert listener.asked == []


def test_a_code_that_is_refused_is_json(client, listener):
    listener.answer(UNLIMITED, {"errcode": 41030, "errmsg": "invalid page"})
    with pytest.raises(Refused) as refused:
        links.draw_code(client, "a", "pages/none")
    assert refused.value.errcode == 41030
    listener.answer(UNLIMITED, {"errcode": 45009, "errmsg": "per minute here"})
    with pytest.raises(TooFast):
        links.draw_code(client, "a")


def test_the_limited_code_takes_a_whole_path(client, listener):
    listener.answer("/wxa/getwxacode", ("image/jpeg", b"\xff\xd8\xff"))
    links.draw_limited_code(client, "pages/a?b=" + "x" * 1014)
    assert listener.last.body["path"] == "pages/a?b=" + "x" * 1014
    with pytest.raises(TooLong):
        links.draw_limited_code(client, "x" * 1025)


def test_the_square_code(client, listener):
    listener.answer("/cgi-bin/wxaapp/createwxaqrcode", ("image/jpeg", b"\xff\xd8\xff"))
    assert links.draw_square_code(client, "pages/a?b=1", 280).content == b"\xff\xd8\xff"
    assert listener.last.body == {"path": "pages/a?b=1", "width": 280}
    for path, width in (("", 430), ("a", 279)):
        with pytest.raises(BadMessage):
            links.draw_square_code(client, path, width)
