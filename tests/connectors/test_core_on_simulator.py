"""The core against the simulated platform over HTTP: two readings of one fact sheet have to agree."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connectors.wechat import component, crypto, jssdk, miniprogram, oauth, pushes, release_check, replies
from connectors.wechat.client import WeChatClient
from connectors.wechat.component import AuthorizerTokens, Component
from connectors.wechat.crypto import CallbackSecrets, Mode
from connectors.wechat.errors import (
    AddressNotListed,
    BadAuthCode,
    BadSecret,
    BadSignature,
    BadTicket,
    Busy,
    LoginExpired,
    NotAllowed,
    NotAuthorised,
    OverQuota,
    TransportFailed,
)
from connectors.wechat.oauth import ComponentRoute, Scope, SecretRoute
from connectors.wechat.tokens import MemoryStore, StableTokens
from simulator.remote import PlatformControl, RemoteAccount
from tests.platform_fixtures import Heard, Listener

SEND = "/cgi-bin/message/custom/send"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=60)) as client:
        yield client


@pytest.fixture
def clock(platform: PlatformControl) -> Callable[[], datetime]:
    """The platform's own time, which the tests move."""
    return lambda: datetime.fromtimestamp(platform.now(), UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def client_of(
    platform: PlatformControl, http: httpx.Client, clock: Callable[[], datetime], store: MemoryStore
) -> Callable[[RemoteAccount], WeChatClient]:
    def make(account: RemoteAccount) -> WeChatClient:
        tokens = StableTokens(account.app_id, account.secret, store, base_url=platform.url, http=http, clock=clock)
        return WeChatClient(account.app_id, tokens, base_url=platform.url, http=http, sleep=lambda seconds: None)

    return make


@pytest.fixture
def service(platform: PlatformControl) -> RemoteAccount:
    return platform.add_account("service")


def errcodes(platform: PlatformControl, path: str) -> list[int]:
    return [json.loads(call["response"]).get("errcode", 0) for call in platform.calls(path)]


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_lasts_two_hours_and_is_renewed_without_a_refused_call(
    platform: PlatformControl, service: RemoteAccount, client_of: Callable[..., WeChatClient]
) -> None:
    client = client_of(service)
    for _ in range(12):
        assert client.call("GET", "/cgi-bin/tags/get")["tags"] is not None
        platform.advance(23 * 60)
    fetched = platform.calls("/cgi-bin/stable_token")
    assert 2 <= len(fetched) <= 5
    assert set(errcodes(platform, "/cgi-bin/tags/get")) == {0}


def test_a_killed_token_is_replaced_within_the_call(
    platform: PlatformControl, service: RemoteAccount, client_of: Callable[..., WeChatClient]
) -> None:
    client = client_of(service)
    client.call("GET", "/cgi-bin/tags/get")
    platform.do("kill_tokens", app_id=service.app_id)
    client.call("GET", "/cgi-bin/tags/get")
    assert errcodes(platform, "/cgi-bin/tags/get") == [0, 40001, 0]


def test_fifty_threads_and_a_killed_token_cost_one_refresh_and_no_message(
    platform: PlatformControl, service: RemoteAccount, client_of: Callable[..., WeChatClient]
) -> None:
    people = platform.add_users(service.app_id, 50)
    for openid in people:
        platform.do("send", app_id=service.app_id, openid=openid, Content="hi")
    client = client_of(service)
    client.call("GET", "/cgi-bin/tags/get")
    platform.do("kill_tokens", app_id=service.app_id)

    def send(openid: str) -> int:
        body = {"touser": openid, "msgtype": "text", "text": {"content": "你好"}}
        return int(client.call("POST", SEND, body=body)["errcode"])

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(send, people)) == [0] * 50
    assert len(platform.calls("/cgi-bin/stable_token")) == 2
    delivered = platform.delivered(service.app_id)
    assert sorted(line["subject"] for line in delivered if line["via"] == "custom") == sorted(people)


def test_wrong_secret_and_unlisted_address_are_told_apart(
    platform: PlatformControl, service: RemoteAccount, http: httpx.Client, store: MemoryStore
) -> None:
    with pytest.raises(BadSecret):
        StableTokens(service.app_id, "wrong", store, base_url=platform.url, http=http).get()
    listed = platform.add_account("service", whitelist=["10.0.0.1"])
    with pytest.raises(AddressNotListed) as caught:
        StableTokens(listed.app_id, listed.secret, store, base_url=platform.url, http=http).get()
    assert caught.value.address == "127.0.0.1"
    assert caught.value.rid


