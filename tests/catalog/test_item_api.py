"""Items over the REST API."""

import pytest

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from catalog.models import Item

URL = "/api/v1/items/"
TEA = {"external_id": "p1", "kind": "product", "title": "明前龙井", "price_fen": 12800, "tags": ["茶", "茶", " 春 "]}


def post(api, body, url=URL):
    return api.post(url, body, content_type="application/json")


def test_a_new_item_is_201_and_a_known_one_is_updated_with_200(api, brand):
    assert post(api, TEA).status_code == 201
    assert post(api, TEA | {"price_fen": 9900}).status_code == 200
    with tenant_scope(brand):
        item = Item.objects.get()
        assert (item.price_fen, item.tags, item.state) == (9900, ["茶", "春"], "active")


def test_fields_left_out_keep_their_value(api, brand):
    post(api, TEA)
    answer = api.patch(f"{URL}p1/", {"state": "retired"}, content_type="application/json")
    assert (answer.status_code, answer.json()["state"], answer.json()["price_fen"]) == (200, "retired", 12800)


def test_a_batch_counts_new_and_changed(api, brand):
    post(api, TEA)
    rows = [TEA, TEA | {"external_id": "p2"}]
    assert post(api, {"items": rows}, f"{URL}batch/").json() == {"created": 1, "updated": 1}


def test_every_write_leaves_one_audit_line_with_the_key(api, brand):
    post(api, TEA)
    with tenant_scope(brand):
        line = AuditEntry.objects.get(object_type="items")
        assert line.actor.startswith("API key ")
        assert line.details == {"created": 1, "updated": 0}


def test_lists_filter_by_kind_and_state(api, brand):
    post(api, {"items": [TEA, TEA | {"external_id": "a1", "kind": "article"}]}, f"{URL}batch/")
    assert [row["external_id"] for row in api.get(f"{URL}?kind=article").json()["results"]] == ["a1"]
    assert api.get(f"{URL}?state=retired").json()["results"] == []


@pytest.mark.parametrize(
    "wrong", [{"kind": "car"}, {"price_fen": -1}, {"title": ""}, {"url": "javascript:alert(1)"}, {"picture": "http://"}]
)
def test_a_wrong_value_is_refused_and_nothing_is_written(api, brand, wrong):
    answer = post(api, TEA | wrong)
    assert answer.status_code == 400
    with tenant_scope(brand):
        assert Item.objects.count() == 0


def test_nobody_chooses_the_tenant(api, brand, other_brand):
    post(api, TEA | {"tenant": other_brand.pk, "tenant_id": other_brand.pk})
    with tenant_scope(other_brand):
        assert Item.objects.count() == 0
