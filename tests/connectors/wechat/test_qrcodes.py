"""Parametric QR codes: exact bodies, scenes and lifetimes at their edge."""

from datetime import timedelta

import pytest

from connectors.wechat import qrcodes
from connectors.wechat.clock import now
from connectors.wechat.errors import BadMessage, NotAllowed, TooLong

PATH = "/cgi-bin/qrcode/create"
OK = {"ticket": "gQH4 7w==", "expire_seconds": 60, "url": "http://weixin.qq.com/q/x"}


@pytest.mark.parametrize(("scene", "name", "info"), [
    (1, "QR_SCENE", {"scene_id": 1}),
    (2**32 - 1, "QR_SCENE", {"scene_id": 4294967295}),
    ("店" * 64, "QR_STR_SCENE", {"scene_str": "店" * 64}),
])  # fmt: skip
def test_temporary_codes(client, listener, scene, name, info):
    listener.answer(PATH, OK)
    found = qrcodes.create_temporary(client, scene, 2_592_000)
    assert (found.ticket, found.url) == ("gQH4 7w==", "http://weixin.qq.com/q/x")
    assert timedelta(seconds=50) < found.expires_at - now() <= timedelta(seconds=60)
    assert listener.last.body == {"expire_seconds": 2_592_000, "action_name": name, "action_info": {"scene": info}}


@pytest.mark.parametrize(("scene", "name", "info"), [
    (100_000, "QR_LIMIT_SCENE", {"scene_id": 100_000}), ("shop-7", "QR_LIMIT_STR_SCENE", {"scene_str": "shop-7"}),
])  # fmt: skip
def test_permanent_codes(client, listener, scene, name, info):
    listener.answer(PATH, {"ticket": "T", "url": "u"})
    assert qrcodes.create_permanent(client, scene) == qrcodes.QrCode("T", "u", None)
    assert listener.last.body == {"action_name": name, "action_info": {"scene": info}}


@pytest.mark.parametrize(
    ("scene", "error"), [(0, BadMessage), (100_001, BadMessage), ("店" * 65, TooLong), ("", BadMessage)]
)
def test_bad_permanent_scenes_are_refused_without_a_call(client, listener, scene, error):
    with pytest.raises(error):
        qrcodes.create_permanent(client, scene)
    assert listener.asked == []


@pytest.mark.parametrize(("scene", "seconds"), [(0, 60), (2**32, 60), (1, 0), (1, 2_592_001)])
def test_bad_temporary_codes_are_refused_without_a_call(client, listener, scene, seconds):
    with pytest.raises(BadMessage):
        qrcodes.create_temporary(client, scene, seconds)
    assert listener.asked == []


def test_other_accounts_are_told_so(client, listener):
    listener.answer(PATH, {"errcode": 48001, "errmsg": "api unauthorized"})
    with pytest.raises(NotAllowed):
        qrcodes.create_permanent(client, 1)


def test_the_picture_has_an_address():
    assert qrcodes.image_url("gQH4 7w==") == "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=gQH4%207w%3D%3D"
    assert qrcodes.image_url("a+/b", "http://sim/") == "http://sim/cgi-bin/showqrcode?ticket=a%2B%2Fb"
