"""GET /t/<code>/: the click is counted, the target is fixed, and a slow database holds nobody up."""

import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from audience.models import Event
from common.errors import BadInput
from connectors.models import TrackedLink
from connectors.tracking import links, tallies
from connectors.tracking.tasks import record_click
from tests.connectors.tracking.conftest import ORIGIN

PHONE = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"
TARGET = f"{ORIGIN}/read?id=1#top"


@pytest.fixture
def link(brand, by, key, article):
    with tenant_scope(brand):
        return links.create("菜单", TARGET, by, item=article, campaign="春茶", channel="menu")


@pytest.fixture
def follow(client):
    """`follow(link, c=token)` opens it on a phone."""

    def get(link, method="get", user_agent=PHONE, address="10.0.0.1", headers=None, **query):
        sent = {"user-agent": user_agent} | (headers or {})
        return getattr(client, method)(f"/t/{link.code}/", query, headers=sent, REMOTE_ADDR=address)

    return get


@pytest.fixture
def clicks(brand, link):
    def read():
        with tenant_scope(brand):
            return {word: num for word, num in tallies.totals(f"link:{link.code}").items() if num}

    return read


def test_a_click_is_counted_and_led_to_the_target(follow, link, clicks):
    answer = follow(link)
    assert (answer.status_code, answer.url, answer.headers["Cache-Control"]) == (302, TARGET, "no-store")
    assert clicks() == {"clicks": 1}


def test_nothing_in_the_address_changes_the_target(follow, link):
    for name in ("url", "next", "target", "to", "c"):
        assert follow(link, **{name: "https://evil.test/"}).url == TARGET


@pytest.mark.parametrize("target", ["javascript:alert(1)", "//evil.test", "ftp://x.test/", "/local", "https://", "x"])
def test_only_web_addresses_become_targets(brand, by, target):
    with tenant_scope(brand), pytest.raises(BadInput):
        links.create("x", target, by, campaign="", channel="")
    with tenant_scope(brand):
        assert TrackedLink.objects.count() == 0


def test_a_personal_link_records_the_click_and_hands_the_token_on(follow, link, follower, token_of, brand, clicks):
    token = token_of(follower, "link")
    answer = follow(link, c=token)
    assert answer.url == f"{ORIGIN}/read?id=1&fwt={token}#top"
    with tenant_scope(brand):
        event = Event.objects.select_related("item").get()
    assert (event.contact_id, event.kind, event.item.external_id) == (follower.pk, EventKind.CLICK, "a1")
    assert clicks() == {"clicks": 1, "named": 1}


def test_a_token_is_not_handed_to_other_sites(follow, brand, by, key, follower, token_of):
    with tenant_scope(brand):
        link = links.create("文章", "https://mp.weixin.qq.com/s/abc", by, campaign="", channel="")
    assert follow(link, c=token_of(follower, "link")).url == "https://mp.weixin.qq.com/s/abc"


def test_a_forged_token_is_dropped(follow, link, follower, token_of, brand, clicks):
    answer = follow(link, c=token_of(follower)[:-3] + "AAA")
    assert answer.url == TARGET
    with tenant_scope(brand):
        assert Event.objects.count() == 0
    assert clicks() == {"clicks": 1}


def test_a_contact_with_personalisation_off_is_counted_without_a_name(follow, link, follower, token_of, brand, clicks):
    with tenant_scope(brand):
        follower.is_personalisation_off = True
        follower.save()
    follow(link, c=token_of(follower))
    with tenant_scope(brand):
        assert Event.objects.count() == 0
    assert clicks() == {"clicks": 1}


@pytest.mark.parametrize(
    ("method", "user_agent", "headers"),
    [
        ("head", PHONE, {}),
        ("get", "", {}),
        ("get", "Mozilla/5.0 (compatible; Googlebot/2.1)", {}),
        ("get", "curl/8.0", {}),
        ("get", PHONE, {"purpose": "prefetch"}),
        ("get", PHONE, {"sec-purpose": "prefetch;prerender"}),
    ],
)
def test_programs_and_loading_ahead_are_led_on_but_no_click(
    follow, link, method, user_agent, headers, clicks, follower, token_of, brand
):
    answer = follow(link, method, user_agent, headers=headers, c=token_of(follower))
    assert (answer.status_code, clicks()) == (302, {"bots": 1})
    with tenant_scope(brand):
        assert Event.objects.count() == 0


def test_a_double_tap_is_one_click(follow, link, clicks):
    follow(link)
    follow(link)
    follow(link, address="10.0.0.2")
    assert clicks() == {"clicks": 2, "repeats": 1}


@pytest.mark.parametrize("code", ["nothing234", "x", "aaaaaaaaaa' OR 1", "a" * 300])
def test_an_unknown_link_is_404(client, db, code):
    assert client.get(f"/t/{code}/").status_code == 404


def test_a_closed_link_is_404_at_once(follow, link, brand, by, django_capture_on_commit_callbacks):
    assert follow(link).status_code == 302
    with django_capture_on_commit_callbacks(execute=True), tenant_scope(brand):
        links.set_open(link, by, is_open=False)
    assert follow(link).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_slow_database_delays_nobody_and_loses_no_click(follow, link, follower, token_of, brand, clicks, monkeypatch):
    token, queued = token_of(follower), []
    monkeypatch.setattr(links.current_app, "send_task", lambda name, kwargs, retry: queued.append((name, kwargs)))
    follow(link, address="10.0.0.9")
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE audience_event_key, connectors_trackingtally IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            answer = follow(link, c=token)
            seconds = time.monotonic() - began
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert (answer.status_code, seconds < 2) == (302, True)
    assert (len(queued), clicks()) == (1, {"clicks": 1})
    for _repeat in range(2):  # a queue may deliver twice; the event is one
        record_click(**queued[0][1])
    with tenant_scope(brand):
        event = Event.objects.get()
    assert timezone.now() - event.occurred_at < timedelta(seconds=10)
    assert clicks() == {"clicks": 2, "named": 1}
