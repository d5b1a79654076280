"""Every route of the site, from the URL configuration, tried with another tenant's ids: nothing seen, nothing changed.

A new route is covered the moment it exists: every object of the other brand is tried in every parameter.
"""

import re
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.forms.forms import BaseForm
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from accounts import jobs, keys
from accounts.actors import Actor
from accounts.models import Membership
from accounts.tenancy import tenant_scope
from audience.models import Contact, ContactMerge, Import
from campaigns.models import Segment
from catalog.models import Item
from common.text import new_code
from config.state import CHECKOUT
from connectors.models import (
    ConnectedAccount,
    Conversation,
    MassSend,
    MenuVersion,
    MessageLog,
    MessageTemplate,
    PlatformTag,
    Publication,
    QrCode,
    SyncRun,
    TrackedLink,
)
from modeling.models import ContentModel, Dataset, ModelVersion, Study, Suggestion, TrainingRun

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


@pytest.fixture(autouse=True)
def _no_network(settings):
    """WeChat does not answer: what would reach it ends as 502."""
    settings.WECHAT_API_URL = "http://127.0.0.1:9"


@pytest.fixture
def theirs(other_brand, stranger):
    """One object of every kind in the other brand, by route parameter."""
    return make_objects(other_brand, stranger, MARK)


@pytest.fixture
def ours(brand, owner):
    return make_objects(brand, owner, "our")


