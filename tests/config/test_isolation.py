"""Every route of the site, from the URL configuration, tried with another tenant's ids: nothing seen, nothing changed.

A new route is covered the moment it exists: every object of the other brand is tried in every parameter.
"""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import jobs, keys
from accounts.actors import Actor
from accounts.models import Membership
from accounts.tenancy import tenant_scope
from audience.models import Contact, Import
from catalog.models import Item
from connectors.models import ConnectedAccount, PlatformTag, SyncRun
from modeling.models import Dataset, ModelVersion, TrainingRun

MARK = "THEIR-SECRET"


def routes(patterns=None, prefix=""):
    """Every (route, view) of the site."""
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route, entry.callback


def clean(route):
    """The route as a plain template: regular expressions of the API router become `<name>`."""
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("^", "").replace("\\Z", "").replace("$", "")


def parameters(route):
    return re.findall(r"<(?:\w+:)?(\w+)>", route)


BRAND_ROUTES = [(clean(r), view) for r, view in routes() if "brand>" in r]
API_ROUTES = [(clean(r), view) for r, view in routes() if clean(r).startswith("api/v1/")]
OBJECT_API_ROUTES = [(r, view) for r, view in API_ROUTES if parameters(r)]


@pytest.fixture
def theirs(other_brand, stranger):
    """One object of every kind in the other brand, by route parameter."""
    with tenant_scope(other_brand):
        by = Actor.person(stranger)
        item = Item.objects.create(external_id=f"{MARK}-item", title=MARK)
        contact = Contact.objects.create(external_id=f"{MARK}-contact", name=MARK)
        upload = Import.objects.create(filename=f"{MARK}.csv", file="x", size_bytes=1, sha256="0" * 64)
        job = jobs.start("tests.none", "default")
        dataset = Dataset.objects.create(purpose="next_item", content_hash=uuid4().hex, directory=MARK)
        run = TrainingRun.objects.create(purpose="next_item", dataset=dataset, config_hash="x", job=job)
        version = ModelVersion.objects.create(
            purpose="next_item", number=1, kind="popularity", run=run, dataset=dataset, directory=MARK,
            digest="x", stage="live", promoted_at=timezone.now(),
        )  # fmt: skip
        account = ConnectedAccount.objects.create(app_id="wxTHEIRS", name=MARK, kind="service")
        tag = PlatformTag.objects.create(account=account, platform_id=101, name=MARK)
        sync = SyncRun.objects.create(account=account, kind="tags", job=job)
        key, _secret = keys.create(other_brand, MARK, ["items:read"], by)
        member = Membership.objects.get(tenant=other_brand, user=stranger)
    return {
        "item": [item.external_id], "contact": [contact.code, contact.external_id], "import": [upload.code],
        "dataset": [dataset.code], "run": [run.code], "version": [version.code], "job": [job.code],
        "account": [account.code], "tag": [str(tag.pk)], "sync": [sync.code],
        "key": [str(key.pk), key.prefix], "member": [str(member.pk)], "user": [str(stranger.pk)],
    }  # fmt: skip


def addresses(route, brand_slug, theirs):
    """The route with each of the other brand's ids in its parameters (every kind of id, since codes share a shape)."""
    names = [name for name in parameters(route) if name != "brand"]
    base = re.sub(r"<(?:\w+:)?brand>", brand_slug, route)
    numbered = [name.removesuffix("_id") for name in re.findall(r"<int:(\w+)>", base)]
    kinds = numbered or theirs.keys()  # database ids mean something in their own table only
    ids = [value for kind in kinds for value in theirs[kind]]
    for value in ids if names else [None]:
        address = base
        for name in names:
            address = re.sub(rf"<(?:\w+:)?{name}>", str(value), address)
        yield "/" + address


def snapshot(other_brand):
    """Everything of the other brand that a route could change."""
    with tenant_scope(other_brand):
        models = (Item, Contact, Import, Dataset, TrainingRun, ModelVersion, ConnectedAccount, PlatformTag, SyncRun)
        rows = [list(model.objects.order_by("pk").values()) for model in models]
    return rows, list(other_brand.memberships.values()), list(other_brand.api_keys.values("pk", "revoked_at", "name"))


def test_there_are_routes_to_try():
    assert len(BRAND_ROUTES) >= 10
    assert len(API_ROUTES) >= 10


@pytest.mark.parametrize(("route", "view"), BRAND_ROUTES, ids=[r for r, _v in BRAND_ROUTES])
def test_every_brand_page_names_the_right_it_needs(route, view):
    assert getattr(view, "needed_rights", None)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", [r for r, _v in BRAND_ROUTES])
def test_a_page_of_another_brand_is_404(route, method, as_owner, other_brand, theirs):
    before = snapshot(other_brand)
    for address in addresses(route, other_brand.slug, theirs):
        answer = getattr(as_owner, method)(address)
        assert answer.status_code in (404, 405), address
        assert MARK not in answer.content.decode().replace(address, "")  # the 404 page names the asked address
    assert snapshot(other_brand) == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", [r for r, _v in BRAND_ROUTES if len(parameters(r)) > 1])
def test_another_brands_id_on_an_own_page_is_404(route, method, as_owner, brand, other_brand, theirs):
    before = snapshot(other_brand)
    for address in addresses(route, brand.slug, theirs):
        answer = getattr(as_owner, method)(address)
        assert answer.status_code in (404, 405), address
    assert snapshot(other_brand) == before


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete"])
@pytest.mark.parametrize("route", [r for r, _v in OBJECT_API_ROUTES])
def test_another_brands_id_in_the_api_is_404(route, method, api, brand, other_brand, theirs):
    before = snapshot(other_brand)
    for address in addresses(route, brand.slug, theirs):
        body = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
        answer = getattr(api, method)(address, **body)
        assert answer.status_code in (404, 405), (address, answer.content)
    assert snapshot(other_brand) == before


@pytest.mark.parametrize("route", [r for r, _v in API_ROUTES if not parameters(r)])
def test_a_list_of_the_api_shows_nothing_of_another_brand(route, api, brand, theirs):
    answer = api.get("/" + route)
    assert answer.status_code in (200, 405)
    assert MARK not in answer.content.decode()


@pytest.mark.parametrize("route", [r for r, _v in BRAND_ROUTES])
def test_a_visitor_is_sent_to_sign_in(route, brand, theirs):
    address = next(iter(addresses(route, brand.slug, theirs)))
    answer = Client().get(address)
    assert (answer.status_code, answer.url.startswith("/accounts/login/")) == (302, True)


@pytest.mark.parametrize("route", [r for r, _v in API_ROUTES])
def test_the_api_answers_nobody_without_a_key(route, brand, theirs):
    address = next(iter(addresses(route, brand.slug, theirs)))
    for method in ("get", "post", "patch", "delete"):
        assert getattr(Client(), method)(address).status_code in (401, 405), (method, address)
