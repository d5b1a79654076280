"""The pages of connected accounts, as each role; connecting for real against the simulated platform."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from connectors import problems, receipts
from connectors.models import AccountToken, CallbackAddress, ConnectedAccount
from connectors.secrets import seal, unseal
from connectors.wechat import transport
from connectors.wechat.errors import refusal
from tests.connectors.conftest import AES_KEY, APP_ID, APP_SECRET, TOKEN, message

HOME = "/b/brand/channels/"
VIEWABLE = ["", "{code}/", "{code}/light/", "{code}/pushes/"]
MANAGED = ["connect/", "{code}/setup/", "{code}/settings/"]
CHANGES = [
    "{code}/secret/", "{code}/keys/", "{code}/check/", "{code}/pause/", "{code}/resume/", "{code}/disconnect/",
    "{code}/problems/", "{code}/pushes/retry/", "practice/",
]  # fmt: skip


def as_member(user):
    client = Client()
    client.force_login(user)
    return client


def accounts_of(brand):
    with tenant_scope(brand):
        return list(ConnectedAccount.objects.order_by("pk"))


def text(answer):
    return answer.content.decode()


@pytest.fixture
def english(as_owner):
    as_owner.cookies["django_language"] = "en"
    return as_owner


@pytest.fixture
def wechat(platform, settings):
    """The simulated platform in WeChat's place."""
    settings.WECHAT_API_URL = platform.url
    yield platform
    transport.shared_http().close()
    transport.shared_http.cache_clear()


def connect(client, made, **changes):
    form = {"kind": made.kind, "name": "青禾", "app_id": made.app_id, "app_secret": made.secret} | changes
    return client.post(f"{HOME}connect/", form, follow=True)


# --- rights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "admin", "marketer", "analyst", "viewer"])
def test_every_member_sees_health_and_only_managers_see_settings(role, account, teammate, as_owner):
    client = as_owner if role == "owner" else as_member(teammate(role))
    is_manager = role in ("owner", "admin")
    for page in VIEWABLE:
        assert client.get(HOME + page.format(code=account.code)).status_code in (200, 286), page
    for page in MANAGED:
        assert client.get(HOME + page.format(code=account.code)).status_code == (200 if is_manager else 403), page


@pytest.mark.parametrize("role", ["marketer", "analyst", "viewer"])
@pytest.mark.parametrize("page", [*CHANGES, "connect/", "{code}/settings/"])
def test_other_roles_change_nothing(role, page, account, teammate, brand):
    before = [vars(one) | {"_state": None} for one in accounts_of(brand)]
    assert as_member(teammate(role)).post(HOME + page.format(code=account.code)).status_code == 403
    assert [vars(one) | {"_state": None} for one in accounts_of(brand)] == before


def test_a_brand_without_accounts_is_shown_the_first_step(english, settings):
    assert "No account connected yet" in text(english.get(HOME))
    settings.SIMULATOR_URL = "http://simulator.test"
    assert "Try it with a practice account" in text(english.get(HOME))


# --- secrets --------------------------------------------------------------------------------------------------------


def test_the_secret_and_the_token_are_on_no_page_and_the_keys_on_the_set_up_page_alone(account, as_owner, brand):
    with tenant_scope(brand):
        token = AccountToken(account=account, key="stable:x", expires_at=timezone.now())
        seal(token, "value", '{"value": "live-access-token"}')
        token.save()
    for page in [*VIEWABLE, *MANAGED]:
        shown = text(as_owner.get(HOME + page.format(code=account.code)))
        assert APP_SECRET not in shown, page
        assert "live-access-token" not in shown, page
        assert (AES_KEY in shown, TOKEN in shown) == ((page == "{code}/setup/",) * 2), page


def test_once_pushes_arrive_the_keys_are_hidden_and_new_ones_shown_for_an_hour(account, as_owner, brand):
    setup = f"{HOME}{account.code}/setup/"
    with tenant_scope(brand):
        ConnectedAccount.objects.update(first_push_at=timezone.now())
    assert AES_KEY not in text(as_owner.get(setup))
    answer = as_owner.post(f"{HOME}{account.code}/keys/", follow=True)
    (found,) = accounts_of(brand)
    with tenant_scope(brand):
        key, before = unseal(found, "aes_key"), unseal(found, "aes_key_before")
    assert (key in text(answer), before, answer.headers["Cache-Control"]) == (True, AES_KEY, "no-store")


