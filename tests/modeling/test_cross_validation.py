"""Folds: who is in which, what they say together, and the study that makes them."""

import numpy as np
import pytest

from accounts.models import Job
from modeling import studies
from modeling.cross_validation import fold_rows, grouped_folds, summarise
from modeling.engagement_datasets import PARTS
from modeling.errors import DatasetTooSmall
from modeling.splits import read_fold
from tests.modeling.behaviour import fill, fill_engagement
from tests.modeling.learning import make_dataset, make_engagement
from tests.modeling.test_studies import work


def test_a_contact_is_in_one_fold_and_both_outcomes_in_every_fold():
    groups = np.repeat(np.arange(40), 3)
    labels = (groups % 4 == 0).astype(np.int8)  # ten groups convert
    folds = grouped_folds(labels, groups, 5, seed=1)
    assert all(len(set(folds[groups == group])) == 1 for group in range(40))
    assert [int(labels[folds == fold].sum()) // 3 for fold in range(5)] == [2] * 5
    assert folds.tolist() == grouped_folds(labels, groups, 5, seed=1).tolist()
    assert folds.tolist() != grouped_folds(labels, groups, 5, seed=2).tolist()


def test_a_fold_without_one_outcome_is_refused_with_the_fix():
    labels = np.array([1, 1, 1] + [0] * 50, np.int8)
    with pytest.raises(DatasetTooSmall, match="take fewer folds"):
        grouped_folds(labels, np.arange(53), 4, seed=0)


def test_every_open_row_judges_once_and_no_test_row_takes_part(tmp_path):
    dataset = make_engagement(tmp_path / "table")
    folds = [fold_rows(dataset, fold, 4, seed=0) for fold in range(4)]
    is_judging = np.array([fold.parts_R == PARTS.index("test") for fold in folds])
    is_open = dataset.parts_R != PARTS.index("test")
    assert is_judging.sum(axis=0).tolist() == is_open.astype(int).tolist()
    for fold in folds:
        assert all(len(set(fold.part(name)[1])) == 2 for name in PARTS)


def test_later_folds_learn_from_more_and_nothing_of_the_test_stage_is_measured(tmp_path):
    dataset = make_dataset(tmp_path / "next", num_users=80)
    splits = [dataset.split(f"fold_{number}_of_3") for number in (1, 2, 3)]
    num_taught = [int((split.train_ends_U - dataset.offsets[:-1]).sum()) for split in splits]
    assert num_taught == sorted(num_taught)
    assert num_taught[0] > 0.35 * len(dataset.items_E)
    last = np.quantile(dataset.times_E, dataset.info.config.test_quantile, method="higher")
    for split in splits:
        events = split.test_targets_U[split.test_targets_U >= 0]
        assert len(events) > 5
        assert dataset.times_E[events].max() < last
        measured = split.valid_targets_U >= 0
        assert (split.valid_targets_U[measured] >= split.train_ends_U[measured]).all()


def test_names_of_folds():
    assert read_fold("fold_2_of_5") == (1, 5)
    assert [read_fold(name) for name in ("time", "fold_0_of_5", "fold_6_of_5", "fold_x_of_5")] == [None] * 4


def test_mean_and_standard_error_per_metric_and_model():
    folds = [{"a": {"auc": 0.7}}, {"a": {"auc": 0.8}, "b": {"auc": 0.5}}, {"a": {"auc": 0.9}}]
    found = summarise(folds)
    assert found["a"]["auc"] == pytest.approx({"mean": 0.8, "error": 0.1 / 3**0.5, "num_folds": 3})
    assert found["b"]["auc"] == {"mean": 0.5, "error": 0.0, "num_folds": 1}


@pytest.mark.parametrize(("purpose", "metric"), [("engagement", "auc"), ("next_item", "ndcg_at_10")])
def test_a_study_measures_every_model_on_every_fold(scope, hints, by, purpose, metric):
    fill_engagement(160) if purpose == "engagement" else fill(60, 20, 18)
    study = work(studies.start(studies.plan_cross_validation(purpose, "debug", num_folds=3), by))
    assert study.job.state == Job.State.SUCCEEDED, study.job.error_template
    trials = list(study.trials.all())
    assert [trial.settings for trial in trials] == [{"fold": 0}, {"fold": 1}, {"fold": 2}]
    kinds = set(trials[0].metrics)
    assert {"majority", "logistic"} < kinds if purpose == "engagement" else {"popularity", "item_knn"} < kinds
    for kind in kinds:
        values = [trial.metrics[kind][metric] for trial in trials]
        found = study.result["summary"][kind][metric]
        assert (found["mean"], found["num_folds"]) == (pytest.approx(np.mean(values)), 3)
        assert found["error"] == pytest.approx(np.std(values, ddof=1) / 3**0.5)
