"""What a contact is recommended: the live model's order, minus what must not be shown, with a true reason each."""

from datetime import timedelta

import numpy as np
import pytest
from django.http import Http404
from django.utils import timezone, translation

from accounts.models import Tenant
from accounts.tenancy import NoTenantScope, tenant_scope
from audience.kinds import EventKind
from catalog import items as catalog_items
from common.errors import BadInput
from recommendations.slates import recommend, recommend_to
from tests.recommendations.conftest import NOW, Shop


def names(slate) -> list[str]:
    return [shown.item.external_id for shown in slate.items]


def reasons(slate) -> dict[str, str]:
    return {shown.item.external_id: shown.reason.code for shown in slate.items}


@pytest.fixture
def shelf(shop: Shop) -> Shop:
    """Five articles; after a come b (strongly), c and d."""
    for name in "abcde":
        shop.item(name)
    return shop


def test_the_live_model_decides_the_order_and_names_itself(shelf: Shop) -> None:
    version = shelf.publish(shelf.knn(("a", "b", 3), ("a", "c", 2), ("a", "d", 1)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    slate = recommend(contact, 3, now=NOW)
    assert names(slate) == ["b", "c", "d"]
    assert [shown.score for shown in slate.items] == [3, 2, 1]
    assert [shown.source for shown in slate.items] == ["item_knn"] * 3
    assert (slate.version, slate.is_personal, slate.fallback) == (version, True, "")


def test_an_event_written_now_changes_the_next_answer(shelf: Shop) -> None:
    shelf.publish(shelf.knn(("a", "b", 3), ("d", "e", 9)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    assert names(recommend(contact, 1, now=NOW)) == ["b"]
    shelf.act(contact, "d", days_ago=0)
    assert names(recommend(contact, 2, now=NOW)) == ["e", "b"]


@pytest.mark.parametrize(
    "kind", [EventKind.PURCHASE, EventKind.ENROL, EventKind.LESSON_COMPLETE, EventKind.COURSE_COMPLETE]
)
def test_what_was_bought_or_finished_long_ago_is_never_shown(shelf: Shop, kind: EventKind) -> None:
    shelf.publish(shelf.knn(("a", "b", 3), ("a", "c", 2)))
    contact = shelf.contact()
    for days_ago in range(1, 30):
        shelf.act(contact, "a", days_ago=days_ago)
    shelf.act(contact, "b", kind, days_ago=1500)
    assert "b" not in names(recommend(contact, 10, now=NOW))


def test_items_met_lately_and_inactive_ones_are_not_shown(shelf: Shop, by) -> None:
    shelf.publish(shelf.knn(("a", "b", 3), ("a", "c", 2), ("a", "d", 1), ("b", "a", 9)))
    contact = shelf.contact()
    shelf.act(contact, "a", days_ago=2)
    shelf.act(contact, "b", EventKind.VIEW)
    assert names(recommend(contact, 2, now=NOW)) == ["c", "d"]
    catalog_items.set_state(shelf.items["c"], "retired", by)
    assert names(recommend(contact, 1, now=NOW)) == ["d"]


def test_items_to_be_published_later_are_not_shown(shelf: Shop) -> None:
    shelf.item("later", published_at=NOW + timedelta(days=3650))
    shelf.publish(shelf.knn(("a", "later", 9), ("a", "b", 1)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    assert names(recommend(contact, 1, now=NOW)) == ["b"]
    assert "later" not in names(recommend(contact, 10, now=NOW))


def test_only_the_asked_kinds_are_shown(shelf: Shop) -> None:
    shelf.item("v", kind="video")
    shelf.item("p", kind="product")
    shelf.publish(shelf.knn(("a", "b", 3), ("a", "v", 2), ("a", "p", 1)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    assert names(recommend(contact, 10, kinds=["video", "product"], now=NOW)) == ["v", "p"]


def test_the_reason_names_the_act_with_the_largest_contribution(shelf: Shop) -> None:
    shelf.publish(shelf.knn(("a", "c", 1), ("b", "c", 9), ("a", "d", 5)))
    contact = shelf.contact()
    shelf.act(contact, "b", EventKind.LIKE, days_ago=2)
    shelf.act(contact, "a", EventKind.PURCHASE, days_ago=1)
    first, second = recommend(contact, 2, now=NOW).items
    assert (first.item.external_id, first.score) == ("c", 9 * 0.5 + 1)
    assert first.reason.params == {"title": "《b》", "external_id": "b", "act": "like"}
    assert second.reason.params == {"title": "《a》", "external_id": "a", "act": "purchase"}
    with translation.override("en"):
        assert first.reason.text == "Because you liked “《b》”"


def test_a_category_takes_at_most_four_of_ten_places_while_others_have_something(shop: Shop) -> None:
    shop.item("a")
    for number in range(8):
        shop.item(f"tea{number}", category="tea")
    for number in range(6):
        shop.item(f"other{number}", category=f"category {number}")
    teas = [("a", f"tea{number}", 100.0 - number) for number in range(8)]
    shop.publish(shop.knn(*teas, *(("a", f"other{number}", 50.0 - number) for number in range(6))))
    contact = shop.contact()
    shop.act(contact, "a")
    shown = names(recommend(contact, 10, now=NOW))
    assert shown == ["tea0", "tea1", "tea2", "tea3", *(f"other{number}" for number in range(6))]
    assert names(recommend(contact, 14, now=NOW))[-3:] == ["tea5", "tea6", "tea7"]


def test_a_new_item_close_to_the_interests_gets_the_last_place(shelf: Shop) -> None:
    shelf.item("liked", tags=["tea", "cups"])
    shelf.publish(
        shelf.knn(("liked", "a", 4), ("liked", "b", 3), ("liked", "c", 2), ("liked", "d", 1), ("liked", "e", 1))
    )
    shelf.item("far", tags=["wine"], published_at=NOW - timedelta(days=1))
    shelf.item("close", tags=["tea"], published_at=NOW - timedelta(days=1))
    contact = shelf.contact()
    shelf.act(contact, "liked")
    slate = recommend(contact, 5, now=NOW)
    assert names(slate) == ["a", "b", "c", "d", "close"]
    assert reasons(slate)["close"] == "new_for_you"


def test_the_brands_own_id_of_a_contact_is_enough(shelf: Shop, other_brand: Tenant) -> None:
    shelf.publish(shelf.knn(("a", "b", 3)))
    contact = shelf.contact("openid/42")
    shelf.act(contact, "a", at=timezone.now())
    private = shelf.contact("private", is_personalisation_off=True)
    assert recommend_to("openid/42", 1) == recommend(contact, 1)
    assert recommend_to(private.external_id, 1).fallback == "personalisation_off"
    with pytest.raises(Http404):
        recommend_to("nobody")
    with tenant_scope(other_brand), pytest.raises(Http404):
        recommend_to("openid/42")


def test_impossible_wishes_are_refused(shelf: Shop) -> None:
    for num_items in (0, 51):
        with pytest.raises(BadInput):
            recommend(None, num_items)
    with pytest.raises(BadInput, match="podcast"):
        recommend(None, kinds=["podcast"])


def test_an_empty_brand_gets_an_empty_slate(shop: Shop) -> None:
    slate = recommend(shop.contact(), now=NOW)
    assert (slate.items, slate.version, slate.fallback) == ((), None, "no_model")


@pytest.mark.usefixtures("db")
def test_nothing_is_answered_outside_a_tenant_scope() -> None:
    with pytest.raises(NoTenantScope):
        recommend(None)


def test_the_json_holds_everything_an_app_shows(shelf: Shop) -> None:
    version = shelf.publish(shelf.knn(("a", "b", 3)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    with translation.override("en"):
        answer = recommend(contact, 1, now=NOW).to_dict()
    assert answer == {
        "items": [
            {
                "rank": 1, "external_id": "b", "kind": "article", "title": "《b》", "url": "",
                "picture": "/static/catalog/article.svg", "category": "", "price_fen": None, "score": 3.0,
                "source": "item_knn",
                "reason": {
                    "code": "because_of", "text": "Because you read “《a》”",
                    "params": {"title": "《a》", "external_id": "a", "act": "read"},
                },
            }
        ],
        "is_personal": True,
        "model": {"version": version.code, "number": 1, "kind": "item_knn"},
        "ordered_by": None,
        "fallback": None,
    }  # fmt: skip


def test_the_order_of_ties_is_stable_and_deep_lists_are_exact() -> None:
    from recommendations.rankings import find_best

    generator = np.random.default_rng(0)
    for num_items, k in ((1, 5), (100, 7), (20_000, 50), (100_003, 60)):
        scores = generator.integers(0, 500, num_items).astype(np.float32)
        expected = np.lexsort((np.arange(num_items), -scores))[:k]
        assert find_best(scores, k).tolist() == expected.tolist()