def test_no_secret_reaches_the_audit_trail_or_the_log(english, wechat, brand, caplog):
    caplog.set_level("DEBUG")
    made = wechat.add_account()
    connect(english, made)
    with tenant_scope(brand):
        account = ConnectedAccount.objects.get()
        keys = [unseal(account, name) for name in ("callback_token", "aes_key")]
        trail = str(list(AuditEntry.objects.values("details", "verb", "object_code")))
        token = unseal(AccountToken.objects.get(), "value")
    for secret in (made.secret, *keys, token.split('"value": "')[1][:20]):
        assert secret not in trail
        assert secret not in caplog.text


# --- connecting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "verified", "says"),
    [("service", True, "What"), ("subscription", True, "What"), ("miniprogram", True, "What")],
)
def test_connecting_asks_wechat_and_leads_to_the_set_up(english, wechat, brand, kind, verified, says):
    made = wechat.add_account(kind=kind, verified=verified)
    answer = connect(english, made)
    (account,) = accounts_of(brand)
    assert answer.request["PATH_INFO"] == f"{HOME}{account.code}/setup/"
    assert f"/hooks/wechat/{account.code}/" in text(answer)
    assert (account.app_id, account.kind, account.state) == (made.app_id, kind, "active")
    assert CallbackAddress.objects.get().code == account.code


def test_wechats_answers_correct_the_chosen_kind(english, wechat, brand):
    made = wechat.add_account(kind="subscription", verified=True)
    answer = connect(english, made, kind="service")
    assert [one.kind for one in accounts_of(brand)] == ["subscription"]
    assert "WeChat says this is a Subscription account." in text(answer)


def test_an_unverified_account_is_told_what_it_lacks(english, wechat, brand):
    made = wechat.add_account(kind="service", verified=False)
    assert "This account is not verified" in text(connect(english, made))
    (account,) = accounts_of(brand)
    assert "needs verification" in text(english.get(f"{HOME}{account.code}/"))


@pytest.mark.parametrize(
    ("change", "form", "says"),
    [
        ({}, {"app_secret": "0" * 32}, "AppSecret"),
        ({}, {"app_id": "wxffffffffffffffff"}, "AppID"),
        ({"whitelist": ["203.0.113.9"]}, {}, "127.0.0.1"),
        ({"is_secret_frozen": True}, {}, "frozen"),
    ],
)
def test_a_refusal_says_which_setting_and_what_to_do_and_keeps_nothing(english, wechat, brand, change, form, says):
    made = wechat.add_account()
    if change:
        wechat.do("change_account", app_id=made.app_id, **change)
    answer = connect(english, made, **form)
    assert (answer.status_code, says in text(answer)) == (422, True)
    assert (accounts_of(brand), CallbackAddress.objects.count()) == ([], 0)
    assert made.secret not in text(answer)


def test_malformed_ids_are_refused_before_wechat_is_asked(english, wechat, brand):
    made = wechat.add_account()
    assert "begins with wx" in text(connect(english, made, app_id="gh_123456789012"))
    assert "32 letters" in text(connect(english, made, app_secret="short"))
    assert wechat.calls() == []


def test_an_account_feeds_one_brand_only(english, wechat, brand, as_stranger, other_brand):
    made = wechat.add_account()
    connect(english, made)
    as_stranger.cookies["django_language"] = "en"
    form = {"kind": made.kind, "name": "x", "app_id": made.app_id, "app_secret": made.secret}
    answer = as_stranger.post("/b/other/channels/connect/", form)
    assert (answer.status_code, "is connected already" in text(answer)) == (422, True)
    assert accounts_of(other_brand) == []


# --- changing -------------------------------------------------------------------------------------------------------


def test_a_new_secret_is_used_only_if_wechat_accepts_it(english, wechat, brand):
    made = wechat.add_account()
    connect(english, made)
    (account,) = accounts_of(brand)
    address = f"{HOME}{account.code}/secret/"
    assert "AppSecret" in text(english.post(address, {"app_secret": "f" * 32}, follow=True))
    with tenant_scope(brand):
        assert unseal(ConnectedAccount.objects.get(), "app_secret") == made.secret
    wechat.do("change_account", app_id=made.app_id, secret="e" * 32)
    assert "has accepted the new AppSecret" in text(english.post(address, {"app_secret": "e" * 32}, follow=True))
    with tenant_scope(brand):
        assert unseal(ConnectedAccount.objects.get(), "app_secret") == "e" * 32


