"""Parametric QR codes and menus, by sections 6.1 and 6.2 of the fact sheet."""

import pytest


def create(api, kind: str, scene: dict, **more) -> dict:
    return api.post("/cgi-bin/qrcode/create", action_name=kind, action_info={"scene": scene}, **more)


def test_a_temporary_code_lives_as_long_as_asked(platform, api):
    code = create(api, "QR_STR_SCENE", {"scene_str": "shop-7"}, expire_seconds=3600)
    assert code["expire_seconds"] == 3600
    assert code["url"].startswith("http://weixin.qq.com/q/")
    picture = api.http.get(f"{platform.url}/cgi-bin/showqrcode", params={"ticket": code["ticket"]})
    assert picture.headers["content-type"] == "image/jpg"
    assert picture.content[:3] == b"\xff\xd8\xff"
    platform.advance(3601)
    assert api.http.get(f"{platform.url}/cgi-bin/showqrcode", params={"ticket": code["ticket"]}).status_code == 404
    assert create(api, "QR_SCENE", {"scene_id": 1})["expire_seconds"] == 60


def test_a_permanent_scene_has_one_code(api):
    first = create(api, "QR_LIMIT_STR_SCENE", {"scene_str": "shop-7"})
    assert "expire_seconds" not in first
    assert create(api, "QR_LIMIT_STR_SCENE", {"scene_str": "shop-7"})["ticket"] == first["ticket"]


def test_permanent_codes_end_at_a_hundred_thousand(platform, api):
    platform.change_account(app_id=api.account.app_id, num_permanent_codes=100_000)
    assert create(api, "QR_LIMIT_SCENE", {"scene_id": 5})["errcode"] == 45009
    assert "ticket" in create(api, "QR_SCENE", {"scene_id": 5})


@pytest.mark.parametrize(
    ("kind", "scene", "errcode"),
    [
        ("QR", {"scene_id": 1}, 40052),
        ("QR_SCENE", {"scene_id": 0}, 40129),
        ("QR_SCENE", {"scene_id": 2**32}, 40129),
        ("QR_STR_SCENE", {"scene_str": ""}, 40129),
        ("QR_STR_SCENE", {"scene_str": "x" * 65}, 40129),
        ("QR_LIMIT_SCENE", {"scene_id": 100_001}, 40129),
    ],
)
def test_bad_scenes(api, kind, scene, errcode):
    assert create(api, kind, scene)["errcode"] == errcode


def test_only_verified_service_accounts_have_them(call_as):
    assert create(call_as("subscription"), "QR_SCENE", {"scene_id": 1})["errcode"] == 48001
    assert create(call_as("service", verified=False), "QR_SCENE", {"scene_id": 1})["errcode"] == 48001
