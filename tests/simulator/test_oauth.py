"""Web OAuth, by section 6.4 of the fact sheet."""

from urllib.parse import parse_qs, urlsplit

import pytest

BACK = "https://site.example/back"


@pytest.fixture
def openid(platform, api) -> str:
    platform.add_person(name="alice", nickname="爱丽丝", avatar_url="https://img.example/a.png")
    return platform.add_user(api.account.app_id, "alice")


@pytest.fixture
def visit(platform, api):
    def open_page(scope: str = "snsapi_base", **more: str):
        params = {"appid": api.account.app_id, "redirect_uri": BACK, "response_type": "code"}
        params |= {"scope": scope, "state": "s1"}
        return api.http.get(f"{platform.url}/connect/oauth2/authorize", params=params | more)

    return open_page


@pytest.fixture
def exchange(platform, api):
    def ask(code: str, **changes: str) -> dict:
        params = {"appid": api.account.app_id, "secret": api.account.secret, "code": code}
        params |= {"grant_type": "authorization_code"} | changes
        return api.http.get(f"{platform.url}/sns/oauth2/access_token", params=params).json()

    return ask


def code_of(answer) -> dict[str, list[str]]:
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(BACK)
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_the_silent_scope_gives_the_openid_only(platform, api, visit, exchange, openid):
    back = code_of(visit(simulated_user=openid))
    assert back["state"] == ["s1"]
    answer = exchange(back["code"][0])
    assert answer["openid"] == openid
    assert answer["expires_in"] == 7200
    assert "is_snapshotuser" not in answer
    profile = {"access_token": answer["access_token"], "openid": openid}
    assert api.http.get(f"{platform.url}/sns/userinfo", params=profile).json()["errcode"] == 48001
    assert api.http.get(f"{platform.url}/sns/auth", params=profile).json()["errcode"] == 0
    assert api.http.get(f"{platform.url}/cgi-bin/tags/get", params=profile).json()["errcode"] == 40001


def test_the_profile_needs_consent_once(platform, api, visit, exchange, openid):
    asked = visit("snsapi_userinfo", simulated_user=openid)
    assert asked.status_code == 200
    assert "Allow" in asked.text
    refused = code_of(visit("snsapi_userinfo", simulated_user=openid, simulated_answer="no"))
    assert "code" not in refused
    answer = exchange(code_of(visit("snsapi_userinfo", simulated_user=openid, simulated_answer="yes"))["code"][0])
    params = {"access_token": answer["access_token"], "openid": openid, "lang": "zh_CN"}
    profile = api.http.get(f"{platform.url}/sns/userinfo", params=params).json()
    assert (profile["nickname"], profile["headimgurl"]) == ("爱丽丝", "https://img.example/a.png")
    assert (profile["sex"], profile["province"]) == (0, "")
    assert "code" in code_of(visit("snsapi_userinfo", simulated_user=openid))
    assert visit("snsapi_userinfo", simulated_user=openid, forcePopup="true").status_code == 200


def test_a_snapshot_page_gives_a_virtual_visitor(visit, exchange, openid):
    code = code_of(visit("snsapi_userinfo", simulated_user=openid, simulated_answer="snapshot"))["code"][0]
    answer = exchange(code)
    assert answer["is_snapshotuser"] == 1
    assert answer["openid"] != openid


def test_a_code_is_good_once_for_five_minutes(platform, api, exchange, openid):
    code = platform.oauth_code(app_id=api.account.app_id, openid=openid)["code"]
    assert exchange(code)["openid"] == openid
    assert exchange(code)["errcode"] == 40163
    late = platform.oauth_code(app_id=api.account.app_id, openid=openid)["code"]
    platform.advance(301)
    assert exchange(late)["errcode"] == 42003
    assert exchange("made up")["errcode"] == 40029
    assert exchange("")["errcode"] == 41008
    assert exchange(late, secret="0" * 32)["errcode"] == 40125


def test_refreshing_for_thirty_days(platform, api, exchange, openid):
    code = platform.oauth_code(app_id=api.account.app_id, openid=openid)["code"]
    token = exchange(code)["refresh_token"]
    params = {"appid": api.account.app_id, "grant_type": "refresh_token", "refresh_token": token}
    url = f"{platform.url}/sns/oauth2/refresh_token"
    platform.advance(29 * 86400)
    assert api.http.get(url, params=params).json()["openid"] == openid
    platform.advance(2 * 86400)
    assert api.http.get(url, params=params).json()["errcode"] == 42002
    assert api.http.get(url, params=params | {"refresh_token": "x"}).json()["errcode"] == 40030


def test_the_page_checks_domain_order_and_account(platform, api, visit, call_as):
    platform.change_account(app_id=api.account.app_id, oauth_domain="other.example")
    assert "10003" in visit().text
    platform.change_account(app_id=api.account.app_id, oauth_domain="site.example")
    assert "Who is looking?" in visit().text
    assert "10005" in visit("everything").text
    swapped = f"appid={api.account.app_id}&scope=snsapi_base&redirect_uri={BACK}&response_type=code"
    assert "40035" in api.http.get(f"{platform.url}/connect/oauth2/authorize?{swapped}").text
    assert "48001" in visit(appid=call_as("subscription").account.app_id).text
    assert "40013" in visit(appid="wx0").text
