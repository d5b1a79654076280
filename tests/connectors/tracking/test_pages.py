"""The pages of the tracker: what arrives, the code to copy, keys, links, the sample page."""

import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from audience.models import Event
from connectors.models import HeldEvent, TrackedLink, TrackingKey
from tests.connectors.tracking.conftest import ORIGIN

PAGES = "/b/brand/tracking/"


@pytest.fixture
def as_teammate(teammate):
    def sign_in(role):
        client = Client()
        client.force_login(teammate(role))
        return client

    return sign_in


def text(answer):
    assert answer.status_code == 200, answer
    return answer.content.decode()


def english(client):
    client.cookies["django_language"] = "en"
    return client


def test_without_a_key_the_live_page_leads_to_installing(as_owner):
    page = text(english(as_owner).get(PAGES))
    assert "Nothing is installed yet" in page
    assert 'href="/b/brand/tracking/install/"' in page


def test_the_live_page_shows_what_arrived_and_why_something_was_refused(as_owner, send, follower, token_of):
    send(
        {"kind": "read", "title": "一杯好茶", "item": "a1", "dwell_seconds": 75},
        {"kind": "dance"},
        token=token_of(follower),
    )
    send({"id": "x", "kind": "view"}, origin="https://evil.test")
    page = text(english(as_owner).get(PAGES))
    for word in (
        "一杯好茶",
        "林欣",
        "1 min 15 s",
        "Unknown kind",
        "https://evil.test is not on this key",
        "kind_unknown",
    ):
        assert word in page, word


def test_the_filters_narrow_the_lines(as_owner, send):
    send(
        {"id": "1", "kind": "view", "title": "PAGE-ONE"},
        {"id": "2", "kind": "like", "title": "PAGE-TWO"},
        {"id": "3", "kind": "x"},
    )
    for query, shown, hidden in (
        ("kind=like", "PAGE-TWO", "PAGE-ONE"), ("group=held", "PAGE-ONE", "kind_unknown"),
        ("group=refused", "kind_unknown", "PAGE-ONE"), ("source=5", "", "PAGE-ONE"),
    ):  # fmt: skip
        page = text(as_owner.get(f"{PAGES}?{query}"))
        assert shown in page
        assert hidden not in page


def test_the_stream_answers_only_when_something_is_new(as_owner, send):
    send({"kind": "view", "title": "FIRST"})
    assert as_owner.get(f"{PAGES}stream/?seen=1").status_code == 204
    send({"id": "n", "kind": "view", "title": "SECOND"})
    page = text(as_owner.get(f"{PAGES}stream/?seen=1"))
    assert page.count("is-new") == 1
    assert "seen=2" in page


def test_markup_in_events_is_harmless(as_owner, send):
    send({"kind": "view", "title": "<script>alert(1)</script>"}, {"id": "<b>", "kind": "<img src=x>"})
    page = text(as_owner.get(PAGES))
    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_another_brand_sees_nothing(send, as_stranger):
    send({"kind": "view", "title": "OURS"})
    assert "OURS" not in text(as_stranger.get("/b/other/tracking/"))


def test_a_test_event_goes_the_whole_way_and_becomes_nobodys(as_owner, key, brand):
    assert as_owner.post(f"{PAGES}test/").status_code == 302
    assert "test" in text(as_owner.get(PAGES))
    with tenant_scope(brand):
        assert (HeldEvent.objects.count(), Event.objects.count()) == (1, 0)
    assert TrackingKey.objects.get().first_event_at is not None


def test_a_test_event_without_a_key_is_404(as_owner):
    assert as_owner.post(f"{PAGES}test/").status_code == 404


def test_a_key_is_made_with_the_code_to_copy(as_owner, brand):
    answer = as_owner.post(
        f"{PAGES}install/", {"name": "H5", "places": f"{ORIGIN}/\nwx0123456789abcdef", "needs_consent": "on"}
    )
    assert answer.status_code == 302
    key = TrackingKey.objects.get()
    assert (key.places, key.needs_consent, key.tenant) == ([ORIGIN, "wx0123456789abcdef"], True, brand)
    page = text(as_owner.get(f"{PAGES}install/"))
    assert "src=&quot;http://testserver/static/track/fanwise.js&quot;" in page
    assert f"data-key=&quot;{key.code}&quot; data-consent=&quot;required&quot;" in page
    with tenant_scope(brand):
        assert AuditEntry.objects.filter(verb="create", object_type="tracking_key", object_code=key.code).exists()


