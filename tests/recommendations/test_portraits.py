"""Contacts of whom no act on an item is known: profile words, habits of the engagement table, people alike."""

import pytest

from audience.kinds import EventKind
from audience.models import Contact, Engagement, Import
from recommendations import portraits
from recommendations.slates import recommend
from tests.recommendations.conftest import NOW, Shop


@pytest.fixture
def shelf(shop: Shop, monkeypatch) -> Shop:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    for name in "abcdef":
        shop.item(name)
    shop.item("skin", tags=["护肤", "教程"], category="美妆")
    shop.item("makeup", category="美妆")
    shop.publish(shop.popularity(a=9, b=8, c=7))
    return shop


def engage(contact: Contact, **numbers: float) -> None:
    batch = Import.objects.create(filename="weixin_data.csv", file="f", size_bytes=1, sha256=contact.code)
    Engagement.objects.create(contact=contact, batch=batch, **numbers)


def told(slate) -> list[tuple[str, str, str]]:
    return [(entry.item.external_id, entry.source, entry.reason.code) for entry in slate.items]


def test_tags_and_own_fields_of_the_profile_lead(shelf: Shop) -> None:
    contact = shelf.contact(tags=["护肤"], attributes={"interest": "美妆、旅行", "points": 3})
    slate = recommend(contact, 5, now=NOW)
    assert told(slate) == [
        ("skin", "profile", "profile"), ("makeup", "profile", "profile"), ("a", "popularity", "popular"),
        ("b", "popularity", "popular"), ("c", "popularity", "popular"),
    ]  # fmt: skip
    assert [entry.reason.params for entry in slate.items[:2]] == [{"word": "护肤"}, {"word": "美妆"}]
    assert (slate.is_personal, slate.fallback) == (True, "profile_only")


def test_what_others_share_is_for_somebody_who_shares_a_lot(shelf: Shop) -> None:
    for number in range(4):
        shelf.act(shelf.contact(f"s{number}"), "e", EventKind.SHARE)
        shelf.act(shelf.contact(f"r{number}"), "f", EventKind.READ)
    quiet, sharer = shelf.contact("quiet"), shelf.contact("sharer")
    engage(quiet, likes=4, transfers=0)
    engage(sharer, likes=4, transfers=6)
    slate = recommend(sharer, 3, now=NOW)
    assert told(slate)[0] == ("e", "transfers", "habit")
    assert slate.items[0].reason.params == {"num_people": 4, "habit": "transfers"}
    assert [source for _item, source, _code in told(recommend(quiet, 3, now=NOW))] == ["popularity"] * 3


def test_people_of_the_same_gender_and_age_come_next(shelf: Shop) -> None:
    for number in range(3):
        shelf.act(shelf.contact(f"w{number}", gender="female", age_band="25_34"), "d")
        shelf.act(shelf.contact(f"m{number}", gender="male", age_band="25_34"), "e")
    slate = recommend(shelf.contact("her", gender="female", age_band="25_34"), 3, now=NOW)
    assert told(slate)[0] == ("d", "peers", "peers")
    assert slate.items[0].reason.params == {"num_people": 3}


def test_two_people_are_no_crowd(shelf: Shop) -> None:
    for number in range(portraits.MIN_PEOPLE - 1):
        shelf.act(shelf.contact(f"w{number}", gender="female"), "d")
    assert told(recommend(shelf.contact("her", gender="female"), 1, now=NOW))[0][1] == "popularity"


def test_the_profile_is_not_used_against_the_persons_wish(shelf: Shop) -> None:
    contact = shelf.contact(tags=["护肤"], is_personalisation_off=True)
    slate = recommend(contact, 3, now=NOW)
    assert [source for _item, source, _code in told(slate)] == ["popularity"] * 3
    assert (slate.is_personal, slate.fallback) == (False, "personalisation_off")


def test_once_an_act_is_known_the_model_leads(shelf: Shop) -> None:
    shelf.publish(shelf.knn(("a", "b", 3)))
    contact = shelf.contact(tags=["护肤"])
    shelf.act(contact, "a")
    assert told(recommend(contact, 1, now=NOW)) == [("b", "item_knn", "because_of")]
