"""Faults on request: what the caller sees, how often, and whether the call took effect."""

import httpx
import pytest

from simulator.remote import ControlError

PATH = "/cgi-bin/user/info/updateremark"


@pytest.fixture
def openid(platform, api) -> str:
    return platform.add_user(api.account.app_id)


def remark_of(api, openid: str) -> str:
    return api.get("/cgi-bin/user/info", openid=openid)["remark"]


def test_the_next_n_calls_of_a_path_fail(platform, api, openid):
    platform.fail("errcode", errcode=-1, path=PATH, remaining=2)
    codes = [api.post(PATH, openid=openid, remark="r")["errcode"] for _ in range(3)]
    assert codes == [-1, -1, 0]


def test_a_call_may_take_effect_and_its_answer_be_lost(platform, api, openid):
    platform.fail("close", path=PATH, remaining=1, after=True)
    with pytest.raises(httpx.TransportError):
        api.post(PATH, openid=openid, remark="arrived")
    assert remark_of(api, openid) == "arrived"


def test_a_call_may_never_arrive(platform, api, openid):
    platform.fail("close", path=PATH, remaining=1)
    with pytest.raises(httpx.TransportError):
        api.post(PATH, openid=openid, remark="lost")
    assert remark_of(api, openid) == ""


def test_hanging(platform, api, openid):
    platform.fail("hang", path=PATH, remaining=1, seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        api.send(PATH, b'{"openid":"x"}', timeout=0.2)


def test_html_broken_json_and_slowness(platform, api, openid):
    platform.fail("html", path=PATH, remaining=1, status=502)
    platform.fail("broken_json", path=PATH, remaining=1)
    platform.fail("slow", path=PATH, remaining=1, seconds=0.2)
    html, broken, slow = (api.send(PATH, f'{{"openid":"{openid}","remark":"r"}}'.encode()) for _ in range(3))
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html; charset=utf-8")
    with pytest.raises(ValueError, match="Unterminated"):
        broken.json()
    assert slow.json()["errcode"] == 0
    assert slow.elapsed.total_seconds() >= 0.2


def test_someone_else_fetches_a_token(platform, api, openid):
    platform.fail("kill_token", path=PATH, remaining=1)
    assert api.post(PATH, openid=openid, remark="r")["errcode"] == 40001
    api.token = api.fetch_token()
    assert api.post(PATH, openid=openid, remark="r")["errcode"] == 0


def test_a_fault_of_one_account_spares_the_others(platform, api, call_as):
    platform.fail("errcode", errcode=45009, app_id=api.account.app_id)
    assert api.get("/cgi-bin/tags/get")["errcode"] == 45009
    assert "tags" in call_as().get("/cgi-bin/tags/get")
    platform.clear_faults(app_id=api.account.app_id)
    assert "tags" in api.get("/cgi-bin/tags/get")


def test_wrong_methods_and_unknown_paths(platform, api):
    assert api.get("/cgi-bin/tags/create")["errcode"] == 43002
    assert api.post("/cgi-bin/tags/get", x=1)["errcode"] == 43001
    assert api.send("/cgi-bin/tags/create", b"").json()["errcode"] == 44002
    assert api.send("/cgi-bin/tags/create", b"{nonsense").json()["errcode"] == 47001
    assert api.http.get(f"{platform.url}/cgi-bin/nothing").status_code == 404


def test_every_host_is_answered_by_path(platform, api):
    answer = api.http.get(f"{platform.url}/api.weixin.qq.com/cgi-bin/tags/get", params={"access_token": api.token})
    assert "tags" in answer.json()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cgi-bin/changeopenid", {"from_appid": {"a": 1}, "openid_list": ["o"]}),
        ("/cgi-bin/message/custom/send", {"touser": 5, "msgtype": {"a": 1}}),
        ("/cgi-bin/comment/delete", {"user_comment_id": []}),
        ("/cgi-bin/tags/members/batchtagging", {"tagid": [], "openid_list": [None]}),
        ("/cgi-bin/menu/create", {"button": [None]}),
        ("/cgi-bin/qrcode/create", {"action_name": ["QR_SCENE"], "action_info": 3}),
    ],
)
def test_nonsense_gets_an_errcode(api, path, body):
    assert api.post(path, **body)["errcode"] not in (0, None)


def test_controls_say_what_they_did_not_understand(platform):
    with pytest.raises(ControlError, match="no control 'fly'"):
        platform.fly()
    with pytest.raises(ControlError, match="app_id must be a text"):
        platform.follow(app_id=1, openid="o")
    with pytest.raises(ControlError, match="missing a required argument: 'openid'"):
        platform.follow(app_id="wx1")
