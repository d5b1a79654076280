"""Settings of a brand: members, API keys, the audit trail."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import resolve
from django.utils import timezone
from django.utils.translation import override

from accounts import keys, tenants
from accounts.actors import Actor, record
from accounts.deeds import PAIRS, SENTENCES, describe_details
from accounts.models import ApiKey, AuditEntry, Membership, Role, Tenant, User
from accounts.snippets import CALLS
from accounts.tenancy import tenant_scope
from accounts.trail import THINGS, VERBS
from common.errors import Conflict

EN = {"accept-language": "en"}
MEMBERS = "/b/brand/settings/"
KEYS = "/b/brand/settings/keys/"
AUDIT = "/b/brand/settings/audit/"


def roles(brand) -> dict[str, str]:
    return dict(Membership.objects.filter(tenant=brand).values_list("user__email", "role"))


def client_of(user: User) -> Client:
    client = Client(headers=EN)
    client.force_login(user)
    return client


# --- members --------------------------------------------------------------------------------------------------------


def test_a_known_person_becomes_a_member(as_owner, brand, stranger):
    as_owner.post(MEMBERS, {"email": "Stranger@Other.test", "role": "analyst"})
    assert roles(brand)["stranger@other.test"] == "analyst"
    assert mail.outbox == []


def test_a_new_person_is_mailed_a_link(as_owner, brand, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        as_owner.post(MEMBERS, {"email": "new@brand.test", "role": "viewer"})
    assert roles(brand)["new@brand.test"] == "viewer"
    assert [message.to for message in mail.outbox] == [["new@brand.test"]]


def test_a_member_is_not_added_twice(as_owner, brand, teammate):
    teammate("viewer")
    answer = as_owner.post(MEMBERS, {"email": "viewer@brand.test", "role": "admin"}, headers=EN)
    assert answer.status_code == 422
    assert "already a member" in answer.content.decode()
    assert roles(brand)["viewer@brand.test"] == "viewer"


def test_a_role_changes_and_leaves_a_line(as_owner, brand, teammate):
    member = Membership.objects.get(tenant=brand, user=teammate("viewer"))
    as_owner.post(f"{MEMBERS}members/{member.pk}/role/", {"role": "marketer"})
    assert roles(brand)["viewer@brand.test"] == "marketer"
    with tenant_scope(brand):
        line = AuditEntry.objects.get(verb="change_role")
    assert line.details == {"before": "viewer", "after": "marketer"}


@pytest.mark.parametrize("act", ["role", "remove"])
def test_the_last_owner_stays(as_owner, brand, owner, act):
    member = Membership.objects.get(tenant=brand, user=owner)
    answer = as_owner.post(f"{MEMBERS}members/{member.pk}/{act}/", {"role": "viewer"}, headers=EN, follow=True)
    assert "A brand needs an owner" in answer.content.decode()
    assert roles(brand) == {"owner@brand.test": "owner"}


def test_a_removed_member_is_out_at_once(as_owner, brand, teammate):
    user = teammate("marketer")
    client = client_of(user)
    assert client.get("/b/brand/").status_code == 200
    as_owner.post(f"{MEMBERS}members/{Membership.objects.get(tenant=brand, user=user).pk}/remove/")
    assert client.get("/b/brand/").status_code == 404


def test_who_leaves_lands_on_the_list_of_brands(brand, teammate):
    user = teammate("admin")
    own = Membership.objects.get(tenant=brand, user=user)
    assert client_of(user).post(f"{MEMBERS}members/{own.pk}/remove/").headers["location"] == "/brands/"


@pytest.mark.parametrize("role", ["marketer", "analyst", "viewer"])
def test_only_managers_change_members(brand, teammate, role):
    user = teammate(role)
    client = client_of(user)
    own = Membership.objects.get(tenant=brand, user=user)
    assert client.get(MEMBERS).status_code == 200
    assert client.post(f"{MEMBERS}members/{own.pk}/role/", {"role": "owner"}).status_code == 403
    assert client.post(MEMBERS, {"email": "x@y.test", "role": "owner"}).status_code == 403
    assert roles(brand)[f"{role}@brand.test"] == role


def test_an_admin_cannot_make_himself_owner(brand, teammate):
    user = teammate("admin")
    own = Membership.objects.get(tenant=brand, user=user)
    client_of(user).post(f"{MEMBERS}members/{own.pk}/role/", {"role": "owner"})
    assert roles(brand)["admin@brand.test"] == "admin"


def test_an_admin_cannot_remove_an_owner(scope, teammate, owner):
    second = User.objects.create_user("second@brand.test")
    Membership.objects.create(tenant=scope, user=second, role=Role.OWNER)
    admin = Actor.person(teammate("admin"))
    with pytest.raises(Conflict):
        tenants.remove_member(Membership.objects.get(tenant=scope, user=second), admin)
    assert Membership.objects.filter(tenant=scope, role=Role.OWNER).count() == 2


def test_members_of_another_brand_are_not_found(as_owner, other_brand):
    theirs = Membership.objects.get(tenant=other_brand)
    for act in ("role", "remove"):
        assert as_owner.post(f"{MEMBERS}members/{theirs.pk}/{act}/", {"role": "viewer"}).status_code == 404
    assert roles(other_brand) == {"stranger@other.test": "owner"}


# --- API keys -------------------------------------------------------------------------------------------------------


def make_key(client: Client, **fields: object):
    data = {"name": "商城", "scopes": ["events:write", "recommendations:read"], "lifetime_days": "90"} | fields
    return client.post(KEYS, data, headers=EN)


def test_the_secret_is_shown_once_and_works(as_owner, brand):
    page = make_key(as_owner)
    secret = re.search(r'<code id="secret"[^>]*>(fw_\w+_[\w-]+)</code>', page.content.decode())[1]
    assert keys.find(secret).name == "商城"
    assert page.headers["cache-control"] == "no-store"
    assert secret.split("_", 2)[2] not in as_owner.get(KEYS).content.decode()


def test_the_snippets_carry_the_key_and_the_address(as_owner):
    page = make_key(as_owner).content.decode()
    assert page.count("Authorization: Bearer fw_") >= 1
    assert "http://testserver/api/v1/events/" in page
    assert "http://testserver/api/v1/contacts/follower-1001/recommendations/" in page


@pytest.mark.parametrize(
    ("days", "lifetime"), [("30", timedelta(days=30)), ("365", timedelta(days=365)), ("never", None)]
)
def test_a_key_lives_as_long_as_chosen(as_owner, days, lifetime):
    make_key(as_owner, lifetime_days=days)
    expires_at = ApiKey.objects.get().expires_at
    if lifetime is None:
        assert expires_at is None
    else:
        assert abs(expires_at - timezone.now() - lifetime) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "fields", [{"scopes": []}, {"scopes": ["everything"]}, {"name": ""}, {"lifetime_days": "9999"}]
)
def test_a_wrong_form_makes_no_key(as_owner, fields):
    assert make_key(as_owner, **fields).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_revoked_key_is_refused(as_owner, api_key, api):
    assert api.get("/api/v1/items/").status_code == 200
    as_owner.post(f"{KEYS}{ApiKey.objects.get().prefix}/revoke/")
    assert "Revoked" in as_owner.get(KEYS, headers=EN).content.decode()
    assert api.get("/api/v1/items/").status_code == 401


def test_keys_of_another_brand_are_not_found(as_stranger, api_key):
    prefix = ApiKey.objects.get().prefix
    assert as_stranger.post(f"/b/other/settings/keys/{prefix}/revoke/").status_code == 404
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize("role", ["marketer", "analyst", "viewer"])
def test_only_managers_see_keys_and_trail(teammate, role):
    client = client_of(teammate(role))
    assert client.get(KEYS).status_code == 403
    assert client.get(AUDIT).status_code == 403
    assert make_key(client).status_code == 403
    assert not ApiKey.objects.exists()


# --- audit trail ----------------------------------------------------------------------------------------------------


def test_the_trail_is_newest_first_and_paged(as_owner, brand, by):
    with tenant_scope(brand):
        for number in range(60):
            record(by, "upload", "import", f"file-{number:02}")
    first, second = (as_owner.get(AUDIT, {"page": page}).content.decode() for page in (1, 2))
    assert [int(n) for n in re.findall(r"file-(\d\d)", first)] == list(range(59, 9, -1))
    assert [int(n) for n in re.findall(r"file-(\d\d)", second)] == list(range(9, -1, -1))


def test_the_trail_is_filtered_by_person_and_deed(as_owner, brand, by, teammate):
    with tenant_scope(brand):
        record(by, "upload", "import", "mine")
        record(Actor.person(teammate("analyst")), "upload", "import", "theirs")
        record(by, "promote", "model_version", "version-m1")
    page = as_owner.get(AUDIT, {"actor": "owner@", "verb": "upload"}).content.decode()
    assert "mine" in page
    assert "theirs" not in page
    assert "version-m1" not in page


def test_the_trail_of_another_brand_stays_there(as_owner, other_brand, stranger):
    with tenant_scope(other_brand):
        record(Actor.person(stranger), "upload", "import", "secret-file")
    assert "secret-file" not in as_owner.get(AUDIT).content.decode()


def recorded_words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(place, word) of the literal verbs (1) and things (2) given to `record` and `_record`."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("record", "_record"):
            for place, argument in enumerate(call.args[1:3], start=1):
                values = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
                yield from ((place, value.value) for value in values if isinstance(value, ast.Constant))


def our_sources() -> Iterator[ast.Module]:
    packages = ("accounts", "audience", "catalog", "connectors", "modeling", "recommendations", "campaigns", "demo")
    for package in packages:
        yield from (ast.parse(path.read_text()) for path in Path(settings.BASE_DIR, package).rglob("*.py"))


def recorded_details(tree: ast.Module) -> Iterator[str]:
    """Names of the details given to `record`."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("record", "_record"):
            yield from (keyword.arg for keyword in call.keywords if keyword.arg)


