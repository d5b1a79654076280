"""A live ranker puts retrieved items in the order of what the contact would do with them, and says why."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from accounts import keys
from accounts.models import Job
from audience.kinds import EventKind
from modeling.artifacts import write_artifact
from modeling.models import Dataset, ModelVersion, TrainingRun
from modeling.rankers import Ranker, Reference
from modeling.ranking_dwell import DwellBuckets
from modeling.ranking_features import Counted, log_odds
from modeling.ranking_items import Vocabulary
from modeling.ranking_models import RatesModel
from recommendations import ranking_scores, serving, slates
from tests.recommendations.conftest import NOW

ACTS = ("like", "purchase")


def publish_rates(shop, **acted: tuple[int, int]) -> ModelVersion:
    """A live ranker by rates: of 1,000 showings of each item so many likes and purchases."""
    known = sorted(shop.items.values(), key=lambda item: item.pk)
    num = len(known)
    acts_RK = np.array([(0, 0), *(acted.get(item.external_id, (10, 0)) for item in known)], np.int32)
    shown_RK = np.where(np.arange(num + 1)[:, None] > 0, 1000, 0).repeat(2, axis=1).astype(np.int32)
    nothing = Counted(np.zeros((1, 2), np.int32), np.zeros((1, 2), np.int32))
    reference = Reference(
        acts=ACTS,
        vocabulary=Vocabulary(("article",), (), ()),
        keys_N=np.array([item.pk for item in known], np.int64),
        utc_offset_seconds=28_800,
        has_impressions=False,
        groups={"item": Counted(shown_RK, acts_RK), "author": nothing, "category": nothing},
        brand=Counted(shown_RK.sum(axis=0, keepdims=True), acts_RK.sum(axis=0, keepdims=True)),
    )
    buckets = DwellBuckets(np.array([-1], np.int32), np.array([np.inf], np.float32), np.zeros((1, 101), np.float32))
    ranker = Ranker("act_rates", reference, RatesModel(ACTS, log_odds(acts_RK.sum(axis=0) / 1000 / num)), (), buckets)
    write_artifact(Path(settings.MODEL_DIR) / "ranker", ranker.to_artifact())
    job = Job.objects.create(task="modeling.train", queue="training")
    dataset = Dataset.objects.create(purpose="ranking", content_hash="r", directory="d")
    run = TrainingRun.objects.create(purpose="ranking", dataset=dataset, config_hash="r", job=job)
    return ModelVersion.objects.create(
        number=1, purpose="ranking", kind="act_rates", run=run, dataset=dataset, directory="ranker", digest="",
        stage="live",
    )  # fmt: skip


@pytest.fixture
def reader(shop):
    """A contact with one act, after which the kNN finds a, b and c in this order."""
    for name in ("seen", "a", "b", "c"):
        shop.item(name)
    contact = shop.contact()
    shop.act(contact, "seen", days_ago=3)
    shop.publish(shop.knn(("seen", "a", 3.0), ("seen", "b", 2.0), ("seen", "c", 1.0)))
    return contact


def names(slate):
    return [entry.item.external_id for entry in slate.items]


def test_without_a_ranker_retrieval_has_the_last_word(shop, reader):
    slate = slates.recommend(reader, 3, now=NOW)
    assert names(slate) == ["a", "b", "c"]
    assert (slate.ordered_by, [entry.expected for entry in slate.items]) == (None, [None] * 3)


def test_a_live_ranker_orders_by_worth_times_probability(shop, reader):
    version = publish_rates(shop, a=(200, 0), b=(10, 100), c=(400, 0))
    slate = slates.recommend(reader, 3, now=NOW)
    assert names(slate) == ["b", "c", "a"]
    assert slate.ordered_by.pk == version.pk
    assert slate.version.kind == "item_knn"
    first = slate.items[0].expected
    assert first.value == pytest.approx(first.acts["like"] + 10 * first.acts["purchase"], rel=1e-5)
    assert [act for act, _p, _adds in first.parts] == ["purchase", "like"]


def test_todays_acts_wait_until_tomorrow(shop, reader):
    publish_rates(shop, a=(200, 0))
    items = [shop.items["a"]]
    before = ranking_scores.score_exposures(reader, items, NOW)
    for _ in range(5):
        shop.act(reader, "b", EventKind.LIKE, at=NOW - timedelta(hours=1))
    assert ranking_scores.score_exposures(reader, items, NOW) == before
    tomorrow = ranking_scores.score_exposures(reader, items, NOW + timedelta(days=1))
    assert tomorrow[0].acts["like"] > before[0].acts["like"]


def test_nobody_without_personalisation_is_judged(shop, reader):
    publish_rates(shop, c=(400, 0))
    reader.is_personalisation_off = True
    reader.save()
    assert slates.recommend(reader, 3, now=NOW).ordered_by is None
    assert ranking_scores.score_exposures(reader, [shop.items["a"]]) == []


def test_items_the_ranker_never_saw_are_judged_as_unknown(shop, reader):
    publish_rates(shop, a=(200, 0))
    shop.item("fresh")
    found = ranking_scores.score_exposures(reader, [shop.items["fresh"], shop.items["a"]], NOW)
    assert 0 < found[0].value < found[1].value


def test_a_damaged_ranker_leaves_the_order_of_retrieval(shop, reader):
    publish_rates(shop, c=(400, 0))
    (Path(settings.MODEL_DIR) / "ranker" / "weights.safetensors").write_bytes(b"x")
    serving.clear()
    assert names(slates.recommend(reader, 3, now=NOW)) == ["a", "b", "c"]


def test_the_api_explains_when_asked(shop, reader, client, brand, by):
    publish_rates(shop, c=(400, 0))
    _key, secret = keys.create(brand, "app", ["recommendations:read"], by)
    shop.act(reader, "seen", at=timezone.now() - timedelta(days=2))
    address = f"/api/v1/contacts/{reader.external_id}/recommendations/"
    plain = client.get(address, {"num_items": 3}, headers={"Authorization": f"Bearer {secret}"}).json()
    told = client.get(
        address, {"num_items": 3, "explain": "true"}, headers={"Authorization": f"Bearer {secret}"}
    ).json()
    assert "expected" not in plain["items"][0]
    assert plain["ordered_by"]["kind"] == "act_rates"
    first = told["items"][0]
    assert first["external_id"] == "c"
    assert set(first["expected"]["acts"]) == {"like", "purchase"}
    assert first["expected"]["stay"] is None


def test_staff_see_why_an_item_has_its_rank(shop, reader, as_owner):
    publish_rates(shop, c=(400, 0))
    as_owner.cookies["django_language"] = "en"
    page = as_owner.get(f"/b/brand/recommendations/?contact={reader.code}").content.decode()
    assert "why this rank" in page
    assert "In the order of what this person would do with each item" in page
