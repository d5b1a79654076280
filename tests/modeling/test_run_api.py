"""Training over the REST API: start, watch, take the finished result, promote, roll back; then profile and slate."""

import pytest

START = {"purpose": "next_item", "preset": "quick", "changes": {}}


def post(api, path, body=None):
    return api.post(f"/api/v1/{path}", body or {}, content_type="application/json")


@pytest.fixture
def behaviour(api, brand):
    """110 contacts who read articles in a fixed order, so that there is something to learn."""
    items = [{"external_id": f"a{n}", "title": f"第{n}篇", "kind": "article", "category": "茶"} for n in range(20)]
    assert post(api, "items/batch/", {"items": items}).status_code == 200
    for contact in range(110):
        start = contact % 10
        rows = [
            {"id": f"{contact}-{n}", "contact": f"u{contact}", "kind": "read", "item": f"a{start + n}",
             "occurred_at": f"2026-10-{1 + n:02}T{contact % 24:02}:00:00Z", "dwell_seconds": 60}
            for n in range(10)
        ]  # fmt: skip
        assert post(api, "events/", {"events": rows}).json()["accepted"] == 10


def test_too_little_data_is_refused_with_what_is_missing(api, brand):
    answer = post(api, "runs/", START)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_enough_data")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_run_by_api_ends_in_recommendations(api, brand, behaviour, work):
    started = post(api, "runs/", START)
    assert started.status_code == 202
    code = started.json()["code"]
    work()
    run = api.get(f"/api/v1/runs/{code}/").json()
    assert run["job"]["state"] == "succeeded", run["job"]
    assert api.get(f"/api/v1/runs/{code}/points/").json()
    assert post(api, "runs/", START).status_code == 200
    versions = api.get("/api/v1/versions/").json()["results"]
    assert [version["stage"] for version in versions].count("live") == 1
    assert len(api.get("/api/v1/datasets/").json()["results"]) == 1

    slate = api.get("/api/v1/contacts/u1/recommendations/?num_items=5").json()
    assert (len(slate["items"]), slate["is_personal"]) == (5, True)
    assert slate["model"]["version"] in {version["code"] for version in versions}
    assert all(item["reason"]["text"] for item in slate["items"])
    retired = slate["items"][0]["external_id"]
    api.patch(f"/api/v1/items/{retired}/", {"state": "retired"}, content_type="application/json")
    again = api.get("/api/v1/contacts/u1/recommendations/?num_items=5").json()
    assert retired not in {item["external_id"] for item in again["items"]}

    profile = api.get("/api/v1/contacts/u1/profile/").json()["profile"]
    assert "provenance" in str(profile)


def test_recommendations_for_an_unknown_contact_are_404_and_for_anyone_open(api, behaviour):
    assert api.get("/api/v1/contacts/nobody/recommendations/").status_code == 404
    slate = api.get("/api/v1/recommendations/?num_items=3").json()
    assert (len(slate["items"]), slate["is_personal"]) == (3, False)


@pytest.mark.parametrize("query", ["num_items=0", "num_items=51", "num_items=x", "kinds=car"])
def test_a_wrong_parameter_is_refused(api, brand, query):
    assert api.get(f"/api/v1/recommendations/?{query}").status_code == 400


def test_a_version_that_does_not_exist_is_404(api, brand):
    assert post(api, "versions/abc/promote/").status_code == 404


def test_rolling_back_without_an_earlier_version_is_a_conflict(api, brand):
    assert post(api, "versions/roll_back/", {"purpose": "next_item"}).status_code == 409
