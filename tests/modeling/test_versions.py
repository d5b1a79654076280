"""Promotion, roll-back, retirement: one version is live, gate and files have the last word, each change is told."""

import numpy as np
import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import jobs
from accounts.actors import Actor
from accounts.models import AuditEntry
from common.errors import Conflict
from modeling import versions
from modeling.artifacts import Artifact, write_artifact
from modeling.errors import FileCorrupt
from modeling.models import Dataset, ModelVersion, TrainingRun
from modeling.versions import GateRefused

GAIN = {"promote": True, "deep_kind": "transformer", "simple_kind": "popularity"}
NO_GAIN = GAIN | {"promote": False}
SYSTEM = Actor.system("training")


@pytest.fixture
def dataset(scope):
    return Dataset.objects.create(purpose="next_item", content_hash="d" * 64, directory="x")


@pytest.fixture
def make(scope, dataset, tmp_path, hints):
    """`make({"popularity": 0.1}, verdict)` registers the models of a finished run with these validation qualities."""

    def make(qualities, verdict=None, data=dataset):
        run = TrainingRun.objects.create(
            purpose="next_item", dataset=data, config_hash="c" * 64, job=jobs.start("modeling.train", "training")
        )
        fitted = []
        for kind, quality in qualities.items():
            keys = np.arange(3, dtype=np.int64)
            arrays = {"item_keys_N": keys, "popularity_N": np.ones(3, np.float32)}
            write_artifact(tmp_path / run.code / kind, Artifact(kind, {"half_life_days": 7.0}, arrays))
            metrics = {"valid": {"ndcg_at_10": quality}, "test": {"ndcg_at_10": quality}}
            fitted.append(versions.keep_files(tmp_path / run.code / kind, metrics, kind))
        return versions.register(run, fitted, verdict or {})

    return make


def stages():
    return dict(ModelVersion.objects.order_by("number").values_list("number", "stage"))


def trail():
    return list(AuditEntry.objects.filter(object_type="model_version").order_by("pk").values_list("verb", "actor"))


def test_numbers_run_on_from_run_to_run(make):
    make({"popularity": 0.1, "item_knn": 0.2})
    assert [version.number for version in make({"popularity": 0.1})] == [3]


def test_a_promoted_version_takes_the_place_of_the_live_one(make, by):
    first, second = make({"popularity": 0.1, "item_knn": 0.2})
    versions.promote(first, by)
    versions.promote(second, by)
    assert stages() == {1: "retired", 2: "live"}
    assert versions.live("next_item") == second
    assert trail() == [("promote", "owner@brand.test")] * 2


def test_the_live_version_cannot_be_promoted_again(make, by):
    (version,) = make({"popularity": 0.1})
    versions.promote(version, by)
    with pytest.raises(Conflict):
        versions.promote(version, by)
    assert len(trail()) == 1


def test_a_deep_version_needs_a_shown_gain(make, by):
    refused, simple = make({"transformer": 0.9, "popularity": 0.1}, NO_GAIN)
    allowed = make({"transformer": 0.9}, GAIN)[0]
    with pytest.raises(GateRefused):
        versions.promote(refused, by)
    assert versions.promote(allowed, by).stage == "live"
    assert versions.promote(simple, by).stage == "live"


def test_a_gain_of_one_deep_kind_is_none_of_the_other(make, by):
    blend = make({"transformer_knn": 0.9}, GAIN)[0]
    with pytest.raises(GateRefused):
        versions.promote(blend, by)
    assert versions.live("next_item") is None


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_changed_files_do_not_go_live(make, by, name):
    (version,) = make({"popularity": 0.1})
    path = versions.path_of(version) / name
    path.write_bytes(path.read_bytes().replace(b"7.0", b"9.0") if name == "model.json" else b"x" * 8)
    with pytest.raises(FileCorrupt):
        versions.promote(version, by)
    assert (stages(), trail()) == ({1: "candidate"}, [])


def test_roll_back_returns_to_what_served_before_and_not_to_what_was_rolled_back(make, by):
    one, two, three, four = make({"popularity": 0.1, "item_knn": 0.2, "majority": 0.3, "logistic": 0.4})
    for version in (one, two, three):
        versions.promote(version, by)
    assert versions.roll_back("next_item", by) == two
    versions.promote(four, by)
    assert versions.roll_back("next_item", by) == two
    assert versions.roll_back("next_item", by) == one
    with pytest.raises(Conflict):
        versions.roll_back("next_item", by)
    assert stages() == {1: "live", 2: "retired", 3: "retired", 4: "retired"}
    assert [verb for verb, _actor in trail()].count("roll_back") == 3


def test_roll_back_to_damaged_files_changes_nothing(make, by):
    one, two = make({"popularity": 0.1, "item_knn": 0.2})
    versions.promote(one, by)
    versions.promote(two, by)
    (versions.path_of(one) / "weights.safetensors").unlink()
    (versions.path_of(one) / "model.json").unlink()
    with pytest.raises(FileCorrupt):
        versions.roll_back("next_item", by)
    assert versions.live("next_item") == two


def test_only_a_candidate_can_be_retired(make, by):
    one, two = make({"popularity": 0.1, "item_knn": 0.2})
    versions.promote(one, by)
    with pytest.raises(Conflict):
        versions.retire(one, by)
    assert versions.retire(two, by).stage == "retired"
    with pytest.raises(Conflict):
        versions.retire(two, by)


def test_the_database_refuses_a_second_live_version(make, by):
    one, two = make({"popularity": 0.1, "item_knn": 0.2})
    versions.promote(one, by)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=two.pk).update(stage="live")


def test_the_first_simple_model_goes_live_by_itself(make):
    (version,) = make({"popularity": 0.1})
    assert versions.serve(version, SYSTEM) == "first"
    assert versions.live("next_item") == version
    assert trail() == [("promote", "system: training")]


def test_a_deep_model_with_a_gain_goes_live_and_no_simple_one_pushes_it_out(make):
    (simple,) = make({"popularity": 0.1})
    versions.serve(simple, SYSTEM)
    (deep,) = make({"transformer": 0.2}, GAIN)
    assert versions.serve(deep, SYSTEM) == "replaced"
    (later,) = make({"popularity": 0.3})
    assert versions.serve(later, SYSTEM) == "deep_stays"
    assert versions.live("next_item") == deep


def test_on_the_same_data_the_better_one_stays(make, scope):
    (good,) = make({"item_knn": 0.3})
    versions.serve(good, SYSTEM)
    (worse,) = make({"popularity": 0.2})
    assert versions.serve(worse, SYSTEM) == "better_stays"
    other = Dataset.objects.create(purpose="next_item", content_hash="e" * 64, directory="y")
    (newer,) = make({"popularity": 0.2}, data=other)
    assert versions.serve(newer, SYSTEM) == "replaced"


def test_files_lie_in_a_directory_of_their_own_below_the_brand(make, scope):
    (version,) = make({"popularity": 0.1})
    assert version.directory == f"{scope.pk}/versions/{version.code}"
    assert versions.path_of(version).is_relative_to(settings.MODEL_DIR)
    assert sorted(path.name for path in versions.path_of(version).iterdir()) == ["model.json", "weights.safetensors"]
