"""Open Platform components, by section 8 of the fact sheet."""

import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.simulator.test_pushing import fields, open_sealed, seal, signature

HOUR = 3600
OFFICIAL = 2  # the permission set for users


class Platform3:
    """A third-party platform: what it knows and the calls it makes."""

    def __init__(self, platform, listener) -> None:
        self.platform, self.listener = platform, listener
        made = platform.add_component(event_url=listener.url, message_url=f"{listener.url}/$APPID$/messages")
        self.app_id, self.secret, self.token, self.key = (
            made[name] for name in ("app_id", "secret", "token", "aes_key")
        )
        platform.do("settle")
        self.access_token = self.fetch_token()["component_access_token"]

    def events(self) -> list[dict[str, str]]:
        """What was pushed to the event URL, decrypted; every signature is checked."""
        self.platform.do("settle")
        found = []
        for heard in self.listener.heard:
            shown = fields(heard.body)
            params = heard.params
            assert params["msg_signature"] == signature(
                self.token, params["timestamp"], params["nonce"], shown["Encrypt"]
            )
            text, trailer = open_sealed(shown["Encrypt"], self.key)
            assert trailer == self.app_id
            found.append({"path": heard.path, **fields(text)})
        return found

    def fetch_token(self, **changes) -> dict:
        body = {"component_appid": self.app_id, "component_appsecret": self.secret}
        body["component_verify_ticket"] = self.events()[-1].get("ComponentVerifyTicket", "")
        return self.raw("api_component_token", **(body | changes))

    def raw(self, name: str, **body) -> dict:
        params = {"access_token": getattr(self, "access_token", "")}
        url = f"{self.platform.url}/cgi-bin/component/{name}"
        return self.platform.http.post(url, params=params, json=body).json()

    def call(self, name: str, **body) -> dict:
        return self.raw(name, component_appid=self.app_id, **body)

    def authorize(self, app_id: str, **more) -> dict:
        code = self.platform.authorize(component=self.app_id, app_id=app_id, **more)["auth_code"]
        return self.call("api_query_auth", authorization_code=code)["authorization_info"]


@pytest.fixture
def third(platform, listener) -> Platform3:
    return Platform3(platform, listener)


@pytest.fixture
def account(platform):
    return platform.add_account()


def use(platform, token: str, path: str = "/cgi-bin/tags/get") -> int:
    return platform.http.get(f"{platform.url}{path}", params={"access_token": token}).json().get("errcode", 0)


def test_a_ticket_comes_every_ten_minutes_and_lives_twelve_hours(platform, third):
    assert [event["InfoType"] for event in third.events()] == ["component_verify_ticket"]
    first = third.events()[0]["ComponentVerifyTicket"]
    platform.advance(601)
    second = third.events()[1]["ComponentVerifyTicket"]
    assert first != second
    assert "component_access_token" in third.fetch_token(component_verify_ticket=first)
    platform.change_component(component=third.app_id, is_pushing_tickets=False)
    platform.advance(12 * HOUR)
    assert third.fetch_token(component_verify_ticket=second)["errcode"] == 61005
    assert third.fetch_token(component_verify_ticket="made up")["errcode"] == 61006
    assert third.raw("api_start_push_ticket", component_appid=third.app_id, component_secret=third.secret) == {
        "errcode": 0,
        "errmsg": "ok",
    }
    assert "component_access_token" in third.fetch_token()


def test_the_components_own_refusals(platform, third):
    assert third.fetch_token(component_appsecret="0" * 32)["errcode"] == 40125
    assert third.fetch_token(component_appsecret="")["errcode"] == 41004
    assert third.fetch_token(component_appid="wx0")["errcode"] == 61011
    platform.change_component(component=third.app_id, whitelist=["10.0.0.1"])
    assert third.fetch_token()["errcode"] == 61004


