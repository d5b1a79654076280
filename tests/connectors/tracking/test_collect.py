"""POST /collect/v1/events: what a page may hand in, who it is counted for, and what is refused."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.tenancy import tenant_scope
from audience import contacts
from audience.kinds import Source
from audience.models import Consent, Contact, Event
from catalog.models import Item
from connectors.models import HeldEvent, TrackingKey, Visitor
from connectors.tracking import keys, tokens
from connectors.tracking.batches import MAX_BYTES, MAX_EVENTS
from connectors.tracking.tokens import Purpose
from tests.connectors.tracking.conftest import APP_ID, DEVICE, ORIGIN, milliseconds


def test_an_event_of_a_named_device_is_recorded_for_the_contact(send, article, follower, token_of, recorded, brand):
    row = {"kind": "read", "item": "a1", "dwell_seconds": 12.5, "value": 0.8}
    answer = send(row, token=token_of(follower))
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 1, "held": 0, "duplicates": 0, "contact": "known", "token": "ok", "rejected": []},
    )
    assert recorded() == [("u1", "read", "a1")]
    with tenant_scope(brand):
        event = Event.objects.get()
    assert (event.source, event.dwell_seconds, event.value) == (Source.TRACKER, 12.5, 0.8)


def test_the_device_keeps_its_name_without_the_token(send, follower, token_of, recorded):
    send({"kind": "view"}, token=token_of(follower))
    answer = send({"id": "later", "kind": "like"}).json()
    assert (answer["contact"], answer["token"], answer["accepted"]) == ("known", "none", 1)
    assert [row[:2] for row in recorded()] == [("u1", "view"), ("u1", "like")]


def test_events_of_an_unknown_device_wait_and_make_no_contact(send, recorded, held, brand):
    answer = send({"kind": "view"}, {"kind": "like"}).json()
    assert (answer["accepted"], answer["held"], answer["contact"]) == (0, 2, "unknown")
    assert (recorded(), held()) == ([], 2)
    with tenant_scope(brand):
        assert Contact.objects.count() == 0


def test_what_waited_becomes_the_contacts_once_a_token_names_the_device(
    send, article, follower, token_of, recorded, held
):
    send({"id": "one", "kind": "view", "item": "a1"})
    send({"id": "two", "kind": "like", "item": "a1"}, visitor="another-device")
    send({"id": "three", "kind": "share", "item": "a1"}, token=token_of(follower))
    assert recorded() == [("u1", "view", "a1"), ("u1", "share", "a1")]
    assert held() == 1


@pytest.mark.parametrize("is_named", [False, True])
def test_a_repeated_batch_adds_nothing(send, follower, token_of, recorded, held, is_named):
    token = token_of(follower) if is_named else ""
    for num_duplicates in (0, 2, 2):
        answer = send({"kind": "view"}, {"kind": "like"}, token=token).json()
        assert answer["duplicates"] == num_duplicates
    assert (len(recorded()), held()) == ((2, 0) if is_named else (0, 2))


def test_an_event_sent_before_and_after_the_naming_counts_once(send, follower, token_of, recorded):
    send({"id": "same", "kind": "view"})
    answer = send({"id": "same", "kind": "view"}, token=token_of(follower)).json()
    assert (answer["duplicates"], len(recorded())) == (1, 1)


def test_the_same_id_of_two_devices_is_two_events(send, follower, token_of, recorded):
    for device in ("device-aaaaaaaa", "device-bbbbbbbb"):
        send({"id": "1", "kind": "view"}, visitor=device, token=token_of(follower))
    assert len(recorded()) == 2


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_forged_token_names_nobody(send, follower, token_of, held, recorded):
    good = token_of(follower)
    for forged in (good[:-1] + ("A" if good[-1] != "A" else "B"), good.replace("s.", "l.", 1), "x", "...", "令牌"):
        answer = send({"id": forged[-6:].encode().hex(), "kind": "view"}, token=forged).json()
        assert (answer["token"], answer["contact"]) == ("invalid", "unknown")
    assert (recorded(), held()) == ([], 5)


def test_an_expired_token_names_nobody(send, follower, token_of, recorded):
    token = token_of(follower, lifetime=timedelta(minutes=5))
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        answer = send({"kind": "view"}, token=token).json()
    assert (answer["token"], answer["contact"], recorded()) == ("expired", "unknown", [])


def test_another_brands_token_names_nobody(send, other_brand, recorded, held):
    with tenant_scope(other_brand):
        theirs = Contact.objects.create(external_id="u1")
        token = tokens.mint(theirs, Purpose.SESSION)[0]
    assert send({"kind": "view"}, token=token).json()["token"] == "invalid"
    assert (recorded(), held()) == ([], 1)


def test_a_token_of_a_contact_that_is_gone_names_nobody(send, follower, token_of, brand, held):
    token = token_of(follower)
    with tenant_scope(brand):
        Contact.objects.all().delete()
    assert send({"kind": "view"}, token=token).json()["token"] == "invalid"
    assert held() == 1


def test_a_link_token_never_renames_a_device(send, follower, token_of, brand, recorded):
    with tenant_scope(brand):
        friend = Contact.objects.create(external_id="friend")
    send({"id": "1", "kind": "view"}, token=token_of(friend, "link"))
    send({"id": "2", "kind": "view"}, token=token_of(follower, "link"))
    send({"id": "3", "kind": "view"}, token=token_of(follower, "session"))
    assert [row[0] for row in recorded()] == ["friend", "friend", "u1"]


def test_the_api_mints_tokens(api, follower, send):
    made = api.post("/api/v1/contacts/u1/token/", '{"lifetime_hours": 2}', content_type="application/json")
    assert made.status_code == 200
    assert send({"kind": "view"}, token=made.json()["token"]).json()["contact"] == "known"
    assert api.post("/api/v1/contacts/nobody/token/", "{}", content_type="application/json").status_code == 404
    bad = api.post("/api/v1/contacts/u1/token/", '{"purpose": "admin"}', content_type="application/json")
    assert (bad.status_code, list(bad.json()["fields"])) == (400, ["purpose"])


# --- places and keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [ORIGIN, "https://m.shop.test", "http://testserver"])
def test_a_listed_place_may_send_and_read_the_answer(send, origin):
    answer = send({"kind": "view"}, origin=origin)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, origin)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "http://h5.brand.test", "https://shop.test", "https://evilshop.test", "null", ""]
)
def test_another_place_is_refused(send, origin, held, counted):
    answer = send({"kind": "view"}, origin=origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_listed")
    assert held() == 0
    assert counted() == {"origin_not_listed": 1}


def test_a_mini_program_is_known_by_its_app_id(send, follower, token_of, brand):
    page = "https://servicewechat.com/{}/12/page-frame.html"
    refused = send({"kind": "view"}, origin="", headers={"referer": page.format("wxffffffffffffffff")})
    assert refused.json()["code"] == "origin_not_listed"
    headers = {"referer": page.format(APP_ID)}
    assert send({"kind": "view"}, origin="", headers=headers, token=token_of(follower)).status_code == 202
    with tenant_scope(brand):
        assert Event.objects.get().source == Source.MINI_PROGRAM


def test_a_preflight_is_answered_for_listed_places_only(client, key):
    def ask(origin):
        return client.options(f"/collect/v1/events?key={key.code}", headers={"origin": origin})

    good, bad = ask(ORIGIN), ask("https://evil.test")
    assert (good.status_code, good.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert (bad.status_code, bad.headers.get("Access-Control-Allow-Origin")) == (403, None)


@pytest.mark.parametrize("code", ["", "fwk_unknown", "fwk_%00", "nonsense"])
def test_an_unknown_key_is_refused(client, code, key):
    answer = client.post(f"/collect/v1/events?key={code}", "{}", content_type="text/plain")
    assert answer.status_code in (401, 404)


def test_a_revoked_key_is_refused_and_a_replaced_one_works_for_a_while(send, key, brand, by):
    with tenant_scope(brand):
        new = keys.rotate(key, by)
    assert send({"kind": "view"}).status_code == 202
    assert send({"kind": "view"}, code=new.code).status_code == 202
    with time_machine.travel(timezone.now() + keys.OVERLAP + timedelta(minutes=1), tick=False):
        assert send({"kind": "view"}).json()["code"] == "key_unknown"
    with tenant_scope(brand):
        keys.revoke(new, by)
    assert send({"kind": "view"}, code=new.code).json()["code"] == "key_unknown"


def test_the_key_decides_the_brand(send, key, other_brand, stranger, brand, follower, token_of):
    from accounts.actors import Actor

    with tenant_scope(other_brand):
        theirs = keys.create(other_brand, "H5", [ORIGIN], needs_consent=False, by=Actor.person(stranger))
    assert send({"kind": "view"}, code=theirs.code, token=token_of(follower)).json()["token"] == "invalid"
    with tenant_scope(brand):
        assert (Event.objects.count(), Visitor.objects.count()) == (0, 0)


def test_the_first_and_last_event_are_remembered(send, key):
    send({"kind": "view"})
    seen = TrackingKey.objects.get(pk=key.pk)
    assert seen.first_event_at == seen.last_event_at is not None


def test_too_many_requests_are_refused(send, settings, counted):
    settings.COLLECT_RATE_PER_ADDRESS = 2
    answers = [send({"id": f"n{number}", "kind": "view"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert counted() == {"held": 2}


# --- consent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs_consent", "answer", "is_kept"),
    [
        (True, "unknown", False), (True, "denied", False), (True, "granted", True),
        (False, "unknown", True), (False, "denied", False), (False, "granted", True),
    ],
)  # fmt: skip
def test_events_without_the_needed_consent_are_dropped_and_counted(
    send, key, needs_consent, answer, is_kept, held, counted
):
    TrackingKey.objects.update(needs_consent=needs_consent)
    words = send({"kind": "view"}, {"kind": "like"}, consent=answer).json()
    assert held() == (2 if is_kept else 0)
    assert [row["code"] for row in words["rejected"]] == ([] if is_kept else ["no_consent"] * 2)
    assert counted() == ({"held": 2} if is_kept else {"no_consent": 2})


def test_a_contact_with_personalisation_off_is_not_observed(send, follower, token_of, brand, by, recorded, counted):
    send({"id": "before", "kind": "view"})  # waits for a name
    with tenant_scope(brand):
        contacts.set_consent(follower, Consent.Purpose.PERSONALISATION, Consent.State.WITHDRAWN, by, evidence="call")
    answer = send({"kind": "view"}, token=token_of(follower), consent="granted").json()
    assert [row["code"] for row in answer["rejected"]] == ["opted_out"]
    assert (recorded(), counted()) == ([], {"held": 1, "opted_out": 1})
    with tenant_scope(brand):
        assert not Visitor.objects.get().contact.events.exists()


def test_an_answer_on_a_page_is_written_down_for_a_signed_in_contact(send, follower, token_of, brand, recorded):
    send({"kind": "view"}, token=token_of(follower))
    send({"id": "c1", "kind": "consent", "state": "withdrawn"}, consent="denied")
    with tenant_scope(brand):
        consent = Consent.objects.get()
        assert (consent.state, consent.evidence) == (Consent.State.WITHDRAWN, f"{ORIGIN}, c1")
        assert Contact.objects.get().is_personalisation_off
    send({"id": "c2", "kind": "consent", "state": "granted"}, {"id": "v2", "kind": "view"}, consent="granted")
    with tenant_scope(brand):
        assert not Contact.objects.get().is_personalisation_off
    assert len(recorded()) == 2


def test_an_older_answer_changes_nothing(send, follower, token_of, brand, by):
    send(token=token_of(follower))
    with tenant_scope(brand):
        contacts.set_consent(follower, Consent.Purpose.PERSONALISATION, Consent.State.WITHDRAWN, by, evidence="call")
    old = milliseconds(timezone.now() - timedelta(hours=1))
    send({"id": "c", "kind": "consent", "state": "granted", "at": old}, consent="granted")
    with tenant_scope(brand):
        assert Consent.objects.get().state == Consent.State.WITHDRAWN


def test_a_device_named_by_a_link_does_not_answer_for_the_contact(send, follower, token_of, brand):
    send({"id": "c", "kind": "consent", "state": "withdrawn"}, token=token_of(follower, "link"), consent="denied")
    with tenant_scope(brand):
        assert Consent.objects.count() == 0


def test_withdrawing_deletes_what_waits(send, held):
    send({"kind": "view"}, consent="granted")
    send({"id": "c", "kind": "consent", "state": "withdrawn"}, consent="denied")
    assert held() == 0


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(hours=-3), timedelta(), timedelta(days=3650)])
def test_a_wrong_clock_is_corrected(send, follower, token_of, brand, skew):
    now = timezone.now()
    clock = now + skew
    row = {"kind": "view", "at": milliseconds(clock - timedelta(minutes=10))}
    assert send(row, token=token_of(follower), sent_at=milliseconds(clock)).json()["accepted"] == 1
    with tenant_scope(brand):
        occurred_at = Event.objects.get().occurred_at
    assert abs(occurred_at - (now - timedelta(minutes=10))) < timedelta(seconds=3)


def test_an_event_after_its_sending_happened_now(send, follower, token_of, brand):
    send({"kind": "view", "at": milliseconds(timezone.now() + timedelta(hours=5))}, token=token_of(follower))
    with tenant_scope(brand):
        assert abs(Event.objects.get().occurred_at - timezone.now()) < timedelta(seconds=3)


def test_an_event_that_waited_too_long_is_refused(send, held):
    answer = send({"kind": "view", "at": milliseconds(timezone.now() - timedelta(days=8))}).json()
    assert ([row["code"] for row in answer["rejected"]], held()) == (["too_old"], 0)


# --- items ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"{ORIGIN}/read?id=1",
        f"{ORIGIN}/read?id=1#part-2",
        f"{ORIGIN}/read?utm_source=wx&id=1&from=singlemessage&isappinstalled=0&fwt=s.x.y.z",
        "https://H5.Brand.test/read?id=1&code=abc&state=1",
    ],
)
def test_a_page_is_known_by_the_address_of_its_item(send, article, follower, token_of, recorded, url):
    send({"kind": "view", "url": url}, token=token_of(follower))
    assert recorded() == [("u1", "view", "a1")]


def test_an_unknown_page_is_kept_as_a_draft(send, follower, token_of, recorded, brand):
    page = {"kind": "view", "url": f"{ORIGIN}/new", "title": "新文章"}
    send(page, {**page, "kind": "like"}, token=token_of(follower))
    send({**page, "id": "again"})
    with tenant_scope(brand):
        item = Item.objects.get()
    assert (item.external_id, item.title, item.url, item.state) == (f"{ORIGIN}/new", "新文章", f"{ORIGIN}/new", "draft")
    assert [row[1] for row in recorded()] == ["view", "like", "view"]
    assert {row[2] for row in recorded()} == {f"{ORIGIN}/new"}


def test_an_unknown_item_id_is_kept_as_a_draft(send, follower, token_of, recorded):
    send({"kind": "like", "item": "new-1", "title": "新品"}, token=token_of(follower))
    assert recorded() == [("u1", "like", "new-1")]


def test_a_page_of_another_site_makes_no_item(send, follower, token_of, recorded, brand):
    send({"kind": "view", "url": "https://elsewhere.test/x"}, token=token_of(follower))
    assert recorded() == [("u1", "view", None)]
    with tenant_scope(brand):
        assert Item.objects.count() == 0


def test_a_flood_of_new_pages_makes_no_flood_of_items(send, brand, held):
    send(*({"kind": "view", "item": f"n{number}"} for number in range(61)))
    with tenant_scope(brand):
        assert Item.objects.count() == 60
    assert held() == 61


# --- bad input ------------------------------------------------------------------------------------------------------


def test_each_refused_event_has_its_reason_and_the_rest_is_kept(send, held, counted):
    answer = send(
        "no object",
        {"kind": "view", "id": "ä"},
        {"kind": "view", "id": ["x"]},
        {"kind": "dance"},
        {"kind": ["view"]},
        {"kind": "purchase", "amount_fen": 1},
        {"kind": "view", "at": "today"},
        {"kind": "view", "url": "javascript:alert(1)"},
        {"kind": "view", "url": "https://[bad"},
        {"kind": "view", "item": {"a": 1}},
        {"kind": "view", "item": "a\x00b"},
        {"kind": "read", "dwell_seconds": 1e9},
        {"kind": "rate", "value": "5"},
        {"kind": "comment", "text": "half \ud800"},
        {"kind": "custom", "name": "Bad Name"},
        {"kind": "custom", "name": "deep", "props": {"a": {"b": 1}}},
        {"kind": "consent", "state": "maybe"},
        {"kind": "custom", "name": "quiz", "props": {"score": 3}},
    ).json()
    assert [row["code"] for row in answer["rejected"]] == [
        "not_an_object", "id_invalid", "id_invalid", "kind_unknown", "kind_unknown", "kind_not_public", "at_invalid",
        "url_invalid", "url_invalid", "item_invalid", "item_invalid", "dwell_seconds_invalid", "value_invalid",
        "text_invalid", "name_invalid", "props_invalid", "state_invalid",
    ]  # fmt: skip
    assert all(row["detail"] for row in answer["rejected"])
    assert (answer["held"], held(), sum(counted().values())) == (1, 1, 18)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        ("", 400, "bad_json"),
        ("{", 400, "bad_json"),
        (b"\xff\xfe{}", 400, "bad_json"),
        ('{"visitor": NaN}', 400, "bad_json"),
        ("[" * 100_000, 400, "bad_json"),
        ('{"a":' * 30_000 + "1" + "}" * 30_000, 400, "bad_json"),
        ("[]", 400, "bad_body"),
        ('{"visitor": "short", "events": []}', 400, "bad_body"),
        ('{"visitor": "device-1\\u0000", "events": []}', 400, "bad_body"),
        ('{"visitor": "device-001", "events": {}}', 400, "bad_body"),
        ('{"visitor": "device-001", "events": [], "token": 5}', 400, "bad_body"),
        (json.dumps({"visitor": "device-001", "events": [{}] * (MAX_EVENTS + 1)}), 400, "bad_body"),
        ("x" * (MAX_BYTES + 1), 413, "too_large"),
        ("x" * 10 * 1024 * 1024, 413, "too_large"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(send, raw, status, code, held, counted):
    answer = send(raw=raw)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (held(), counted()) == (0, {code: 1})


def test_a_deeply_nested_event_is_refused_alone(send, held):
    deep = {"x": 1}
    for _level in range(200):
        deep = {"x": deep}
    answer = send({"kind": "custom", "name": "n", "props": deep}, {"kind": "view"}).json()
    assert ([row["code"] for row in answer["rejected"]], held()) == (["props_invalid"], 1)


def test_a_crawler_is_counted_and_not_kept(send, held, counted):
    send({"kind": "view"}, headers={"user-agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"})
    assert (held(), counted()) == (0, {"bot": 1})


def test_no_cookie_is_read_or_set(as_owner, key):
    strict = Client(enforce_csrf_checks=True)
    body = json.dumps({"visitor": DEVICE, "events": [{"id": "1", "kind": "view"}]})
    answer = strict.post(
        f"/collect/v1/events?key={key.code}", body, content_type="text/plain", headers={"origin": ORIGIN}
    )
    assert (answer.status_code, answer.cookies) == (202, {})


def test_held_events_are_forgotten_after_a_month(send, held, brand):
    from connectors.tracking.tasks import forget_held_events

    send({"id": "old", "kind": "view"}, {"id": "new", "kind": "view"})
    with tenant_scope(brand):
        old = HeldEvent.objects.filter(source_id=f"{DEVICE}.old")
        old.update(received_at=timezone.now() - timedelta(days=31))
    forget_held_events()
    assert held() == 1
