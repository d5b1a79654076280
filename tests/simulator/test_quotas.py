"""Quotas and the tools around them, by sections 0.7 and 0.8 of the fact sheet."""

import re

PATH = "/cgi-bin/user/get"
DAY = 86400


def test_quota_get_shows_limit_used_and_rest(api):
    api.get(PATH)
    answer = api.post("/cgi-bin/openapi/quota/get", cgi_path=PATH)
    assert answer == {"errcode": 0, "errmsg": "ok", "quota": {"daily_limit": 500, "used": 1, "remain": 499}}
    assert api.post("/cgi-bin/openapi/quota/get", cgi_path="/cgi-bin/nothing")["errcode"] == 76021


def test_quota_get_refuses_what_the_account_may_not_call(call_as):
    assert call_as(verified=False).post("/cgi-bin/openapi/quota/get", cgi_path=PATH)["errcode"] == 76022


def test_quotas_scale_and_test_accounts_have_less(platform, api, call_as):
    tester = call_as(is_test=True)
    assert tester.post("/cgi-bin/openapi/quota/get", cgi_path=PATH)["quota"]["daily_limit"] == 100
    platform.settings(quota_scale=0.01)
    assert api.post("/cgi-bin/openapi/quota/get", cgi_path=PATH)["quota"]["daily_limit"] == 5


def test_clearing_goes_ten_times_a_month(platform, api):
    platform.change_account(app_id=api.account.app_id, limits={PATH: 1})
    for _ in range(10):
        api.get(PATH)
        assert api.get(PATH)["errcode"] == 45009
        assert api.post("/cgi-bin/clear_quota", appid=api.account.app_id)["errcode"] == 0
    assert api.post("/cgi-bin/clear_quota", appid=api.account.app_id)["errcode"] == 48006
    assert api.post("/cgi-bin/clear_quota", appid="wx0")["errcode"] == 40013


def test_one_path_alone_and_without_a_token(platform, api):
    platform.change_account(app_id=api.account.app_id, limits={PATH: 1})
    api.get(PATH)
    assert api.post("/cgi-bin/openapi/quota/clear", cgi_path=PATH)["errcode"] == 0
    assert api.get(PATH)["count"] == 0
    secret = {"appid": api.account.app_id, "appsecret": api.account.secret}
    assert api.http.post(f"{platform.url}/cgi-bin/clear_quota/v2", params=secret).json()["errcode"] == 0
    assert api.get(PATH)["count"] == 0


def test_a_minute_has_its_own_limit(platform, api):
    platform.change_account(app_id=api.account.app_id, minute_limits={PATH: 2})
    assert [api.get(PATH).get("errcode", 0) for _ in range(3)] == [0, 0, 45011]
    platform.advance(60)
    assert api.get(PATH)["count"] == 0


def test_a_rid_tells_what_happened_for_seven_days(platform, api, call_as):
    message = api.get("/cgi-bin/user/info", openid="oNobody")["errmsg"]
    rid = re.fullmatch(r"invalid openid rid: ([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})", message).group(1)
    told = api.post("/cgi-bin/openapi/rid/get", rid=rid)["request"]
    assert told["request_url"] == "/cgi-bin/user/info?access_token=***&openid=oNobody"
    assert '"errcode":40003' in told["response_body"]
    assert told["client_ip"] == "127.0.0.1"
    assert call_as().post("/cgi-bin/openapi/rid/get", rid=rid)["errcode"] == 76003
    platform.advance(8 * DAY)
    api.token = api.fetch_token()
    assert api.post("/cgi-bin/openapi/rid/get", rid=rid)["errcode"] == 76001
