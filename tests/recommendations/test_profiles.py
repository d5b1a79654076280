"""A contact's profile: exact numbers at a frozen moment, each with where it comes from."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from audience.kinds import EventKind, Source
from audience.models import Engagement, Import
from modeling.models import Purpose
from recommendations.activity import stage_of
from recommendations.interests import Act, weigh
from recommendations.models import ContactScore
from recommendations.profiles import profile_of
from recommendations.rfm import score
from tests.recommendations.conftest import NOW, Shop


@pytest.fixture
def shelf(shop: Shop) -> Shop:
    shop.item("tea", kind="product", category="drinks", author="Lin", tags=["tea", "gift"])
    shop.item("talk", kind="video", category="culture", tags=["tea"], duration_seconds=200)
    shop.item("cups", kind="article", category="home", author="Lin", tags=["cups"])
    return shop


def weights(profile, facet: str) -> dict[str, float]:
    return {interest.name: round(interest.weight, 4) for interest in profile.interests[facet]}


def test_interests_are_shares_of_weighted_decayed_acts(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "tea", EventKind.PURCHASE, days_ago=30)  # 5 * 0.5 = 2.5
    shelf.act(contact, "talk", EventKind.PLAY, days_ago=0, dwell_seconds=100)  # 1.5 * 100/200 = 0.75
    shelf.act(contact, "cups", EventKind.SHARE, days_ago=60)  # 3 * 0.25 = 0.75
    profile = profile_of(contact, NOW)
    assert weights(profile, "tags") == {"tea": round(3.25 / 6.5, 4), "gift": round(2.5 / 6.5, 4), "cups": 0.1154}
    assert weights(profile, "kinds") == {"product": 0.625, "article": 0.1875, "video": 0.1875}
    assert weights(profile, "categories") == {"drinks": 0.625, "culture": 0.1875, "home": 0.1875}
    assert weights(profile, "authors") == {"Lin": 1.0}


@pytest.mark.parametrize(
    ("kind", "fields", "weight"),
    [
        (EventKind.PURCHASE, {}, 5.0),
        (EventKind.SHARE, {}, 3.0),
        (EventKind.COMMENT, {}, 2.5),
        (EventKind.LIKE, {}, 2.0),
        (EventKind.FAVOURITE, {}, 1.75),
        (EventKind.READ, {"dwell_seconds": 600.0}, 1.5),
        (EventKind.READ, {"dwell_seconds": 30.0}, 0.75),
        (EventKind.READ, {"dwell_seconds": 1.0}, 0.3),
        (EventKind.READ, {}, 0.75),
        (EventKind.PLAY, {"dwell_seconds": 30.0, "duration_seconds": 300}, 0.3),
        (EventKind.VIEW, {}, 0.3),
        (EventKind.RATE, {"value": 5.0}, 1.5),
        (EventKind.RATE, {"value": 2.0}, 0.0),
        (EventKind.RATE, {"value": 9.0}, 1.5),
    ],
)
def test_an_acts_weight_follows_its_kind_and_depth(kind: EventKind, fields: dict, weight: float) -> None:
    facts = {"dwell_seconds": None, "value": None, "duration_seconds": None} | fields
    act = Act(kind=kind, source=2, occurred_at=NOW, tags=[], category="", author="", item_kind="article", **facts)
    assert act.weight(NOW) == pytest.approx(weight)
    assert act.weight(NOW + timedelta(days=30)) == pytest.approx(weight / 2)


def test_an_interest_without_weight_is_left_out() -> None:
    assert weigh([], NOW) == {"tags": [], "categories": [], "authors": [], "kinds": []}


def test_every_number_says_whether_it_was_observed_or_uploaded(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "tea", EventKind.READ, source=Source.UPLOAD)
    shelf.act(contact, "tea", EventKind.LIKE, source=Source.API)
    shelf.act(contact, "talk", EventKind.LIKE, source=Source.WECHAT)
    shelf.act(contact, "cups", EventKind.READ, source=Source.UPLOAD)
    answer = profile_of(contact, NOW).to_dict()
    assert answer["activity"]["provenance"] == {"origin": "mixed", "num_observed": 2, "num_uploaded": 2}
    by_kind = {row["kind"]: row["provenance"]["origin"] for row in answer["activity"]["by_kind"]}
    assert by_kind == {"read": "uploaded", "like": "observed"}
    categories = {row["name"]: row["provenance"]["origin"] for row in answer["interests"]["categories"]}
    assert categories == {"drinks": "mixed", "culture": "observed", "home": "uploaded"}
    for part in ("stage", "rfm", "hours"):
        assert answer[part]["provenance"]["origin"] == "mixed"


def test_activity_counts_windows_and_leaves_the_brands_acts_out(shelf: Shop) -> None:
    contact = shelf.contact()
    for days_ago in (3, 20, 80, 200):
        shelf.act(contact, "tea", EventKind.READ, days_ago=days_ago)
    shelf.act(contact, "tea", EventKind.PURCHASE, days_ago=5, amount_fen=9900)
    shelf.act(contact, "tea", EventKind.IMPRESSION, days_ago=1)
    shelf.act(contact, None, EventKind.MESSAGE_OUT, days_ago=1)
    activity = profile_of(contact, NOW).activity
    assert [activity.num_acts(days) for days in (7, 30, 90, None)] == [2, 3, 4, 5]
    assert [(count.kind, count.num_all) for count in activity.by_kind] == [(EventKind.READ, 4), (EventKind.PURCHASE, 1)]
    assert (activity.first_at, activity.last_at) == (NOW - timedelta(days=200), NOW - timedelta(days=3))


def test_money_frequency_and_recency_are_scored_against_the_brand(shelf: Shop) -> None:
    contacts = [shelf.contact(f"c{place}") for place in range(5)]
    for place, contact in enumerate(contacts):
        for act in range(place + 1):
            shelf.act(contact, "tea", EventKind.READ, days_ago=50 - 10 * place + act / 100)
        shelf.act(contact, "tea", EventKind.PURCHASE, days_ago=100 - place, amount_fen=1000 * place)
    shelf.act(contacts[4], "tea", EventKind.REFUND, days_ago=90, amount_fen=500)
    best, worst = profile_of(contacts[4], NOW).rfm, profile_of(contacts[0], NOW).rfm
    assert (best.recency_days, best.num_acts_90d, best.money_fen_365d) == (10.0, 5, 3500)
    assert (best.recency_score, best.frequency_score, best.money_score) == (5, 5, 5)
    assert (worst.recency_score, worst.frequency_score, worst.money_score) == (1, 1, 1)
    assert (best.num_contacts, worst.recency_days) == (5, 50.0)


def test_a_score_counts_the_borders_below_the_value() -> None:
    assert [score(value, [1, 2, 2, 5]) for value in (0, 1, 2, 3, 6)] == [1, 1, 2, 4, 5]


def test_without_acts_in_a_year_nothing_is_scored(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "tea", days_ago=400)
    rfm = profile_of(contact, NOW).rfm
    assert (rfm.recency_days, rfm.recency_score, rfm.frequency_score, rfm.money_score) == (None, None, None, None)


def test_preferred_hours_are_in_the_brands_time_zone(shelf: Shop) -> None:
    contact = shelf.contact()
    for hour in (12, 13, 13, 14, 14):  # Tuesday 20:00 to 22:00 in Shanghai
        shelf.act(contact, "tea", at=datetime(2026, 11, 17, hour, 30, tzinfo=UTC))
    shelf.act(contact, "tea", at=datetime(2026, 11, 15, 17, 0, tzinfo=UTC))  # Monday 1:00
    hours = profile_of(contact, NOW).hours
    assert hours.counts[1][20:23] == [1, 2, 2]
    assert hours.counts[0][1] == 1
    assert hours.num_acts == 6
    assert hours.top == {"weekday": 1, "from_hour": 20, "to_hour": 23, "share": round(5 / 6, 4)}


@pytest.mark.parametrize(
    ("first_days_ago", "last_days_ago", "code"),
    [
        (13, 13, "new"),
        (15, 15, "active"),
        (200, 29, "active"),
        (200, 31, "at_risk"),
        (200, 89, "at_risk"),
        (200, 91, "lost"),
    ],
)
def test_the_stage_follows_its_thresholds(shelf: Shop, first_days_ago: int, last_days_ago: int, code: str) -> None:
    contact = shelf.contact()
    shelf.act(contact, "tea", days_ago=first_days_ago)
    shelf.act(contact, "tea", days_ago=last_days_ago)
    stage = profile_of(contact, NOW).stage
    assert stage.code == code
    assert stage.to_dict()["thresholds_days"] == {"new": 14, "active": 30, "at_risk": 90}


def test_who_never_acted_is_new_at_first_and_silent_then(shelf: Shop) -> None:
    contact = shelf.contact(followed_at=NOW - timedelta(days=10))
    activity = profile_of(contact, NOW).activity
    assert stage_of(contact, activity, NOW).code == "new"
    assert stage_of(contact, activity, NOW + timedelta(days=10)).code == "silent"


def test_a_predicted_score_names_its_version_and_band(shelf: Shop) -> None:
    contact = shelf.contact()
    version = shelf.publish(shelf.popularity())
    ContactScore.objects.create(
        contact=contact, purpose=Purpose.ENGAGEMENT, version=version, probability=0.42, percentile=91.0, scored_at=NOW
    )
    (predicted,) = profile_of(contact, NOW).to_dict()["scores"]
    assert (predicted["probability"], predicted["percentile"], predicted["band"]) == (0.42, 91.0, "high")
    assert predicted["provenance"] == {"origin": "modelled", "version": version.code, "number": version.number}


def test_an_uploaded_engagement_row_is_shown_as_uploaded(shelf: Shop) -> None:
    contact = shelf.contact()
    batch = Import.objects.create(filename="weixin_data.csv", file="f", size_bytes=1, sha256="0" * 64)
    Engagement.objects.create(contact=contact, batch=batch, likes=3, time_spent=120.5, label=True, extra={"visits": 7})
    uploaded = profile_of(contact, NOW).to_dict()["uploaded"]
    expected = {"likes": 3.0, "transfers": 0.0, "comments": 0.0, "time_spent": 120.5, "visits": 7}
    assert uploaded["numbers"] == expected
    assert (uploaded["label"], uploaded["filename"]) == (True, "weixin_data.csv")
    assert uploaded["provenance"]["origin"] == "uploaded"


def test_now_is_the_default_moment(shelf: Shop) -> None:
    contact = shelf.contact()
    shelf.act(contact, "tea", days_ago=3)
    with time_machine.travel(NOW, tick=False):
        profile = profile_of(contact)
    assert profile.as_of == NOW
    assert profile.activity.num_acts(7) == 1
