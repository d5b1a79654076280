"""What goes with an item: neighbours of the kNN both ways, then the same subject."""

from recommendations.slates import similar
from tests.recommendations.conftest import Shop


def test_neighbours_before_and_after_the_item_are_added_up(shop: Shop) -> None:
    for name in "abcd":
        shop.item(name)
    shop.publish(shop.knn(("a", "b", 2), ("b", "a", 2), ("c", "a", 3), ("a", "d", 1)))
    slate = similar(shop.items["a"], 3)
    assert [(entry.item.external_id, entry.score) for entry in slate.items] == [("b", 4), ("c", 3), ("d", 1)]
    assert {entry.reason.code for entry in slate.items} == {"similar_to"}
    assert slate.items[0].reason.params == {"title": "《a》", "external_id": "a"}
    assert (slate.is_personal, slate.fallback) == (False, "")


def test_an_item_no_model_knows_is_matched_by_tags_and_category(shop: Shop) -> None:
    shop.item("one", tags=["tea"])
    shop.item("two", tags=["tea", "cups"])
    shop.item("category", category="drinks")
    shop.item("retired", tags=["tea", "cups"], category="drinks", state="retired")
    shop.item("none", tags=["wine"])
    shop.publish(shop.knn(("one", "none", 5)))
    shop.item("fresh", tags=["tea", "cups"], category="drinks")
    slate = similar(shop.items["fresh"], 5)
    assert [(entry.item.external_id, entry.score) for entry in slate.items] == [("two", 2), ("category", 1), ("one", 1)]
    assert {entry.reason.code for entry in slate.items} == {"similar_content"}


def test_without_tags_and_neighbours_nothing_is_similar(shop: Shop) -> None:
    shop.item("alone")
    shop.item("other")
    assert similar(shop.items["alone"]).items == ()
