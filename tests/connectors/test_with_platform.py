"""End to end with the simulated platform, which pushes over HTTP to the running site."""

import re
import threading
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from audience.models import Event, Identity
from connectors import authorisations, capabilities, connections, receipts, release_tests
from connectors.clients import AccountUnavailable, client_for
from connectors.models import (
    AccountToken,
    Authorisation,
    ConnectedAccount,
    OpenPlatform,
    PushReceipt,
    StartedAuthorisation,
)
from connectors.secrets import unseal
from connectors.wechat import transport

pytestmark = pytest.mark.django_db(transaction=True)
HOME = "/b/brand/channels/"


@pytest.fixture
def wechat(platform, settings, monkeypatch, live_server):
    """The simulated platform in WeChat's place, and the site where it can reach it."""
    # the server's threads outlive the test with the platform's kept connections: none may keep the database
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    settings.WECHAT_API_URL = settings.SIMULATOR_URL = platform.url
    settings.PUBLIC_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]
    yield platform
    transport.shared_http().close()
    transport.shared_http.cache_clear()


@pytest.fixture
def connected(wechat, as_owner, brand):
    """A practice account, connected by its button."""
    as_owner.post(f"{HOME}practice/")
    with tenant_scope(brand):
        return ConnectedAccount.objects.get()


def acts(brand):
    with tenant_scope(brand):
        return [(EventKind(kind), text) for kind, text in Event.objects.order_by("pk").values_list("kind", "text")]


def test_the_practice_button_connects_an_account_end_to_end(wechat, connected, brand, as_owner):
    assert (connected.is_simulated, connected.state, connected.kind) == (True, "active", "service")
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().checked_at is not None
    openid = wechat.add_user(connected.app_id, following=False)
    wechat.do("follow", app_id=connected.app_id, openid=openid)
    wechat.do("send", app_id=connected.app_id, openid=openid, Content="你好")
    assert len(wechat.pushes(connected.app_id)) == 2
    assert as_owner.get(f"{HOME}{connected.code}/light/").status_code == 286
    receipts.apply_waiting(brand.pk, connected.pk)
    assert sorted(acts(brand), key=str) == sorted([(EventKind.FOLLOW, None), (EventKind.MESSAGE_IN, "你好")], key=str)
    with tenant_scope(brand):
        assert Identity.objects.get(value=openid).account_ref == connected.app_id


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
@pytest.mark.parametrize("format", ["xml", "json"])
def test_the_platforms_pushes_are_kept_in_every_mode_and_format(wechat, connected, brand, live_server, mode, format):
    with tenant_scope(brand):
        ConnectedAccount.objects.update(message_mode=mode)
        keys = {"token": unseal(connected, "callback_token"), "aes_key": unseal(connected, "aes_key")}
    url = f"{live_server.url}/hooks/wechat/{connected.code}/"
    made = wechat.do("configure_callback", app_id=connected.app_id, url=url, mode=mode, format=format, **keys)
    assert made == {"ok": True}
    openid = wechat.add_user(connected.app_id)
    for words in ("第一条", "<二>&", "third 😀"):
        wechat.do("send", app_id=connected.app_id, openid=openid, Content=words)
    assert len(wechat.pushes(connected.app_id)) == 3
    receipts.apply_waiting(brand.pk, connected.pk)
    assert sorted(text for _kind, text in acts(brand)) == sorted(["第一条", "<二>&", "third 😀"])


def test_duplicated_shuffled_and_forged_pushes_count_once(wechat, connected, brand):
    app_id, openid = connected.app_id, wechat.add_user(connected.app_id)
    wechat.do("push_defects", app_id=app_id, duplicates=2, mixes=5)
    for number in range(5):
        wechat.do("send", app_id=app_id, openid=openid, Content=f"m{number}")
    wechat.do("push_defects", app_id=app_id, forges=True)
    wechat.do("send", app_id=app_id, openid=openid, Content="forged")
    wechat.do("settle")
    receipts.apply_waiting(brand.pk, connected.pk)
    assert sorted(text for _kind, text in acts(brand)) == [f"m{number}" for number in range(5)]


def test_a_disconnected_account_gets_no_more_pushes_in(wechat, connected, brand, by):
    with tenant_scope(brand):
        connections.disconnect(connected, by)
    openid = wechat.add_user(connected.app_id)
    wechat.do("send", app_id=connected.app_id, openid=openid, Content="x")
    wechat.do("settle")
    with tenant_scope(brand):
        assert PushReceipt.objects.count() == 0