def test_the_owner_authorises_on_the_page(platform, third, account):
    code = third.call("api_create_preauthcode")["pre_auth_code"]
    params = {"component_appid": third.app_id, "pre_auth_code": code, "redirect_uri": "https://site.example/back?a=1"}
    shown = platform.http.get(f"{platform.url}/cgi-bin/componentloginpage", params={**params, "auth_type": "1"})
    assert account.app_id in shown.text
    form = {"component_appid": third.app_id, "code": code, "back": params["redirect_uri"], "app_id": account.app_id}
    answer = platform.http.post(f"{platform.url}/cgi-bin/componentloginpage/confirm", data=form)
    assert answer.status_code == 302
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["a"] == ["1"]
    event = third.events()[-1]
    assert event["InfoType"] == "authorized"
    assert event["AuthorizerAppid"] == account.app_id
    assert event["PreAuthCode"] == code
    assert [event["AuthorizationCode"]] == back["auth_code"]
    info = third.call("api_query_auth", authorization_code=event["AuthorizationCode"])["authorization_info"]
    assert info["authorizer_appid"] == account.app_id
    assert use(platform, info["authorizer_access_token"]) == 0
    again = platform.http.get(f"{platform.url}/cgi-bin/componentloginpage", params=params)
    assert "61009" in again.text


def test_a_mini_program_is_not_offered_where_official_accounts_are_asked(platform, third):
    mini = platform.add_account("miniprogram")
    code = third.call("api_create_preauthcode")["pre_auth_code"]
    params = {"component_appid": third.app_id, "pre_auth_code": code, "redirect_uri": "https://site.example/"}
    for auth_type, is_offered in (("1", False), ("2", True), ("3", True)):
        url = f"{platform.url}/cgi-bin/componentloginpage"
        shown = platform.http.get(url, params=params | {"auth_type": auth_type})
        assert (mini.app_id in shown.text) is is_offered


def test_codes_end(platform, third, account):
    code = platform.authorize(component=third.app_id, app_id=account.app_id)["auth_code"]
    assert third.call("api_query_auth", authorization_code="made up")["errcode"] == 61009
    platform.advance(HOUR + 1)
    assert third.call("api_query_auth", authorization_code=code)["errcode"] == 61010


def test_each_refresh_replaces_the_refresh_token(platform, third, account):
    info = third.authorize(account.app_id)
    first = info["authorizer_refresh_token"]
    answer = third.call("api_authorizer_token", authorizer_appid=account.app_id, authorizer_refresh_token=first)
    assert answer["authorizer_refresh_token"] != first
    assert use(platform, answer["authorizer_access_token"]) == 0
    again = third.call("api_authorizer_token", authorizer_appid=account.app_id, authorizer_refresh_token=first)
    assert again["errcode"] == 61023
    (listed,) = third.call("api_get_authorizer_list", offset=0, count=500)["list"]
    assert listed["refresh_token"] == answer["authorizer_refresh_token"]


def test_ungranted_sets_and_revocation(platform, third, account):
    info = third.authorize(account.app_id, permission_sets=[1, 3])
    assert use(platform, info["authorizer_access_token"]) == 61007
    platform.change_permissions(component=third.app_id, app_id=account.app_id, permission_sets=[1, OFFICIAL])
    assert use(platform, info["authorizer_access_token"]) == 0
    assert third.events()[-1]["InfoType"] == "updateauthorized"
    platform.revoke(component=third.app_id, app_id=account.app_id)
    event = third.events()[-1]
    assert (event["InfoType"], event["AuthorizerAppid"]) == ("unauthorized", account.app_id)
    assert use(platform, info["authorizer_access_token"]) == 61003
    refused = third.call("api_authorizer_token", authorizer_appid=account.app_id, authorizer_refresh_token="x")
    assert refused["errcode"] == 61003


def test_the_authorizers_messages_come_encrypted_for_the_component(platform, third, account):
    third.authorize(account.app_id)
    openid = platform.add_user(account.app_id)
    platform.send(app_id=account.app_id, openid=openid, Content="hello")
    message = third.events()[-1]
    assert message["path"].endswith(f"/{account.app_id}/messages")
    assert (message["ToUserName"], message["Content"]) == (account.original_id, "hello")


def test_what_is_told_about_an_authorizer(platform, third):
    for kind, verified, service_type, verify_type in (("service", True, 2, 0), ("subscription", False, 0, -1)):
        account = platform.add_account(kind, verified)
        third.authorize(account.app_id)
        info = third.call("api_get_authorizer_info", authorizer_appid=account.app_id)["authorizer_info"]
        assert info["service_type_info"]["id"] == service_type
        assert info["verify_type_info"]["id"] == verify_type
        assert info["user_name"] == account.original_id
    mini = platform.add_account("miniprogram")
    third.authorize(mini.app_id)
    assert "MiniProgramInfo" in third.call("api_get_authorizer_info", authorizer_appid=mini.app_id)["authorizer_info"]


