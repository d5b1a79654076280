"""POST /api/v1/events/: 202 after commit, a reason per refused row, nothing twice."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tenancy import tenant_scope
from audience.models import Contact, Event
from catalog.models import Item

URL = "/api/v1/events/"


@pytest.fixture
def item(brand):
    with tenant_scope(brand):
        return Item.objects.create(external_id="a1", title="一杯好茶")


def post(api, *rows, **headers):
    return api.post(URL, json.dumps({"events": rows}), content_type="application/json", headers=headers)


def count(brand):
    with tenant_scope(brand):
        return Event.objects.count()


def test_accepted_rows_are_recorded_and_unknown_contacts_created(api, brand, item):
    answer = post(api, {"id": "e1", "contact": "c1", "item": "a1", "kind": "read", "dwell_seconds": 30})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    with tenant_scope(brand):
        event = Event.objects.select_related("contact", "item").get()
        assert (event.contact.external_id, event.item, event.dwell_seconds) == ("c1", item, 30.0)


def test_each_refused_row_has_its_reason_and_the_rest_is_recorded(api, brand, item):
    good = {"id": "e1", "contact": "c1", "kind": "follow"}
    answer = post(
        api,
        {**good, "id": ""},
        {**good, "contact": None},
        {**good, "kind": "dance"},
        {**good, "item": "nope"},
        {**good, "occurred_at": "yesterday"},
        {**good, "occurred_at": "2999-01-01T00:00:00Z"},
        {**good, "dwell_seconds": -1},
        {**good, "amount_fen": 1.5},
        {**good, "text": "a\x00b"},
        "not an object",
        good,
    ).json()
    assert [(row["index"], row["code"]) for row in answer["rejected"]] == [
        (0, "id_missing"), (1, "contact_missing"), (2, "unknown_kind"), (3, "unknown_item"), (4, "time_invalid"),
        (5, "time_impossible"), (6, "dwell_seconds_invalid"), (7, "amount_fen_invalid"), (8, "text_invalid"),
        (9, "not_an_object"),
    ]  # fmt: skip
    assert (answer["accepted"], count(brand)) == (1, 1)


def test_a_refused_row_creates_no_contact(api, brand):
    post(api, {"id": "e1", "contact": "ghost", "kind": "read", "item": "nope"})
    with tenant_scope(brand):
        assert Contact.objects.count() == 0


def test_a_repeated_event_id_is_a_duplicate(api, brand):
    post(api, {"id": "e1", "contact": "c1", "kind": "follow"})
    assert post(api, {"id": "e1", "contact": "c1", "kind": "follow"}).json()["duplicates"] == 1
    assert count(brand) == 1


def test_a_repeated_idempotency_key_gets_the_first_answer(api, brand):
    rows = [{"contact": "c1", "kind": "follow"}, {"contact": "c2", "kind": "dance"}]
    first = post(api, *rows, **{"Idempotency-Key": "batch-1"})
    again = post(api, *rows, **{"Idempotency-Key": "batch-1"})
    assert (again.status_code, again.json(), again.headers["Idempotent-Replay"]) == (202, first.json(), "true")
    assert count(brand) == 1


def test_an_idempotency_key_with_another_body_is_refused(api, brand):
    post(api, {"contact": "c1", "kind": "follow"}, **{"Idempotency-Key": "batch-1"})
    answer = post(api, {"contact": "c2", "kind": "follow"}, **{"Idempotency-Key": "batch-1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert count(brand) == 1


@pytest.mark.parametrize("body", [[], {}, {"events": []}, {"events": "x"}, {"events": [{}] * 1001}])
def test_a_body_that_is_no_batch_is_refused(api, brand, body):
    answer = api.post(URL, json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_key_without_the_scope_is_refused(client, brand, by):
    from accounts import keys

    with tenant_scope(brand):
        token = keys.create(brand, "reader", ["items:read"], by)[1]
    answer = client.post(
        URL, '{"events": []}', content_type="application/json", headers={"authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_answers_are_forgotten_after_a_week(api, brand):
    from audience.models import IdempotencyRecord
    from audience.tasks import forget_old_answers

    post(api, {"contact": "c1", "kind": "follow"}, **{"Idempotency-Key": "old"})
    post(api, {"contact": "c1", "kind": "follow"}, **{"Idempotency-Key": "new"})
    with tenant_scope(brand):
        old = IdempotencyRecord.objects.filter(key="old")
        old.update(created_at=timezone.now() - timedelta(days=8))
    forget_old_answers()
    with tenant_scope(brand):
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["new"]