def test_every_detail_that_is_recorded_has_a_sentence():
    found = {name for tree in our_sources() for name in recorded_details(tree)}
    assert {"filename", "role", "before", "rolled_back"} <= found
    assert found - SENTENCES.keys() - {name for pair in PAIRS for name in pair} == set()


@pytest.mark.parametrize(
    ("details", "sentences"),
    [
        ({"before": "viewer", "after": "marketer"}, ["From Viewer to Marketer"]),
        ({"created": 3, "updated": 0}, ["3 new, 0 changed"]),
        ({"filename": "a.csv", "size_bytes": 2048}, ["File “a.csv”", "2.0\xa0KB large"]),
        ({"mapping": {"user": "openid"}, "scopes": []}, ["Columns: user ← openid"]),
        ({"purpose": "marketing", "state": "granted", "evidence": "api"},
         ["marketing messages: granted", "Noted through the API"]),
        ({"number": 2, "kind": "item_knn", "purpose": "next_item"}, ["item_knn, version 2", "For: next items"]),
        ({"is_open": False}, ["Open: no"]),
        ({"something": "new"}, ["something: new"]),
    ],
)  # fmt: skip
def test_details_are_said_in_sentences(details, sentences):
    with override("en"):
        assert describe_details(details) == sentences


def test_every_deed_that_is_recorded_has_a_name():
    found = {word for tree in our_sources() for word in recorded_words(tree)}
    assert {(1, "promote"), (1, "personalisation_off"), (2, "import")} <= found
    assert {word for place, word in found if word not in {1: VERBS, 2: THINGS}[place]} == set()


@pytest.mark.parametrize("scope", CALLS)
def test_every_example_call_exists_and_needs_its_scope(scope):
    call = CALLS[scope]
    view = resolve("/api/v1" + call.path.partition("?")[0]).func.cls
    assert view.required_scopes["GET" if call.body is None else "POST"] == scope


def test_times_are_those_of_the_brands_clock(as_owner, brand):
    with tenant_scope(brand):
        at = AuditEntry.objects.get(verb="create").at
    Tenant.objects.update(time_zone="America/New_York")
    page = as_owner.get(AUDIT).content.decode()
    assert f"{at.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M:%S}" in page