@pytest.mark.parametrize("places", ["h5.brand.test", "https://a.test/path", "ftp://a.test", "https://*", "<x>", "wx12"])
def test_a_place_that_is_none_is_refused_with_its_name(as_owner, places):
    answer = english(as_owner).post(f"{PAGES}install/", {"name": "H5", "places": places})
    assert answer.status_code == 422
    assert "is no place" in answer.content.decode()
    assert not TrackingKey.objects.exists()


def test_the_list_of_places_is_changed(as_owner, key, send):
    as_owner.post(f"{PAGES}keys/{key.code}/", {"name": "New", "places": "https://new.test"})
    assert send({"kind": "view"}).status_code == 403
    assert send({"kind": "view"}, origin="https://new.test").status_code == 202


def test_a_key_is_replaced_once_and_revoked(as_owner, key):
    as_owner.post(f"{PAGES}keys/{key.code}/rotate/")
    as_owner.post(f"{PAGES}keys/{key.code}/rotate/")
    assert TrackingKey.objects.count() == 2
    as_owner.post(f"{PAGES}keys/{key.code}/revoke/")
    assert [one.is_live for one in TrackingKey.objects.order_by("pk")] == [False, True]


@pytest.mark.parametrize("role", ["marketer", "analyst", "viewer"])
def test_only_managers_touch_keys(as_teammate, key, role):
    client = as_teammate(role)
    for path in ("install/", f"keys/{key.code}/", f"keys/{key.code}/rotate/", f"keys/{key.code}/revoke/"):
        assert client.post(PAGES + path, {"name": "x"}).status_code == 403
    assert list(TrackingKey.objects.values_list("name", "revoked_at", "expires_at")) == [("H5", None, None)]
    assert key.code in text(client.get(f"{PAGES}install/"))


def test_another_brands_key_is_404(as_stranger, key):
    for path in ("", "rotate/", "revoke/"):
        assert as_stranger.post(f"/b/other/tracking/keys/{key.code}/{path}").status_code == 404
    assert as_stranger.get(f"/b/other/tracking/install/light/?key={key.code}").status_code == 404


def test_the_light_goes_on_with_the_first_event(as_owner, key, send):
    waiting = text(as_owner.get(f"{PAGES}install/light/?key={key.code}"))
    send({"kind": "view"})
    on = text(as_owner.get(f"{PAGES}install/light/?key={key.code}"))
    assert ("hx-get" in waiting, "hx-get" in on) == (True, False)


def test_a_link_is_made_and_its_clicks_shown(as_owner, brand, article, client):
    form = {"name": "菜单", "target": "https://h5.brand.test/a", "item": "a1", "campaign": "春茶", "channel": "menu"}
    assert as_owner.post(f"{PAGES}links/", form).status_code == 302
    with tenant_scope(brand):
        link = TrackedLink.objects.get()
    client.get(f"/t/{link.code}/", headers={"user-agent": "Mozilla/5.0 (iPhone)"})
    page = text(english(as_owner).get(f"{PAGES}links/"))
    assert f"http://testserver/t/{link.code}/" in page
    assert '<strong class="fw-num">1</strong> clicks' in page


@pytest.mark.parametrize("change", [{"target": "javascript:alert(1)"}, {"item": "nope"}, {"name": ""}])
def test_a_link_that_leads_nowhere_is_refused(as_owner, brand, change):
    form = {"name": "x", "target": "https://a.test", "item": "", "campaign": "", "channel": ""} | change
    assert as_owner.post(f"{PAGES}links/", form).status_code == 422
    with tenant_scope(brand):
        assert not TrackedLink.objects.exists()


def test_the_sample_page_is_for_members_and_demo_brands(client, as_owner, as_stranger, key, brand, article):
    address = f"/track/demo/?key={key.code}"
    assert "一杯好茶" in text(as_owner.get(address))
    assert (client.get(address).status_code, as_stranger.get(address).status_code) == (404, 404)
    brand.is_demo = True
    brand.save()
    assert key.code in text(client.get(address))
    assert client.get("/track/demo/?key=fwk_none").status_code == 404