def test_what_an_account_may_not_do_and_faults_of_the_platform(
    platform: PlatformControl, service: RemoteAccount, client_of: Callable[..., WeChatClient]
) -> None:
    with pytest.raises(NotAllowed):
        client_of(platform.add_account("subscription", False)).call("GET", "/cgi-bin/tags/get")
    client = client_of(service)
    platform.fail("errcode", errcode=-1, path="/cgi-bin/tags/get", remaining=2)
    assert "tags" in client.call("GET", "/cgi-bin/tags/get")
    platform.fail("errcode", errcode=-1, path="/cgi-bin/tags/create", remaining=1)
    with pytest.raises(Busy):
        client.call("POST", "/cgi-bin/tags/create", body={"tag": {"name": "x"}})
    platform.fail("errcode", errcode=45009, path="/cgi-bin/tags/create", remaining=1)
    with pytest.raises(OverQuota):
        client.call("POST", "/cgi-bin/tags/create", body={"tag": {"name": "x"}})
    platform.fail("html", path="/cgi-bin/tags/create", remaining=1)
    with pytest.raises(TransportFailed):
        client.call("POST", "/cgi-bin/tags/create", body={"tag": {"name": "x"}})


# --- pushes ---------------------------------------------------------------------------------------------------------

KEY, KEY_BEFORE = "a" * 42 + "A", "b" * 42 + "A"


def make_answer(shared: CallbackSecrets, heard: list[pushes.Push]) -> Callable[[Heard], str]:
    """A site of a few lines: checks, opens, types, and answers text with text."""

    def answer(request: Heard) -> str:
        if "echostr" in request.params:
            return crypto.verify_address(shared, request.params)
        try:
            opened = crypto.open_push(shared, request.params, request.body.encode())
        except BadSignature:
            return "forged"
        push = pushes.parse(opened.document)
        heard.append(push)
        if not isinstance(push, pushes.TextMessage):
            return "success"
        body = replies.write(replies.TextReply(f"再见 {push.content}"), push, is_json=opened.is_json)
        return crypto.seal_reply(shared, opened, body).decode()

    return answer


def connect(platform: PlatformControl, listener: Listener, mode: str, form: str) -> tuple[RemoteAccount, list[Any]]:
    account, heard = platform.add_account("service"), []
    listener.answer = make_answer(CallbackSecrets(account.app_id, "tok123", (KEY, KEY_BEFORE), Mode(mode)), heard)
    done = platform.do(
        "configure_callback",
        app_id=account.app_id,
        url=listener.url,
        token="tok123",
        aes_key=KEY,
        mode=mode,
        format=form,
    )
    assert done == {"ok": True}
    return account, heard


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_every_mode_and_format_is_understood_both_ways(
    mode: str, form: str, platform: PlatformControl, listener: Listener
) -> None:
    account, heard = connect(platform, listener, mode, form)
    openid = platform.add_user(account.app_id, "anna", following=False)
    platform.do("follow", app_id=account.app_id, openid=openid)
    platform.do("settle")
    platform.do("send", app_id=account.app_id, openid=openid, Content="你好 <&>]]>")
    assert {line["outcome"] for line in platform.pushes(account.app_id)} <= {"accepted", "replied", "answered"}
    assert [type(push) for push in heard] == [pushes.Followed, pushes.TextMessage]
    followed, said = heard
    assert (followed.person, said.person, said.content) == (openid, openid, "你好 <&>]]>")
    assert said.receiver == account.original_id
    passive = [line["payload"] for line in platform.delivered(account.app_id) if line["via"] == "passive"]
    assert "再见 你好 <&>]]>" in json.dumps(passive, ensure_ascii=False)


@pytest.mark.parametrize("mode", ["plain", "safe"])
def test_repeated_shuffled_and_forged_pushes_are_one_fact_each(
    mode: str, platform: PlatformControl, listener: Listener
) -> None:
    account, heard = connect(platform, listener, mode, "xml")
    people = platform.add_users(account.app_id, 5)
    platform.do("push_defects", app_id=account.app_id, duplicates=2, mixes=5)
    for openid in people:
        platform.do("unfollow", app_id=account.app_id, openid=openid)
        platform.do("follow", app_id=account.app_id, openid=openid)
    platform.do("push_defects", app_id=account.app_id)
    platform.pushes(account.app_id)
    keys = {push.dedupe_key for push in heard}
    assert len(heard) == 30
    assert len(keys) == 10

    heard.clear()
    platform.do("push_defects", app_id=account.app_id, forges=1)
    platform.do("unfollow", app_id=account.app_id, openid=people[0])
    platform.pushes(account.app_id)
    assert heard == []
    if mode == "safe":
        platform.do("push_defects", app_id=account.app_id, trailer="wxSomebodyElse")
        platform.do("follow", app_id=account.app_id, openid=people[0])
        platform.pushes(account.app_id)
        assert heard == []
        platform.do("push_defects", app_id=account.app_id, old_key=KEY_BEFORE)
        platform.do("unfollow", app_id=account.app_id, openid=people[0])
        platform.pushes(account.app_id)
        assert len(heard) == 1


