"""Ids that no address can hold are addressed by a parameter; mistyped fields are refused by name."""

from urllib.parse import urlencode

import pytest

from accounts.tenancy import tenant_scope
from catalog.models import Item

JSON = {"content_type": "application/json"}
STRANGE = ["2026/spring", "a//b", "/", ".", "..", "a?b#c", "100%", "-", "a b+c", "批次/1"]


@pytest.mark.parametrize("external_id", STRANGE)
def test_an_item_is_written_read_changed_and_compared_under_any_id(api, brand, external_id):
    at = f"?{urlencode({'external_id': external_id})}"
    assert api.post("/api/v1/items/", {"external_id": external_id, "title": "t"}, **JSON).status_code == 201
    assert api.get(f"/api/v1/items/-/{at}").json()["external_id"] == external_id
    assert api.patch(f"/api/v1/items/-/{at}", {"title": "new"}, **JSON).json()["title"] == "new"
    assert api.get(f"/api/v1/items/-/similar/{at}").status_code == 200
    with tenant_scope(brand):
        assert Item.objects.get().external_id == external_id


@pytest.mark.parametrize("external_id", STRANGE)
@pytest.mark.parametrize("call", ["", "events/", "profile/", "recommendations/"])
def test_a_contact_is_addressed_under_any_id(api, brand, external_id, call):
    assert api.post("/api/v1/contacts/", {"external_id": external_id}, **JSON).status_code == 201
    answer = api.get(f"/api/v1/contacts/-/{call}?{urlencode({'external_id': external_id})}")
    assert answer.status_code == 200


def test_an_unknown_id_in_the_parameter_is_404(api, brand):
    assert api.get("/api/v1/items/-/?external_id=none").status_code == 404
    assert api.get("/api/v1/items/-/").status_code == 404


@pytest.mark.parametrize("where", ["items", "contacts"])
def test_a_mistyped_field_is_refused_and_nothing_written(api, brand, where):
    body = {"external_id": "a", "title" if where == "items" else "name": "t", "tagz": ["x"]}
    answer = api.post(f"/api/v1/{where}/", body, headers={"accept-language": "en"}, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["fields"] == {"tagz": ["There is no such field. Did you mean tags?"]}
    assert api.get(f"/api/v1/{where}/").json()["results"] == []
    assert api.post(f"/api/v1/{where}/batch/", {where: [body]}, **JSON).status_code == 400
    assert api.post(f"/api/v1/{where}/batch/", {where: [], "more": 1}, **JSON).json()["fields"].keys() == {"more"}


@pytest.mark.parametrize("where", ["items", "contacts"])
def test_what_was_read_can_be_sent_back(api, brand, where):
    api.post(f"/api/v1/{where}/", {"external_id": "a", "title" if where == "items" else "name": "t"}, **JSON)
    read = api.get(f"/api/v1/{where}/a/").json()
    assert api.patch(f"/api/v1/{where}/a/", read, **JSON).status_code == 200


def test_a_mistyped_field_of_an_event_refuses_that_row(api, brand):
    rows = [{"id": "1", "contact": "u", "kind": "follow"}, {"id": "2", "contact": "u", "kind": "follow", "dwell": 3}]
    answer = api.post("/api/v1/events/", {"events": rows}, **JSON).json()
    assert (answer["accepted"], [(row["index"], row["code"]) for row in answer["rejected"]]) == (
        1,
        [(1, "unknown_field")],
    )
    assert api.post("/api/v1/events/", {"events": rows, "event": 1}, **JSON).status_code == 400


@pytest.mark.parametrize(
    ("word", "gender"),
    [("男", "male"), ("女", "female"), ("未知", ""), ("F", "female"), (" Woman ", "female"), ("", "")],
)
def test_genders_are_understood_in_the_words_of_files(api, brand, word, gender):
    assert api.post("/api/v1/contacts/", {"external_id": "u", "gender": word}, **JSON).json()["gender"] == gender


def test_another_gender_word_is_refused(api, brand):
    answer = api.post("/api/v1/contacts/", {"external_id": "u", "gender": "x"}, **JSON)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"gender"})
