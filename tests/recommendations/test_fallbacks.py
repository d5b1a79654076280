"""Everybody gets an answer: new contacts, unknown visitors, brands without a model, damaged files, the off switch."""

import logging
from datetime import timedelta

import pytest
from django.conf import settings

from audience.kinds import EventKind
from recommendations import serving, trends
from recommendations.slates import recommend
from tests.recommendations.conftest import NOW, Shop


def shown(slate) -> list[tuple[str, str]]:
    return [(entry.item.external_id, entry.source) for entry in slate.items]


def reason_codes(slate) -> list[str]:
    return [entry.reason.code for entry in slate.items]


@pytest.fixture
def shelf(shop: Shop) -> Shop:
    for name in "abcde":
        shop.item(name)
    return shop


def test_a_new_contact_gets_popular_items_and_every_third_is_new(shelf: Shop) -> None:
    for number in range(3):
        shelf.item(f"new{number}", published_at=NOW - timedelta(days=2))
    shelf.publish(shelf.knn(("a", "b", 3)))
    popular = shelf.publish(shelf.popularity(a=5, b=4, c=3, d=2), is_live=False)
    slate = recommend(shelf.contact(), 6, now=NOW)
    assert [entry for entry in shown(slate) if entry[1] == "popularity"] == [
        ("a", "popularity"), ("b", "popularity"), ("c", "popularity"), ("d", "popularity"),
    ]  # fmt: skip
    assert [source for _name, source in shown(slate)] == [
        "popularity", "popularity", "newest", "popularity", "popularity", "newest",
    ]  # fmt: skip
    assert reason_codes(slate) == ["popular", "popular", "new", "popular", "popular", "new"]
    assert (slate.is_personal, slate.version, slate.fallback) == (False, popular, "new_contact")


def test_new_contacts_explore_different_new_items(shelf: Shop) -> None:
    for number in range(30):
        shelf.item(f"new{number}", published_at=NOW - timedelta(days=2))
    shelf.publish(shelf.popularity(a=5, b=4), is_live=True)
    explored = set()
    for number in range(12):
        contact = shelf.contact(f"c{number}")
        first = shown(recommend(contact, 3, now=NOW))
        assert first == shown(recommend(contact, 3, now=NOW))
        explored.add(first[2][0])
    assert len(explored) >= 6


def test_personalisation_off_gives_everybody_the_same_list_and_says_so(shelf: Shop) -> None:
    shelf.publish(shelf.popularity(a=5, b=4, c=3), is_live=False)
    shelf.publish(shelf.knn(("a", "e", 3)))
    private, other = (
        shelf.contact("private", is_personalisation_off=True),
        shelf.contact("o", is_personalisation_off=True),
    )
    shelf.act(private, "a", EventKind.PURCHASE)
    slate = recommend(private, 3, now=NOW)
    assert (slate.is_personal, slate.fallback) == (False, "personalisation_off")
    assert shown(slate) == shown(recommend(other, 3, now=NOW)) == shown(recommend(None, 3, now=NOW))
    assert "because_of" not in reason_codes(slate)


def test_an_unknown_visitor_gets_the_popular_list(shelf: Shop) -> None:
    shelf.publish(shelf.popularity(b=5, a=4))
    slate = recommend(None, 2, now=NOW)
    assert shown(slate) == [("b", "popularity"), ("a", "popularity")]
    assert (slate.is_personal, slate.fallback) == (False, "anonymous")


def test_without_any_model_the_acts_of_the_last_weeks_are_counted(shelf: Shop) -> None:
    for number in range(4):
        contact = shelf.contact(f"c{number}")
        shelf.act(contact, "c")
        shelf.act(contact, "d", days_ago=20)
    shelf.act(contact, "e", days_ago=60)
    slate = recommend(shelf.contact("me"), 2, now=NOW)
    assert shown(slate) == [("c", "counts"), ("d", "counts")]
    assert (slate.version, slate.fallback) == (None, "no_model")
    assert [entry.reason.params for entry in slate.items] == [{"num_people": 4}, {}]
    assert reason_codes(slate) == ["popular_week", "popular"]