def test_an_unpublished_component_gets_its_test_accounts_only(platform, third, account):
    platform.change_component(component=third.app_id, is_published=False)
    with pytest.raises(Exception, match="61028"):
        platform.authorize(component=third.app_id, app_id=account.app_id)
    platform.change_component(component=third.app_id, test_app_ids=[account.app_id])
    third.authorize(account.app_id)


def test_account_tokens_do_not_open_the_components_calls(platform, third, account):
    third.access_token = third.authorize(account.app_id)["authorizer_access_token"]
    assert third.call("api_create_preauthcode")["errcode"] == 61014


def test_open_accounts_join_unionids(platform, third):
    first, second = platform.add_account(), platform.add_account()
    tokens = [third.authorize(one.app_id)["authorizer_access_token"] for one in (first, second)]

    def ask(token: str, name: str, **body) -> dict:
        url = f"{platform.url}/cgi-bin/open/{name}"
        return platform.http.post(url, params={"access_token": token}, json=body).json()

    assert ask(tokens[0], "get")["errcode"] == 89002
    made = ask(tokens[0], "create", appid=first.app_id)["open_appid"]
    assert ask(tokens[0], "create", appid=first.app_id)["errcode"] == 89000
    assert ask(tokens[1], "bind", appid=second.app_id, open_appid=made)["errcode"] == 0
    unions = {platform.do("add_user", app_id=one.app_id, person="alice")["unionid"] for one in (first, second)}
    assert len(unions) == 1
    assert ask(tokens[1], "unbind", appid=second.app_id, open_appid=made)["errcode"] == 0


def test_the_release_check_judges_the_answers(platform, third, listener):
    def answer(heard) -> str:
        text, _ = open_sealed(fields(heard.body)["Encrypt"], third.key)
        return "success" if "TESTCOMPONENT" not in text else "nonsense"

    listener.answer = answer
    result = platform.check_release(component=third.app_id, timeout=0.5)
    assert result == {
        "ticket": True,
        "service": {"text_reply": False, "api_reply": False},
        "miniprogram": {"api_reply": False},
        "passed": False,
    }


def test_the_release_check_passes_a_platform_that_does_its_duty(platform, third, listener):
    def answer(heard) -> str:
        message = fields(open_sealed(fields(heard.body)["Encrypt"], third.key)[0])
        text = message.get("Content", "")
        if text == "TESTCOMPONENT_MSG_TYPE_TEXT":
            return seal_reply(third, f"{text}_callback")
        if text.startswith("QUERY_AUTH_CODE:"):
            threading.Thread(target=answer_by_api, args=(text.removeprefix("QUERY_AUTH_CODE:"), message)).start()
            return ""
        return "success"

    def answer_by_api(code: str, message: dict[str, str]) -> None:
        token = third.call("api_query_auth", authorization_code=code)["authorization_info"]["authorizer_access_token"]
        body = {"touser": message["FromUserName"], "msgtype": "text", "text": {"content": f"{code}_from_api"}}
        url = f"{platform.url}/cgi-bin/message/custom/send"
        assert platform.http.post(url, params={"access_token": token}, json=body).json()["errcode"] == 0

    listener.answer = answer
    assert platform.check_release(component=third.app_id, timeout=5)["passed"] is True


def seal_reply(third: Platform3, text: str) -> str:
    sealed = seal(f"<xml><MsgType>text</MsgType><Content>{text}</Content></xml>", third.app_id, third.key)
    signed = signature(third.token, "1700000000", "99", sealed)
    return (
        f"<xml><Encrypt>{sealed}</Encrypt><MsgSignature>{signed}</MsgSignature>"
        "<TimeStamp>1700000000</TimeStamp><Nonce>99</Nonce></xml>"
    )


def test_exclusive_sets_stay_with_the_first_and_messages_go_to_all(platform, third, account, listener):
    listener.heard.clear()
    second = Platform3(platform, listener)
    first_sets = [one["funcscope_category"]["id"] for one in third.authorize(account.app_id)["func_info"]]
    second_sets = [one["funcscope_category"]["id"] for one in second.authorize(account.app_id)["func_info"]]
    assert {4, 24} <= set(first_sets)
    assert set(first_sets) - set(second_sets) == {4, 24}
    platform.do("settle")
    listener.heard.clear()
    platform.send(app_id=account.app_id, openid=platform.add_user(account.app_id), Content="hello")
    platform.do("settle")
    assert len(listener.heard) == 2
