"""What a process holds in memory: always the live version, always the present catalogue, never too many brands."""

import pytest

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from audience.kinds import EventKind
from catalog import items as catalog_items
from catalog.models import Item
from modeling.models import ModelVersion
from recommendations import item_tables, serving
from recommendations.slates import recommend
from tests.recommendations.conftest import NOW, Shop


def test_promotion_and_roll_back_count_from_the_next_request(shop: Shop, by) -> None:
    from modeling import versions

    for name in "abc":
        shop.item(name)
    contact = shop.contact()
    shop.act(contact, "a")
    first = shop.publish(shop.knn(("a", "b", 3)))
    second = shop.publish(shop.knn(("a", "c", 3)), is_live=False)
    assert recommend(contact, 1, now=NOW).version == first
    ModelVersion.objects.filter(pk=first.pk).update(stage="retired")
    ModelVersion.objects.filter(pk=second.pk).update(stage="live")
    answer = recommend(contact, 1, now=NOW)
    assert (answer.version, answer.items[0].item.external_id) == (second, "c")
    ModelVersion.objects.filter(pk=second.pk).update(stage="retired")
    ModelVersion.objects.filter(pk=first.pk).update(stage="live")
    assert recommend(contact, 1, now=NOW).version == first
    assert versions.live("next_item") == first


def test_another_version_can_be_asked_without_being_live(shop: Shop) -> None:
    for name in "abc":
        shop.item(name)
    contact = shop.contact()
    shop.act(contact, "a")
    live = shop.publish(shop.knn(("a", "b", 3)))
    candidate = shop.publish(shop.knn(("a", "c", 3)), is_live=False)
    assert recommend(contact, 1, now=NOW, version=candidate).items[0].item.external_id == "c"
    assert recommend(contact, 1, now=NOW).version == live


def test_a_model_is_opened_once_and_an_edited_catalogue_is_read_again(shop: Shop, by, monkeypatch) -> None:
    for name in "abc":
        shop.item(name)
    shop.publish(shop.knn(("a", "b", 3), ("a", "c", 2)))
    contact = shop.contact()
    shop.act(contact, "a")
    loads = []
    monkeypatch.setattr(
        serving, "load_recommender", lambda path, load=serving.load_recommender: loads.append(1) or load(path)
    )
    for _request in range(3):
        assert recommend(contact, 1, now=NOW).items[0].item.external_id == "b"
    table = serving.enter().table
    assert serving.enter().table is table
    catalog_items.set_state(shop.items["b"], "draft", by)
    assert recommend(contact, 1, now=NOW).items[0].item.external_id == "c"
    assert serving.enter().table is not table
    assert len(loads) == 1


def test_edited_through_upsert_counts_too(shop: Shop, by) -> None:
    shop.item("a")
    serving.enter()
    catalog_items.upsert([{"external_id": "a", "state": "retired"}], by)
    assert recommend(None, now=NOW).items == ()


@pytest.mark.django_db
def test_the_brands_used_longest_ago_leave_memory(brand: Tenant, other_brand: Tenant, owner, settings) -> None:
    from accounts import tenants

    settings.MODEL_CACHE_TENANTS = 2
    third = tenants.create("第三家", "retail", owner, slug="third")
    for tenant in (brand, other_brand, brand, third):
        with tenant_scope(tenant):
            serving.enter()
    assert list(serving._shelves) == [brand.pk, third.pk]


def test_few_models_per_brand_stay_open(shop: Shop) -> None:
    shop.item("a")
    versions = [shop.publish(shop.popularity(a=number)) for number in range(6)]
    opened = [serving.open_model(version) for version in versions]
    for version, model in list(zip(versions, opened, strict=True))[2:]:
        assert serving.open_model(version) is model
    assert serving.open_model(versions[0]) is not opened[0]


@pytest.mark.django_db
def test_a_foreign_brands_items_and_acts_are_invisible(scope: Tenant, other_brand: Tenant) -> None:
    shop = Shop()
    for name in "ab":
        shop.item(name)
    shop.publish(shop.knn(("a", "b", 3)))
    contact = shop.contact()
    shop.act(contact, "a")
    with tenant_scope(other_brand):
        slate = recommend(contact, now=NOW)
        assert (slate.items, slate.version) == ((), None)
        assert not Item.objects.exists()


def test_acts_older_than_any_before_count_after_a_minute(shop: Shop, monkeypatch) -> None:
    for name in "abc":
        shop.item(name)
    shop.publish(shop.knn(("a", "b", 3), ("a", "c", 2)))
    contact = shop.contact()
    shop.act(contact, "a")
    assert recommend(contact, 1, now=NOW).items[0].item.external_id == "b"
    shop.act(contact, "b", EventKind.PURCHASE, days_ago=700)
    monkeypatch.setattr(item_tables, "MAX_AGE_SECONDS", 0.0)
    assert recommend(contact, 1, now=NOW).items[0].item.external_id == "c"