def test_counts_weigh_acts_by_kind_and_age(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "a", EventKind.READ, days_ago=7)
    shelf.act(contact, "b", EventKind.PURCHASE, days_ago=14)
    shelf.act(contact, "b", EventKind.IMPRESSION, days_ago=1)
    trend = trends.refresh(NOW)
    ids = {name: item.pk for name, item in shelf.items.items()}
    assert trend.heat == pytest.approx({ids["b"]: 3 * 0.25, ids["a"]: 1 * 0.5})
    assert trend.people_week == {}


def test_old_counts_are_used_once_more_and_counted_anew_by_the_beat(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "a")
    assert list(trends.current(NOW).heat) == [shelf.items["a"].pk]
    shelf.act(contact, "b")
    assert trends.refresh_wanted(NOW) == 0
    later = NOW + timedelta(minutes=6)
    assert list(trends.current(later).heat) == [shelf.items["a"].pk]
    assert trends.refresh_wanted(later) == 1
    assert set(trends.current(later).heat) == {shelf.items["a"].pk, shelf.items["b"].pk}


def test_without_model_and_acts_the_newest_items_come_first(shelf: Shop) -> None:
    shelf.item("latest", published_at=NOW - timedelta(days=100))
    slate = recommend(shelf.contact(), 2, now=NOW)
    assert shown(slate) == [("latest", "newest"), ("e", "newest")]
    assert reason_codes(slate) == ["latest", "latest"]


def test_a_short_personal_list_is_filled_up_by_the_chain(shelf: Shop) -> None:
    shelf.publish(shelf.popularity(a=9, b=8, c=7), is_live=False)
    live = shelf.publish(shelf.knn(("a", "e", 3)))
    contact = shelf.contact()
    shelf.act(contact, "a")
    slate = recommend(contact, 4, now=NOW)
    assert shown(slate) == [("e", "item_knn"), ("b", "popularity"), ("c", "popularity"), ("d", "newest")]
    assert (slate.version, slate.is_personal, slate.fallback) == (live, True, "")


def test_a_known_contact_of_whom_the_live_model_knows_nothing_falls_back(shelf: Shop) -> None:
    shelf.publish(shelf.knn(("a", "e", 3)))
    shelf.item("after training")
    contact = shelf.contact()
    shelf.act(contact, "after training")
    slate = recommend(contact, 2, now=NOW)
    assert (slate.is_personal, slate.fallback) == (False, "new_contact")


@pytest.mark.parametrize("damage", ["missing", "garbled", "json"])
def test_a_damaged_live_model_falls_back_to_the_knn_and_is_reported(shelf: Shop, damage: str, caplog) -> None:
    knn = shelf.publish(shelf.knn(("a", "b", 3)), is_live=False)
    live = shelf.publish(shelf.popularity(e=9))
    directory = settings.MODEL_DIR / live.directory
    if damage == "missing":
        (directory / "weights.safetensors").unlink()
    elif damage == "garbled":
        (directory / "weights.safetensors").write_bytes(b"\0" * 400)
    else:
        (directory / "model.json").write_text("{")
    contact = shelf.contact()
    shelf.act(contact, "a")
    with caplog.at_level(logging.ERROR, "recommendations.serving"):
        slate = recommend(contact, 1, now=NOW)
    assert shown(slate) == [("b", "item_knn")]
    assert (slate.version, slate.fallback) == (knn, "model_broken")
    assert [(record.msg, record.version) for record in caplog.records] == [("model_broken", live.code)]


def test_a_repaired_model_serves_again(shelf: Shop, monkeypatch) -> None:
    live = shelf.publish(shelf.knn(("a", "b", 3)))
    weights = settings.MODEL_DIR / live.directory / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(b"broken")
    contact = shelf.contact()
    shelf.act(contact, "a")
    monkeypatch.setattr(serving, "RETRY_BROKEN_SECONDS", 0.0)
    assert recommend(contact, 1, now=NOW).fallback == "model_broken"
    weights.write_bytes(content)
    assert recommend(contact, 1, now=NOW).fallback == ""