def test_pausing_and_resuming(english, account, brand):
    english.post(f"{HOME}{account.code}/pause/")
    assert accounts_of(brand)[0].state == "paused"
    english.post(f"{HOME}{account.code}/resume/")
    assert accounts_of(brand)[0].state == "active"


def test_disconnecting_drops_secrets_tokens_and_address_and_starts_the_clock(english, account, brand, settings):
    settings.DELETION_DELAY_DAYS = 15
    with tenant_scope(brand):
        AccountToken.objects.create(account=account, key="stable:x")
    english.post(f"{HOME}{account.code}/disconnect/")
    (found,) = accounts_of(brand)
    assert (found.state, found.app_secret, found.callback_token, found.aes_key) == ("disconnected", None, None, None)
    assert (found.delete_after - timezone.now()).days in (14, 15)
    assert CallbackAddress.objects.count() == 0
    with tenant_scope(brand):
        assert AccountToken.objects.count() == 0
    assert english.get(f"{HOME}{account.code}/").status_code == 404


def test_name_and_mode_are_saved_and_noted(english, account, brand):
    form = {"name": "新名字", "message_mode": "compatible", "is_handing_over": "on"}
    english.post(f"{HOME}{account.code}/settings/", form)
    (found,) = accounts_of(brand)
    assert (found.name, found.message_mode, found.is_handing_over) == ("新名字", "compatible", True)
    with tenant_scope(brand):
        assert AuditEntry.objects.get(verb="update").details["message_mode"] == "compatible"


# --- health ---------------------------------------------------------------------------------------------------------


def test_problems_are_listed_with_fix_rid_and_count_and_can_be_cleared(english, account, brand):
    with tenant_scope(brand):
        for _ in range(2):
            problems.note(account, refusal(40164, "invalid ip 1.2.3.4, not in whitelist rid: ab-cd-ef"), "/cgi-bin/x")
    shown = text(english.get(f"{HOME}{account.code}/"))
    for part in ("1.2.3.4", "/cgi-bin/x", "40164", "ab-cd-ef", "2 times"):
        assert part in shown, part
    assert "1.2.3.4" not in text(english.post(f"{HOME}{account.code}/problems/", follow=True))


def test_the_light_turns_green_with_the_first_push(english, account, sender):
    address = f"{HOME}{account.code}/light/"
    assert (english.get(address).status_code, "Waiting for WeChat" in text(english.get(address))) == (200, True)
    sender.send(message())
    assert (english.get(address).status_code, "Pushes arrive" in text(english.get(address))) == (286, True)


def test_the_light_says_which_setting_refused_knocks_point_at(english, account, sender):
    sender.token = "wrong"
    sender.send(message())
    assert "another token" in text(english.get(f"{HOME}{account.code}/light/"))


def test_the_content_of_pushes_is_for_managers(english, account, brand, sender, teammate):
    sender.send(message("私密的话"))
    receipts.apply_waiting(brand.pk, account.pk)
    assert "私密的话" in text(english.get(f"{HOME}{account.code}/pushes/"))
    shown = text(as_member(teammate("analyst")).get(f"{HOME}{account.code}/pushes/"))
    assert ("text" in shown, "私密的话" in shown) == (True, False)


def test_odd_bytes_of_a_push_are_shown_escaped(english, account, sender):
    assert sender.send(sender.write(message("odd")).replace(b"odd", b"odd\xc2\x85\x7f")).status_code == 200
    assert english.get(f"{HOME}{account.code}/pushes/").status_code == 200


# --- practice accounts ----------------------------------------------------------------------------------------------


def test_without_a_simulator_there_are_no_practice_accounts(english, brand, settings):
    settings.SIMULATOR_URL = ""
    assert "SIMULATOR_URL" in text(english.post(f"{HOME}practice/", follow=True))
    assert accounts_of(brand) == []


def test_the_same_account_of_another_brand_is_nowhere(as_stranger, account):
    for page in [*VIEWABLE, *MANAGED]:
        assert as_stranger.get(HOME + page.format(code=account.code)).status_code == 404
        address = "/b/other/channels/" + page.format(code=account.code)
        assert as_stranger.get(address).status_code == (404 if "{code}" in page else 200)


def test_the_app_id_is_listed(english, account):
    assert APP_ID in text(english.get(HOME))
