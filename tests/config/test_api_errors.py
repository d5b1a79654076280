"""One error shape for every failure of the REST API, in the caller's language."""

import pytest
from django.urls import reverse

from accounts.tenancy import tenant_scope
from catalog.models import Item


def test_without_a_key_the_answer_is_401(client, db):
    answer = client.get("/api/v1/items/")
    assert (answer.status_code, answer.json()["code"], answer["WWW-Authenticate"]) == (
        401,
        "not_authenticated",
        "Bearer",
    )


def test_with_a_wrong_key_the_answer_is_401(client, db):
    answer = client.get("/api/v1/items/", headers={"authorization": "Bearer fw_deadbeef_x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_a_signed_in_session_opens_no_api(as_owner):
    assert as_owner.get("/api/v1/items/").status_code == 401


def test_field_errors_are_listed(api, brand):
    answer = api.post("/api/v1/items/", {"external_id": "a", "price_fen": -1}, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert set(answer.json()["fields"]) == {"title", "price_fen"}


def test_a_missing_object_is_404_in_the_readers_language(api, brand):
    answer = api.get("/api/v1/items/none/", headers={"accept-language": "en"})
    assert answer.json() == {"code": "not_found", "detail": "There is no such object in this brand."}


def test_an_unknown_call_is_404_in_the_same_shape(api, brand):
    answer = api.get("/api/v1/nothing/", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_too_many_calls_are_429_with_retry_after(api, brand, settings):
    settings.API_RATE_PER_MINUTE = 2
    codes = [api.get("/api/v1/items/").status_code for _call in range(3)]
    assert codes == [200, 200, 429]
    refused = api.get("/api/v1/items/", headers={"accept-language": "en"})
    assert int(refused["Retry-After"]) > 0
    assert refused.json()["detail"] == (f"Too many calls with this key. Try again in {refused['Retry-After']} seconds.")


@pytest.mark.parametrize(
    ("language", "detail"), [("en", "The body is not valid JSON: see line 2, column 1."), ("zh", None)]
)
def test_broken_json_is_explained_with_its_place(api, brand, language, detail):
    answer = api.post("/api/v1/items/", "{\n", content_type="application/json", headers={"accept-language": language})
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    assert answer.json()["detail"] == detail or (language == "zh" and "JSON parse error" not in answer.json()["detail"])


@pytest.mark.parametrize(("language", "word"), [("en", "Authentication credentials"), ("zh-CN", "身份认证信息未提供")])
def test_words_of_the_framework_come_in_the_callers_language(client, db, language, word):
    assert word in client.get("/api/v1/items/", headers={"accept-language": language}).json()["detail"]


def test_a_failed_batch_leaves_nothing(api, brand):
    rows = [{"external_id": "ok", "title": "好", "kind": "article"}, {"external_id": "bad", "title": "坏", "kind": "x"}]
    assert api.post("/api/v1/items/batch/", {"items": rows}, content_type="application/json").status_code == 400
    with tenant_scope(brand):
        assert Item.objects.count() == 0


def test_lists_page_by_cursor(api, brand):
    rows = [{"external_id": f"i{n}", "title": f"第{n}篇", "kind": "article"} for n in range(5)]
    assert api.post("/api/v1/items/batch/", {"items": rows}, content_type="application/json").json()["created"] == 5
    first = api.get("/api/v1/items/?page_size=3").json()
    second = api.get(first["next"]).json()
    seen = [row["external_id"] for row in first["results"] + second["results"]]
    assert (seen, second["next"]) == (["i4", "i3", "i2", "i1", "i0"], None)


@pytest.mark.parametrize("name", ["api_docs", "api_schema"])
def test_the_documentation_is_open(client, db, name):
    assert client.get(reverse(name)).status_code == 200