# --- authorised by QR code ------------------------------------------------------------------------------------------


@pytest.fixture
def component(wechat, settings, live_server):
    """Our component on the simulated Open Platform; its first ticket has arrived."""
    hooks = f"{live_server.url}/hooks/wechat-open/"
    made = wechat.do("add_component", event_url="", message_url=f"{hooks}$APPID$/")
    settings.OPEN_PLATFORM_APP_ID, settings.OPEN_PLATFORM_SECRET = made["app_id"], made["secret"]
    settings.OPEN_PLATFORM_TOKEN, settings.OPEN_PLATFORM_AES_KEYS = made["token"], [made["aes_key"]]
    wechat.do("change_component", component=made["app_id"], event_url=hooks)
    wechat.do("push_ticket", component=made["app_id"])
    wechat.do("settle")
    return made["app_id"]


def go_to_wechat(wechat, as_owner):
    """The administrator follows the link of our start page; (page, hidden fields of WeChat's form)."""
    page = as_owner.get(f"{HOME}authorise/")
    link = urlsplit(unescape(re.search(r'href="(https://mp\.weixin\.qq\.com[^"]+)"', page.content.decode())[1]))
    shown = httpx.get(f"{wechat.url}{link.path}?{link.query}", headers={"Referer": "http://testserver/"}).text
    return page, {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', shown)}


def authorise(wechat, as_owner, app_id):
    """The whole way, back to our page."""
    _page, form = go_to_wechat(wechat, as_owner)
    back = httpx.post(f"{wechat.url}/cgi-bin/componentloginpage/confirm", data=form | {"app_id": app_id})
    address = urlsplit(back.headers["location"])
    return as_owner.get(f"{address.path}?{address.query}", follow=True)


def test_the_ticket_is_kept_sealed(component):
    platform = OpenPlatform.objects.get()
    assert unseal(platform, "ticket").startswith("ticket@@@")
    assert b"ticket@@@" not in bytes(platform.ticket)


def test_the_start_page_lets_the_browser_tell_our_domain(wechat, as_owner, component):
    page, form = go_to_wechat(wechat, as_owner)
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert form["component_appid"] == component


def test_an_account_is_authorised_called_and_pushes_arrive(wechat, as_owner, brand, component):
    made = wechat.add_account(kind="service", verified=True, name="授权号")
    answer = authorise(wechat, as_owner, made.app_id)
    with tenant_scope(brand):
        account = ConnectedAccount.objects.get()
    assert answer.request["PATH_INFO"] == f"{HOME}{account.code}/"
    assert (account.name, account.route, account.kind, account.is_verified) == ("授权号", "component", "service", True)
    assert (account.original_id, account.app_secret) == (made.original_id, None)
    client_for(account).call("GET", "/cgi-bin/tags/get")
    openid = wechat.add_user(made.app_id)
    wechat.do("send", app_id=made.app_id, openid=openid, Content="你好")
    wechat.do("settle")
    receipts.apply_waiting(brand.pk, account.pk)
    assert acts(brand) == [(EventKind.MESSAGE_IN, "你好")]


def test_return_and_notice_connect_the_account_once(wechat, as_owner, brand, component):
    made = wechat.add_account()
    authorise(wechat, as_owner, made.app_id)
    wechat.do("settle")
    started = StartedAuthorisation.objects.get()
    with tenant_scope(brand):
        assert authorisations.finish(started.pk).app_id == made.app_id
        assert ConnectedAccount.objects.count() == 1
        assert AuditEntry.objects.filter(verb="authorise").count() == 1
    assert (started.app_id, started.auth_code) == (made.app_id, None)


def test_the_notice_alone_connects_the_account_when_nobody_returns(wechat, as_owner, brand, component, hints):
    made = wechat.add_account()
    _page, form = go_to_wechat(wechat, as_owner)
    httpx.post(f"{wechat.url}/cgi-bin/componentloginpage/confirm", data=form | {"app_id": made.app_id})
    wechat.do("settle")
    started = StartedAuthorisation.objects.get()
    assert hints == [("connectors.tasks.finish_authorisation", started.pk)]
    authorisations.finish(started.pk)
    with tenant_scope(brand):
        assert ConnectedAccount.objects.get().app_id == made.app_id


def test_a_return_that_another_brand_started_is_refused(wechat, as_owner, as_stranger, other_brand, brand, component):
    made = wechat.add_account()
    _page, form = go_to_wechat(wechat, as_owner)
    back = httpx.post(f"{wechat.url}/cgi-bin/componentloginpage/confirm", data=form | {"app_id": made.app_id})
    query = urlsplit(back.headers["location"]).query
    assert parse_qs(query)["auth_code"]
    as_stranger.get(f"/b/other/channels/authorised/?{query}")
    for tenant in (brand, other_brand):
        with tenant_scope(tenant):
            assert ConnectedAccount.objects.count() == 0


def test_a_permission_the_owner_left_out_is_shown_as_missing(wechat, as_owner, brand, component):
    made = wechat.add_account()
    authorise(wechat, as_owner, made.app_id)
    with tenant_scope(brand):
        account = ConnectedAccount.objects.get()
        assert capabilities.has(account, "menu")
    wechat.do("change_permissions", component=component, app_id=made.app_id, permission_sets=[1, 2])
    wechat.do("settle")
    for started in StartedAuthorisation.objects.exclude(auth_code=None):
        authorisations.finish(started.pk)
    with tenant_scope(brand):
        assert Authorisation.objects.get().permission_sets == [1, 2]
        missing = {one.capability.code: one.missing for one in capabilities.standings(account)}
    assert (missing["followers"], missing["menu"]) == ("", "permission")


def test_a_withdrawn_authorisation_stops_calls_and_starts_the_deletion_clock(wechat, as_owner, brand, component):
    made = wechat.add_account()
    authorise(wechat, as_owner, made.app_id)
    wechat.do("revoke", component=component, app_id=made.app_id)
    wechat.do("settle")
    with tenant_scope(brand):
        account = ConnectedAccount.objects.get()
        assert (account.state, account.delete_after is not None) == ("revoked", True)
        assert AccountToken.objects.count() == 0
        assert Authorisation.objects.get().revoked_at is not None
    with pytest.raises(AccountUnavailable):
        client_for(account)
    authorise(wechat, as_owner, made.app_id)
    with tenant_scope(brand):
        again = ConnectedAccount.objects.get()
    assert (again.pk, again.state, again.delete_after) == (account.pk, "active", None)


def test_a_forged_notice_is_refused(component):
    answer = Client().post(
        "/hooks/wechat-open/?timestamp=1&nonce=2&encrypt_type=aes", b"<xml/>", content_type="text/xml"
    )
    assert answer.status_code in (400, 403)


def test_without_a_ticket_the_page_says_what_to_do(wechat, as_owner, brand, settings):
    settings.OPEN_PLATFORM_APP_ID, settings.OPEN_PLATFORM_SECRET, settings.OPEN_PLATFORM_TOKEN = "wxc", "s", "t"
    as_owner.cookies["django_language"] = "en"
    answer = as_owner.get(f"{HOME}authorise/", follow=True)
    assert "has not sent a ticket yet" in answer.content.decode()


# --- the check before the component is released -----------------------------------------------------------------------


@pytest.fixture
def worker(monkeypatch):
    """Does what the release check hands to the queue, as a worker would, beside the waiting web server."""
    doing = []

    def answer(*args):
        release_tests.answer_by_api(*args)
        connection.close()

    def send_task(name, args=(), **_):
        if name == release_tests.TASK:
            doing.append(threading.Thread(target=answer, args=args))
            doing[-1].start()

    monkeypatch.setattr(release_tests.current_app, "send_task", send_task)
    yield
    for one in doing:
        one.join()


def test_the_whole_release_check_of_the_open_platform_is_passed(wechat, component, worker, brand):
    result = wechat.do("check_release", component=component)
    assert result["passed"], result
    with tenant_scope(brand):
        assert PushReceipt.objects.count() == 0


def test_nobody_else_is_answered_in_the_testers_place(component, client):
    address = "/hooks/wechat-open/wx570bc396a51b8ff8/"
    forged = "?signature=x&msg_signature=x&timestamp=1&nonce=n&encrypt_type=aes"
    assert client.post(address + forged, "<xml><Encrypt>x</Encrypt></xml>", content_type="text/xml").status_code == 404