def make_objects(tenant, user, mark):
    with tenant_scope(tenant):
        by = Actor.person(user)
        item = Item.objects.create(external_id=f"{mark}-item", title=mark)
        contact = Contact.objects.create(external_id=f"{mark}-contact", name=mark)
        merge = ContactMerge.objects.create(into=contact, other_code="x", other_external_id=f"{mark}-o", basis="person")
        layout = {"format": "csv", "headers": ["user", "likes"]}
        file = default_storage.save("file", ContentFile(b"user,likes\nu1,3\n"))
        upload = Import.objects.create(filename=f"{mark}.csv", file=file, size_bytes=1, sha256="0" * 64, layout=layout)
        job = jobs.start("tests.none", "default")
        dataset = Dataset.objects.create(purpose="next_item", content_hash=uuid4().hex, directory=mark)
        run = TrainingRun.objects.create(purpose="next_item", dataset=dataset, config_hash="x", job=job)
        study = Study.objects.create(
            kind="cross_validation", purpose="next_item", preset="quick", budget_minutes=1, job=job, created_by=mark
        )
        version = ModelVersion.objects.create(
            purpose="next_item", number=1, kind="popularity", run=run, dataset=dataset, directory=mark,
            digest="x", stage="live", promoted_at=timezone.now(),
        )  # fmt: skip
        content_model = ContentModel.objects.create(task="tags", job=job)
        suggestion = Suggestion.objects.create(
            item=item, field="category", value=mark, probability=0.9, model=content_model, state="accepted"
        )
        account = ConnectedAccount.objects.create(app_id=f"wx{mark}", name=mark, kind="service")
        talk = Conversation.objects.create(account=account, openid=mark, contact=contact, last_text=mark)
        MessageLog.objects.create(
            conversation=talk, direction="in", kind="text", text=mark, at=timezone.now(), state="received"
        )
        tag = PlatformTag.objects.create(account=account, platform_id=101, name=mark)
        sync = SyncRun.objects.create(account=account, kind="tags", job=job)
        qr_code = QrCode.objects.create(account=account, name=mark, scene="fw_theirs", url="http://q", ticket="t")
        menu = MenuVersion.objects.create(
            account=account, number=1, buttons=[{"name": mark, "type": "click", "key": "k"}]
        )
        template = MessageTemplate.objects.create(
            account=account, kind="once", template_id=mark, title=mark, content="{{thing1.DATA}}",
            first_seen_at=timezone.now(), seen_at=timezone.now(),
        )  # fmt: skip
        publication = Publication.objects.create(account=account, job=job, media_id="m", title=mark)
        mass_send = MassSend.objects.create(account=account, kind="text", text=mark, title=mark, audience="all")
        link = TrackedLink.objects.create(code=new_code(10), name=mark, target="https://their.example/")
        segment = Segment.objects.create(name=mark, kind="dynamic", rule={"all": [{"on": "everybody"}]})
        key, _secret = keys.create(tenant, mark, ["items:read"], by)
        member = Membership.objects.get(tenant=tenant, user=user)
    return {
        "item": [item.external_id], "contact": [contact.code, contact.external_id], "import": [upload.code],
        "dataset": [dataset.code], "run": [run.code], "study": [study.code], "version": [version.code],
        "job": [job.code],
        "content_model": [content_model.code], "suggestion": [str(suggestion.pk)],
        "account": [account.code], "qr_code": [qr_code.code], "tag": [str(tag.pk)], "sync": [sync.code],
        "merge": [merge.code], "menu_version": [menu.code], "publication": [publication.code],
        "mass_send": [mass_send.code],
        "link": [link.code],
        "template": [template.code],
        "segment": [segment.code],
        "key": [str(key.pk), key.prefix], "member": [str(member.pk)], "user": [str(user.pk)],
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
        models = (
            Item,
            Contact,
            ContactMerge,
            Import,
            Dataset,
            TrainingRun,
            Study,
            ModelVersion,
            ContentModel,
            Suggestion,
            ConnectedAccount,
            PlatformTag,
            QrCode,
            SyncRun,
            MenuVersion,
            Publication,
            Conversation,
            MessageLog,
            TrackedLink,
            MessageTemplate,
            Segment,
        )
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


# --- foreign ids in bodies --------------------------------------------------------------------------------------------


def form_names():
    """Every field that a page of ours reads from a form."""
    folders = [CHECKOUT / name for name in ("accounts", "audience", "campaigns", "catalog", "connectors", "modeling")]
    sources = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    read = set(re.findall(r"""POST(?:\.get|\.getlist)?[\[(]["'](\w+)["']""", sources))
    for form in every_form(BaseForm):
        read |= set(getattr(form, "base_fields", {}))
    return sorted(read)


def every_form(form):
    for child in form.__subclasses__():
        if child.__module__.split(".")[0] in ("accounts", "audience", "campaigns", "catalog", "connectors", "modeling"):
            yield child
        yield from every_form(child)


def bodies(schema, part, value):
    """An object of this part of the contract in which every text is `value`."""
    if "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    options = part.get("oneOf") or part.get("allOf") or part.get("anyOf")
    if options:
        return bodies(schema, options[0], value)
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "object":
            named = {name: bodies(schema, inner, value) for name, inner in part.get("properties", {}).items()}
            extra = part.get("additionalProperties")
            return named or {value: bodies(schema, extra, value) if isinstance(extra, dict) else value}
        case "array":
            return [bodies(schema, part["items"], value)]
        case "integer" | "number":
            return int(value) if value.isdecimal() else 1
        case "boolean":
            return True
        case _:
            return "2026-11-01T00:00:00Z" if part.get("format") == "date-time" else value


def written_calls():
    """(method, address, part of the contract) of every API call that takes JSON."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for address, calls in schema["paths"].items():
        for method, call in calls.items():
            content = call.get("requestBody", {}).get("content", {}) if isinstance(call, dict) else {}
            if "application/json" in content:
                yield method, address, content["application/json"]["schema"]


def tells_of_them(answer, sent):
    """Whether the answer says more of the other brand than the ids that were sent."""
    text = answer.content.decode() if not answer.streaming else ""
    for value in sent:
        text = text.replace(value, "")
    return MARK in text


@pytest.mark.parametrize(("method", "address"), [call[:2] for call in written_calls()])
def test_another_brands_ids_in_a_body_of_the_api_change_and_tell_nothing(
    method, address, api, ours, other_brand, theirs
):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    part = next(part for verb, path, part in written_calls() if (verb, path) == (method, address))
    before, sent = snapshot(other_brand), [value for values in theirs.values() for value in values]
    for own in [value for values in ours.values() for value in values] if "{" in address else [""]:
        for value in sent:
            body = bodies(schema, part, value)
            answer = getattr(api, method)(re.sub(r"{\w+}", own, address), body, content_type="application/json")
            assert answer.status_code < 500 or answer.status_code == 502, (own, body)
            assert not tells_of_them(answer, sent), (own, body)
            if answer.status_code == 404:
                break
    assert snapshot(other_brand) == before


@pytest.mark.parametrize("route", [r for r, _v in BRAND_ROUTES])
def test_another_brands_ids_in_a_form_change_and_tell_nothing(route, as_owner, brand, ours, other_brand, theirs):
    names, sent = form_names(), [value for values in theirs.values() for value in values]
    before = snapshot(other_brand)
    for address in addresses(route, brand.slug, ours):
        for turn in range(0, len(sent), 3):
            form = {name: sent[(place + turn) % len(sent)] for place, name in enumerate(names)}
            answer = as_owner.post(address, form)
            assert answer.status_code < 500, (address, form)
            assert not tells_of_them(answer, sent), (address, form)
            if answer.status_code in (404, 405):
                break
    assert snapshot(other_brand) == before


def test_there_are_forms_and_bodies_to_try():
    assert len(list(written_calls())) >= 8
    assert {"external_id", "preset", "role", "name"} <= set(form_names())
