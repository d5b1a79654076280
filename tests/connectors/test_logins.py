"""Logging in through the simulated platform: who it is, where it may lead, what is refused."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience.models import Contact, ContactMerge, Identity
from connectors.models import CallbackAddress, ConnectedAccount
from connectors.secrets import seal
from connectors.tracking import keys, links, tokens
from connectors.tracking.tokens import Purpose
from connectors.views import login

SHOP = "https://shop.example/tea?x=1"


@pytest.fixture
def connect(brand, platform, settings):
    """`connect(kind)` is an account of the brand on the simulator."""
    settings.SIMULATOR_URL = platform.url

    def do(kind, tenant=brand, **more):
        remote = platform.add_account(kind=kind, verified=True, **more)
        with tenant_scope(tenant):
            made = ConnectedAccount(app_id=remote.app_id, name="青禾", kind=kind, is_verified=True, is_simulated=True)
            seal(made, "app_secret", remote.secret)
            made.save()
        CallbackAddress.objects.create(code=made.code, tenant=tenant, account_id=made.pk, app_id=made.app_id)
        return made

    return do


@pytest.fixture
def account(connect, brand, by):
    with tenant_scope(brand):
        keys.create(brand, "shop", ["https://shop.example", "https://*.tea.example"], needs_consent=False, by=by)
    return connect("service")


def begin(client, account, wanted=SHOP):
    return client.get(f"/wx/{account.code}/login/", {"next": wanted})


def visit(client, account, openid, wanted=SHOP, **answers):
    """The way through WeChat's page; the address the person comes back with."""
    page = begin(client, account, wanted)["Location"].partition("#")[0]
    answer = httpx.get(page, params={**parameters(page), "simulated_user": openid, **answers}, trust_env=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def parameters(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def claimed(brand, address, name="fwt"):
    """The contact that the token in the address names."""
    claim = tokens.read(parameters(address)[name], brand.pk)
    assert claim.purpose == Purpose.SESSION
    with tenant_scope(brand):
        return Contact.objects.get(code=claim.contact_code)


def num_contacts(brand):
    with tenant_scope(brand):
        return Contact.objects.count()


def test_a_follower_comes_back_with_a_token(client, account, brand, platform):
    openid = platform.add_user(account.app_id)
    for _time in range(2):  # the second time nobody new is made
        answer = client.get(visit(client, account, openid))
        assert answer["Location"].startswith(f"{SHOP}&fwt=")
        assert answer["Cache-Control"] == "no-store"
        assert claimed(brand, answer["Location"]).external_id == openid
    with tenant_scope(brand):
        assert list(Identity.objects.values_list("kind", "account_ref", "value")) == [
            ("openid", account.app_id, openid)
        ]
        assert AuditEntry.objects.filter(verb="bind").count() == 1


def test_a_tracked_link_gets_the_token_as_its_own(client, account, brand, platform, by):
    with tenant_scope(brand):
        link = links.create("tea", SHOP, by, campaign="", channel="")
    answer = client.get(visit(client, account, platform.add_user(account.app_id), f"/t/{link.code}/"))
    assert answer["Location"].startswith(f"/t/{link.code}/?c=")
    claimed(brand, answer["Location"], "c")


@pytest.mark.parametrize(
    "wanted",
    [
        "", "https://evil.example/", "//evil.example", "https://shop.example@evil.example/", "javascript:alert(1)",
        "https://evil.example\\.tea.example/", "https://shop.example.evil.example/", "http://shop.example/",
        "/b/brand/", "/t/2222222222/", "https://evil.example/.tea.example", "https://shop.example/\r\nX: 1",
        "https://evil.example#.tea.example", "https://[::1", "https://\u3002tea.example/", "data:text/html,x",
    ],
)  # fmt: skip
def test_nobody_is_led_to_a_foreign_place(client, account, wanted):
    answer = begin(client, account, wanted)
    assert answer.status_code == 400
    assert "Location" not in answer


def test_a_link_of_another_brand_is_a_foreign_place(client, account, other_brand, by):
    with tenant_scope(other_brand):
        link = links.create("tea", SHOP, by, campaign="", channel="")
    assert begin(client, account, f"/t/{link.code}/").status_code == 400


def test_a_wildcard_place_is_the_brands(client, account):
    answer = begin(client, account, "https://m.tea.example/a")
    assert answer.status_code == 302
    assert parameters(answer["Location"].partition("#")[0])["scope"] == "snsapi_base"


def test_forged_used_and_foreign_states_bind_nobody(client, account, brand, platform):
    back = visit(client, account, platform.add_user(account.app_id))
    given = parameters(back)
    path = back.partition("?")[0]
    forged = given["state"][:-1] + ("0" if given["state"][-1] != "0" else "1")
    for state in (forged, "", "x" * 72, given["state"][:32] + "ffffffff" + given["state"][40:]):
        assert client.get(path, given | {"state": state}).status_code == 400
    assert Client().get(back).status_code == 400  # another browser: somebody sends a victim their own login
    assert num_contacts(brand) == 0
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 400  # the state is used up
    assert num_contacts(brand) == 1


def test_a_state_of_another_account_is_refused(client, account, connect, platform):
    other = connect("service")
    back = visit(client, account, platform.add_user(account.app_id))
    client.cookies["fanwise_login"]["path"] = "/"
    assert client.get(back.replace(account.code, other.code)).status_code == 400


def test_a_state_ends_after_ten_minutes(client, account, platform, monkeypatch):
    back = visit(client, account, platform.add_user(account.app_id))
    now = login.logins.time.time()
    monkeypatch.setattr(login.logins.time, "time", lambda: now + 601)
    assert client.get(back).status_code == 400


def test_a_replayed_code_is_refused_by_the_platform(client, account, brand, platform):
    openid = platform.add_user(account.app_id)
    first = visit(client, account, openid)
    client.get(first)
    again = parameters(visit(client, account, openid)) | {"code": parameters(first)["code"]}
    answer = client.get(first.partition("?")[0], again)
    assert answer.status_code == 400  # 40163
    assert parameters(first)["code"] not in answer.text


def test_a_preview_binds_nothing(client, account, brand, platform):
    answer = client.get(visit(client, account, platform.add_user(account.app_id), simulated_answer="snapshot"))
    assert answer["Location"] == SHOP
    assert num_contacts(brand) == 0


def test_who_comes_back_without_a_code_goes_on_without_a_name(client, account, brand, platform):
    back = visit(client, account, platform.add_user(account.app_id))
    answer = client.get(back.partition("?")[0], {"state": parameters(back)["state"]})
    assert answer["Location"] == SHOP
    assert num_contacts(brand) == 0


@pytest.mark.parametrize("state", ["paused", "revoked", "disconnected"])
def test_an_account_not_in_use_logs_nobody_in(client, account, brand, state):
    with tenant_scope(brand):
        ConnectedAccount.objects.update(state=state)
    assert begin(client, account).status_code == 404
    assert client.get("/wx/nobody/login/").status_code == 404


def test_too_many_logins_are_refused(client, account, monkeypatch):
    monkeypatch.setattr(login, "PER_ADDRESS", 2)
    assert [begin(client, account).status_code for _n in range(4)][-1] == 429


# --- mini programs --------------------------------------------------------------------------------------------------


def call_mini(client, account, code):
    body = json.dumps({"code": code}) if isinstance(code, str) else code
    return client.post(f"/wx/{account.code}/session/", body, content_type="application/json")


def test_a_mini_program_gets_a_token_and_never_the_key(client, connect, brand, platform, caplog):
    account = connect("miniprogram")
    openid = platform.add_user(account.app_id)
    code = platform.login_code(app_id=account.app_id, openid=openid)["code"]
    caplog.set_level(0)
    answer = call_mini(client, account, code)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires_at"}
    claim = tokens.read(answer.json()["token"], brand.pk)
    with tenant_scope(brand):
        assert Contact.objects.get(code=claim.contact_code).external_id == openid
    assert "session_key" not in caplog.text
    again = call_mini(client, account, code)
    assert (again.status_code, again.json()["code"]) == (400, "login_expired")  # 40163
    assert num_contacts(brand) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"code": 5}', b'{"code": ""}', b"[" * 4000, b"x" * 5000])
def test_nonsense_is_told_what_to_send(client, connect, body, brand):
    answer = call_mini(client, connect("miniprogram"), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "login_refused")
    assert num_contacts(brand) == 0


def test_a_service_account_is_no_mini_program(client, account):
    assert call_mini(client, account, "x").status_code == 404


def test_the_same_unionid_is_the_same_contact(client, connect, brand, platform):
    """Web first, then the mini program of the same subject: one contact with two openids and the unionid."""
    service, mini = connect("service", open_account="open1"), connect("miniprogram", open_account="open1")
    with tenant_scope(brand):
        keys.create(brand, "s", ["https://shop.example"], needs_consent=False, by=login.logins._SYSTEM)
    first = platform.add_user(service.app_id, person="lin")
    client.get(visit(client, service, first))
    second = platform.add_user(mini.app_id, person="lin")
    code = platform.login_code(app_id=mini.app_id, openid=second)["code"]
    assert call_mini(client, mini, code).status_code == 200
    with tenant_scope(brand):
        assert Contact.objects.get().identities.count() == 3
        assert not ContactMerge.objects.exists()


def test_a_known_follower_turns_out_to_be_somebody_known(client, connect, brand, platform):
    """The openid had a contact of its own before the login told the unionid: merged, on the record."""
    mini = connect("miniprogram", open_account="open1")
    openid = platform.add_user(mini.app_id, person="lin")
    code = platform.login_code(app_id=mini.app_id, openid=openid)["code"]
    call_mini(client, mini, code)
    with tenant_scope(brand):
        unionid = Identity.objects.get(kind="unionid")
        customer = Contact.objects.create(external_id="crm-7")
        Identity.objects.filter(pk=unionid.pk).update(contact=customer)
    code = platform.login_code(app_id=mini.app_id, openid=openid)["code"]
    token = call_mini(client, mini, code).json()["token"]
    with tenant_scope(brand):
        merge = ContactMerge.objects.get()
        assert (merge.into, merge.basis, merge.merged_by) == (customer, "unionid", "system: login")
        assert Contact.objects.get(code=tokens.read(token, brand.pk).contact_code) == customer
