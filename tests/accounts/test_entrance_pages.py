"""Signing in and out, the list of brands, a new brand, the health check, the error pages."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisDown

from accounts import tenants
from accounts.models import AuditEntry, Membership, Tenant, User
from accounts.tenancy import tenant_scope

EN = {"accept-language": "en"}


def sign_in(client: Client, email: str, password: str):
    return client.post("/accounts/login/", {"login": email, "password": password}, follow=True)


def test_a_member_of_one_brand_lands_there(client, brand):
    answer = sign_in(client, "owner@brand.test", "owner-password")
    assert answer.redirect_chain[-1][0] == "/b/brand/"
    assert answer.status_code == 200


def test_a_member_of_two_brands_chooses(client, brand, owner):
    tenants.create("第二品牌", "content", owner, slug="second")
    answer = sign_in(client, "owner@brand.test", "owner-password")
    assert answer.redirect_chain[-1][0] == "/brands/"
    page = answer.content.decode()
    assert "青禾生活" in page
    assert "第二品牌" in page


def test_a_wrong_password_signs_nobody_in(client, brand):
    answer = client.post("/accounts/login/", {"login": "owner@brand.test", "password": "wrong"})
    assert answer.status_code == 200
    assert Session.objects.count() == 0
    assert b"alert-danger" in answer.content


def test_signing_out_ends_the_session(as_owner):
    as_owner.post("/accounts/logout/")
    assert as_owner.get("/b/brand/").headers["location"] == "/accounts/login/?next=/b/brand/"


def test_a_forgotten_password_is_chosen_anew_by_mail(client, owner):
    client.post("/accounts/password/reset/", {"email": "owner@brand.test"}, headers=EN)
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    answer = client.post(
        form.request["PATH_INFO"], {"password1": "kraftvoll-42", "password2": "kraftvoll-42"}, headers=EN
    )
    assert answer.status_code == 302
    owner.refresh_from_db()
    assert owner.check_password("kraftvoll-42")


def test_the_brands_of_others_are_not_listed(as_owner, other_brand):
    assert other_brand.name not in as_owner.get("/brands/").content.decode()


def test_nobody_sees_the_brands_without_signing_in(client):
    assert client.get("/brands/").status_code == 302


def test_a_new_brand_belongs_to_its_maker(client, stranger):
    client.force_login(stranger)
    data = {"name": "晨光书店", "industry": "retail", "time_zone": "Asia/Tokyo"}
    answer = client.post("/brands/new/", data)
    brand = Tenant.objects.get(name="晨光书店")
    assert answer.headers["location"] == f"/b/{brand.slug}/"
    assert (brand.time_zone, brand.industry) == ("Asia/Tokyo", "retail")
    assert Membership.objects.get(tenant=brand).user == stranger
    with tenant_scope(brand):
        assert AuditEntry.objects.get().verb == "create"


@pytest.mark.parametrize("change", [{"name": ""}, {"industry": "mining"}, {"time_zone": "Mars/Base"}])
def test_a_wrong_form_makes_no_brand(client, stranger, change):
    client.force_login(stranger)
    data = {"name": "晨光书店", "industry": "retail", "time_zone": "Asia/Tokyo"} | change
    assert client.post("/brands/new/", data).status_code == 422
    assert not Tenant.objects.exists()


def test_health_is_ok_when_database_and_cache_answer(client, db):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "cache": "ok"})


class Down:
    """A cache and a database that do not answer."""

    def set(self, *_args: object) -> None:
        raise RedisDown

    def cursor(self) -> None:
        raise OperationalError


@pytest.mark.parametrize(
    ("part", "answer"),
    [
        ("cache", {"status": "down", "database": "ok", "cache": "down"}),
        ("connection", {"status": "down", "database": "down", "cache": "ok"}),
    ],
)
def test_health_names_the_part_that_is_down(client, db, monkeypatch, part, answer):
    monkeypatch.setattr(f"accounts.views.{part}", Down())
    found = client.get("/healthz")
    assert (found.status_code, found.json()) == (503, answer)


def test_a_missing_page_shows_the_way_back(as_owner):
    answer = as_owner.get("/b/brand/nothing-here/", headers=EN)
    assert answer.status_code == 404
    assert "Go to my brands" in answer.content.decode()


def test_a_forbidden_page_says_whom_to_ask(client, teammate):
    client.force_login(teammate("viewer"))
    answer = client.get("/b/brand/settings/keys/", headers=EN)
    assert answer.status_code == 403
    assert "Ask an owner or admin" in answer.content.decode()


def test_the_language_is_chosen_by_the_reader(client, db):
    assert "Sign in" in client.get("/accounts/login/", headers=EN).content.decode()
    client.post("/language/setlang/", {"language": "zh-hans", "next": "/accounts/login/"})
    assert 'lang="zh-hans"' in client.get("/accounts/login/", headers=EN).content.decode()


def test_a_user_without_a_brand_is_told_what_to_do(client, db):
    client.force_login(User.objects.create_user("new@nobody.test", "password-of-new"))
    answer = client.get(reverse("accounts:home"), follow=True, headers=EN)
    assert "You belong to no brand yet" in answer.content.decode()