# --- component ------------------------------------------------------------------------------------------------------


class ComponentSite:
    """What a site around a component does with its pushes: keep the last ticket, note the rest."""

    def __init__(self, platform: PlatformControl, listener: Listener, http: httpx.Client, clock: Any) -> None:
        made = platform.do(
            "add_component", event_url=listener.url, message_url=f"{listener.url}/$APPID$", is_published=True
        )
        self.app_id, self.secret = made["app_id"], made["secret"]
        self.shared = CallbackSecrets(self.app_id, made["token"], (made["aes_key"],), Mode.SAFE)
        self.heard: list[Any] = []
        self.ticket = ""
        listener.answer = self.answer
        platform.do("push_ticket", component=self.app_id)
        platform.do("settle")
        self.store = MemoryStore()
        self.component = Component(
            self.app_id, self.secret, lambda: self.ticket, self.store, base_url=platform.url, http=http, clock=clock
        )

    def answer(self, request: Heard) -> str:
        push = pushes.parse(crypto.open_push(self.shared, request.params, request.body.encode()).document)
        if isinstance(push, pushes.TicketIssued):
            self.ticket = push.ticket
        else:
            self.heard.append(push)
        return "success"


@pytest.fixture
def site(
    platform: PlatformControl, listener: Listener, http: httpx.Client, clock: Callable[[], datetime]
) -> ComponentSite:
    return ComponentSite(platform, listener, http, clock)


