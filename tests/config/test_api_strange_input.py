"""Input that breaks naive servers is refused with a 4xx in the one error shape; nothing of it is kept."""

import base64

import pytest

from accounts.tenancy import tenant_scope
from audience.models import Event

JSON = {"content_type": "application/json"}


@pytest.mark.parametrize(
    "path",
    [
        "items/a%00b/",
        "contacts/a%00/profile/",
        "items/?category=%00",
        "contacts/?tag=a%00b",
        "imports/%00/",
        "runs/%00/",
    ],
)
def test_nul_in_an_address_is_404(api, brand, path):
    answer = api.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_cursor_of_nobody_is_404(api, brand):
    cursor = base64.b64encode(b"p=abc").decode()
    assert api.get(f"/api/v1/items/?cursor={cursor}").status_code == 404


def test_a_number_of_a_thousand_digits_is_refused(api, brand):
    assert api.get(f"/api/v1/recommendations/?num_items={'9' * 5000}").status_code == 400


@pytest.mark.parametrize("attributes", ['{"a": "\\u0000"}', '{"a": "\\ud800"}'])
@pytest.mark.parametrize("where", ["items", "contacts"])
def test_text_that_cannot_be_stored_is_refused(api, brand, where, attributes):
    title = {"items": "title", "contacts": "name"}[where]
    body = f'{{"external_id": "a", "{title}": "t", "attributes": {attributes}}}'
    answer = api.post(f"/api/v1/{where}/", body, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_body_nested_too_deep_is_refused(api, brand):
    answer = api.post("/api/v1/items/", "[" * 100_000, **JSON)
    assert answer.status_code == 400


def test_a_body_over_the_limit_is_413(api, brand, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = api.post("/api/v1/events/", {"events": [{"text": "x" * 2000}]}, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_upload_over_the_limit_is_413_before_it_is_read(as_owner, brand, settings):
    settings.UPLOAD_MAX_BYTES = -(1024**2)
    assert as_owner.post("/b/brand/data/upload/", {}).status_code == 413


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", '"\\ud800"'), ("contact", '"\\udfff"'), ("text", '"\\ud800"'), ("value", "1" + "0" * 400),
     ("value", "1e999"), ("amount_fen", "1" + "0" * 400), ("occurred_at", "5"), ("kind", "[]")],
)  # fmt: skip
def test_one_strange_event_row_does_not_sink_the_others(api, brand, field, value):
    good = '{"id": "e1", "contact": "c1", "kind": "follow"}'
    strange = f'{{"id": "e2", "contact": "c2", "kind": "follow", "{field}": {value}}}'
    answer = api.post("/api/v1/events/", f'{{"events": [{strange}, {good}]}}', **JSON)
    assert answer.status_code == 202
    assert (answer.json()["accepted"], [row["index"] for row in answer.json()["rejected"]]) == (1, [0])
    with tenant_scope(brand):
        assert Event.objects.count() == 1