def test_an_owner_authorises_by_the_page_and_the_account_can_be_called(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, http: httpx.Client,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    code = site.component.create_pre_auth_code()
    assert code.expires_at > clock() + timedelta(minutes=5)
    link = component.login_link(site.app_id, code, "http://site.example/back?x=1", base_url=platform.url)
    assert service.app_id in http.get(link).text
    form = {"component_appid": site.app_id, "code": code.value, "back": "http://site.example/back?x=1"}
    back = http.post(
        f"{platform.url}/cgi-bin/componentloginpage/confirm", data=form | {"app_id": service.app_id}
    ).headers["location"]
    auth_code = parse_qs(urlsplit(back).query)["auth_code"][0]
    platform.do("settle")
    (pushed,) = site.heard
    assert isinstance(pushed, pushes.Authorised)
    assert (pushed.app_id, pushed.auth_code, pushed.pre_auth_code) == (service.app_id, auth_code, code.value)

    granted = site.component.query_authorisation(auth_code)
    assert granted.app_id == service.app_id
    assert {1, 2, 3, 4, 7} <= set(granted.permission_sets)
    tokens = AuthorizerTokens(site.component, service.app_id, site.store, clock)
    tokens.accept(granted)
    client = WeChatClient(service.app_id, tokens, base_url=platform.url, http=http)
    assert "tags" in client.call("GET", "/cgi-bin/tags/get")
    with pytest.raises(BadAuthCode):
        site.component.query_authorisation(auth_code)


def authorised(site: ComponentSite, platform: PlatformControl, account: RemoteAccount, clock: Any) -> AuthorizerTokens:
    code = platform.do("authorize", component=site.app_id, app_id=account.app_id)["auth_code"]
    tokens = AuthorizerTokens(site.component, account.app_id, site.store, clock)
    tokens.accept(site.component.query_authorisation(code))
    return tokens


def test_tokens_of_component_and_account_are_renewed_and_the_refresh_token_kept(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, http: httpx.Client,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    tokens = authorised(site, platform, service, clock)
    client = WeChatClient(service.app_id, tokens, base_url=platform.url, http=http)
    seen = set()
    for _ in range(4):
        client.call("GET", "/cgi-bin/tags/get")
        stored = site.store.read(tokens.key)
        assert stored is not None
        seen.add(stored.refresh_token)
        platform.advance(3 * 3600)
        platform.do("settle")
    assert len(seen) == 4
    assert set(errcodes(platform, "/cgi-bin/tags/get")) == {0}


def test_a_lost_refresh_token_is_found_in_the_list(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, clock: Callable[[], datetime]
) -> None:
    tokens = authorised(site, platform, service, clock)
    lost = site.store.read(tokens.key)
    assert lost is not None
    site.component.refresh(service.app_id, lost.refresh_token)  # an answer that nobody kept
    platform.advance(3 * 3600)
    platform.do("settle")
    assert tokens.get() != lost.value
    site.store.write(tokens.key, lost)
    AuthorizerTokens(site.component, service.app_id, MemoryStore(), clock).get()


def test_a_revoked_authorisation_is_told_and_every_call_refused(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, http: httpx.Client,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    tokens = authorised(site, platform, service, clock)
    platform.do("revoke", component=site.app_id, app_id=service.app_id)
    platform.do("settle")
    assert [push.app_id for push in site.heard if isinstance(push, pushes.Unauthorised)] == [service.app_id]
    client = WeChatClient(service.app_id, tokens, base_url=platform.url, http=http)
    with pytest.raises(NotAuthorised):
        client.call("GET", "/cgi-bin/tags/get")


def test_who_an_account_is_and_its_options(
    site: ComponentSite, platform: PlatformControl, clock: Callable[[], datetime]
) -> None:
    made = [platform.add_account(kind, verified) for kind, verified in
            (("service", True), ("subscription", False), ("miniprogram", True))]  # fmt: skip
    for account in made:
        authorised(site, platform, account, clock)
        known = site.component.fetch_account(account.app_id)
        assert (known.kind, known.name, known.original_id) == (account.kind, account.name, account.original_id)
        assert known.is_verified == (account.kind != "subscription")
        assert known.refresh_token
    assert [one.app_id for one in site.component.list_authorisations()] == [account.app_id for account in made]
    site.component.set_option(made[0].app_id, "location_report", "1")
    assert site.component.get_option(made[0].app_id, "location_report") == "1"
    with pytest.raises(NotAuthorised):
        site.component.fetch_account("wxnobody")


def test_an_old_ticket_is_refused_until_the_next_one(
    site: ComponentSite, platform: PlatformControl, listener: Listener
) -> None:
    old = site.ticket
    platform.do("change_component", component=site.app_id, is_pushing_tickets=False)
    platform.advance(13 * 3600)
    platform.do("settle")
    site.ticket = old
    with pytest.raises(BadTicket):
        site.component.create_pre_auth_code()
    site.component.start_tickets()
    platform.do("settle")
    assert site.component.create_pre_auth_code().value


def test_messages_of_an_authorised_account_come_with_the_components_keys(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, clock: Callable[[], datetime]
) -> None:
    authorised(site, platform, service, clock)
    openid = platform.add_user(service.app_id)
    platform.do("send", app_id=service.app_id, openid=openid, Content="hi")
    platform.do("settle")
    (said,) = [push for push in site.heard if isinstance(push, pushes.TextMessage)]
    assert (said.receiver, said.person) == (service.original_id, openid)


def test_the_release_check_of_the_platform_is_passed(
    site: ComponentSite, platform: PlatformControl, listener: Listener
) -> None:
    slow: list[threading.Thread] = []

    def answer(request: Heard) -> str:
        opened = crypto.open_push(site.shared, request.params, request.body.encode())
        push = pushes.parse(opened.document)
        if isinstance(push, pushes.TicketIssued):
            site.ticket = push.ticket
        if not isinstance(push, pushes.AccountPush):
            return "success"
        if code := release_check.find_auth_code(push):
            slow.append(
                threading.Thread(
                    target=release_check.answer_by_api, args=(site.component, push.sender, code, MemoryStore())
                )
            )
            slow[-1].start()
            return ""
        reply = release_check.find_reply(push)
        if reply is None:
            return "success"
        return crypto.seal_reply(site.shared, opened, replies.write(reply, push, is_json=opened.is_json)).decode()

    listener.answer = answer
    result = platform.do("check_release", component=site.app_id)
    for thread in slow:
        thread.join()
    assert result["passed"], result


# --- logins ---------------------------------------------------------------------------------------------------------


def web_code(platform: PlatformControl, http: httpx.Client, link: str, openid: str) -> str:
    page = f"{link.removesuffix('#wechat_redirect')}&simulated_user={openid}&simulated_answer=yes"
    query = parse_qs(urlsplit(http.get(page).headers["location"]).query)
    assert query["state"] == ["s t&te"]
    return query["code"][0]


def test_a_web_login_by_secret_and_by_component_names_the_same_person(
    site: ComponentSite, platform: PlatformControl, service: RemoteAccount, http: httpx.Client,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    openid = platform.add_user(service.app_id, "anna")
    by_secret = SecretRoute(service.app_id, service.secret, base_url=platform.url, http=http)
    authorised(site, platform, service, clock)
    for route, component_app_id in ((by_secret, ""), (ComponentRoute(service.app_id, site.component), site.app_id)):
        link = oauth.authorise_link(
            service.app_id, "http://site.example/in", "s t&te", Scope.USERINFO, component_app_id=component_app_id,
            base_url=platform.url,
        )  # fmt: skip
        code = web_code(platform, http, link, openid)
        login = oauth.exchange_code(route, code, clock=clock)
        assert (login.openid, login.scope) == (openid, "snsapi_userinfo")
        assert oauth.is_login_valid(route, login)
        assert oauth.fetch_profile(route, login).openid == openid
        again = oauth.refresh_login(route, login.refresh_token, clock=clock)
        assert again.openid == openid
        with pytest.raises(LoginExpired):
            oauth.exchange_code(route, code)


def test_a_silent_login_gives_no_profile_and_a_snapshot_no_login(
    platform: PlatformControl, service: RemoteAccount, http: httpx.Client
) -> None:
    openid = platform.add_user(service.app_id)
    route = SecretRoute(service.app_id, service.secret, base_url=platform.url, http=http)
    code = platform.do("oauth_code", app_id=service.app_id, openid=openid)["code"]
    login = oauth.exchange_code(route, code)
    with pytest.raises(NotAllowed):
        oauth.fetch_profile(route, login)
    code = platform.do("oauth_code", app_id=service.app_id, openid=openid, scope="snsapi_userinfo", snapshot=True)[
        "code"
    ]
    with pytest.raises(oauth.SnapshotVisitor):
        oauth.exchange_code(route, code)


def test_a_mini_program_login_phone_and_encrypted_data(
    site: ComponentSite, platform: PlatformControl, http: httpx.Client, client_of: Callable[..., WeChatClient],
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    account = platform.add_account("miniprogram")
    authorised(site, platform, account, clock)
    made = platform.do("login_code", app_id=account.app_id, person="anna")
    by_secret = SecretRoute(account.app_id, account.secret, base_url=platform.url, http=http)
    login = miniprogram.log_in(by_secret, made["code"])
    assert login.openid == made["openid"]
    with pytest.raises(LoginExpired):
        miniprogram.log_in(by_secret, made["code"])
    made = platform.do("login_code", app_id=account.app_id, openid=login.openid)
    assert miniprogram.log_in(ComponentRoute(account.app_id, site.component), made["code"]) == login

    client = client_of(account)
    assert miniprogram.is_session_valid(client, login)
    assert not miniprogram.is_session_valid(client, miniprogram.MiniLogin(login.openid, "", "AAAA"))
    code = platform.do("phone_code", app_id=account.app_id, openid=login.openid)["code"]
    phone = miniprogram.fetch_phone_number(client, code, login.openid)
    assert (len(phone.plain), phone.country_code) == (11, "86")

    data = platform.do("user_data", app_id=account.app_id, openid=login.openid, nickName="安娜", gender=0)
    content = miniprogram.decrypt_user_data(data["encryptedData"], data["iv"], login.session_key, account.app_id)
    assert content["nickName"] == "安娜"
    miniprogram.check_raw_data(data["rawData"], data["signature"], login.session_key)
    for app_id, key in (("wxother", login.session_key), (account.app_id, "A" * 22 + "==")):
        with pytest.raises(BadSignature):
            miniprogram.decrypt_user_data(data["encryptedData"], data["iv"], key, app_id)
    with pytest.raises(BadSignature):
        miniprogram.check_raw_data(data["rawData"] + " ", data["signature"], login.session_key)


def test_the_js_ticket_is_fetched_once_for_all(
    platform: PlatformControl, service: RemoteAccount, client_of: Callable[..., WeChatClient], store: MemoryStore,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    tickets = jssdk.JsTickets(client_of(service), store, clock)
    assert len({tickets.get() for _ in range(5)}) == 1
    assert len(platform.calls("/cgi-bin/ticket/getticket")) == 1
