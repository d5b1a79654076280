"""Metrics against hand-computed values."""

import numpy as np
import pytest

from modeling.evaluation import find_top_items
from modeling.metrics import (
    bootstrap_mean_difference,
    classification_intervals,
    classification_metrics,
    expected_calibration_error,
    ndcg_per_user,
    rank_metrics,
    rank_targets,
    roc_auc,
)


def test_rank_counts_higher_scores_and_half_of_ties() -> None:
    scores = np.array([[5, 4, 3, 2], [1, 1, 1, 1], [0, 2, 1, 2], [np.nan, 1, 2, 3]], np.float32)
    assert rank_targets(scores, np.array([2, 0, 2, 0], np.int32)).tolist() == [3.0, 2.5, 3.0, 4.0]


def test_constant_scores_gain_nothing() -> None:
    ranks = rank_targets(np.zeros((7, 101), np.float32), np.arange(7, dtype=np.int32))
    assert ranks.tolist() == [51.0] * 7
    assert rank_metrics(ranks)["hr_at_10"] == 0.0


def test_ranking_metrics_of_known_ranks() -> None:
    ranks = np.array([1.0, 3.0, 11.0, 60.0])
    metrics = rank_metrics(ranks)
    assert metrics["hr_at_10"] == 0.5
    assert metrics["hr_at_50"] == 0.75
    assert metrics["ndcg_at_10"] == pytest.approx((1 + 0.5) / 4)
    assert metrics["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 11 + 1 / 60) / 4)
    assert ndcg_per_user(ranks, 10).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_top_items_come_best_first() -> None:
    assert find_top_items(np.array([[1, 9, 3, 7]], np.float32), 3).tolist() == [[1, 3, 2]]
    assert find_top_items(np.array([[1, 2]], np.float32), 10).tolist() == [[1, 0]]


def test_auc_is_tie_correct() -> None:
    labels = np.array([0, 0, 1, 1])
    assert roc_auc(labels, np.array([0.1, 0.4, 0.35, 0.8])) == 0.75
    assert roc_auc(labels, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert roc_auc(labels, np.array([0.1, 0.5, 0.5, 0.9])) == 0.875
    assert np.isnan(roc_auc(np.zeros(3), np.arange(3)))


def test_classification_metrics_of_a_known_table() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    probabilities = np.array([0.9, 0.8, 0.2, 0.6, 0.1, 0.1, 0.1, 0.1])
    metrics = classification_metrics(labels, probabilities)
    assert metrics["accuracy"] == 0.75
    assert metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall"] == pytest.approx(2 / 3)
    assert metrics["f1"] == pytest.approx(2 / 3)
    expected = -np.mean([np.log(0.9), np.log(0.8), np.log(0.2), np.log(0.4), *[np.log(0.9)] * 4])
    assert metrics["log_loss"] == pytest.approx(expected)


def test_nothing_predicted_positive_gives_zero_not_an_error() -> None:
    metrics = classification_metrics(np.array([1, 0]), np.array([0.1, 0.2]))
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)


def test_calibration_error_is_the_gap_of_equal_bins() -> None:
    assert expected_calibration_error(np.array([0, 1, 0, 1]), np.array([0.5, 0.5, 0.5, 0.5])) == 0.0
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.2, 0.2, 0.7, 0.7])
    assert expected_calibration_error(labels, probabilities, 2) == pytest.approx(0.25)
    assert expected_calibration_error(labels, probabilities, 2, equal_mass=False) == pytest.approx(0.25)
    assert np.isnan(expected_calibration_error(np.array([]), np.array([])))


def test_equal_answers_are_never_split_among_bins() -> None:
    labels = np.repeat([0, 1], 500)
    assert expected_calibration_error(labels, np.full(1000, 0.5)) == 0.0


def test_intervals_hold_the_values_and_have_the_normal_width() -> None:
    generator = np.random.default_rng(2)
    truth = generator.random(4000)
    labels = (generator.random(4000) < truth).astype(int)
    metrics, intervals = classification_metrics(labels, truth), classification_intervals(labels, truth)
    assert set(intervals) == set(metrics)
    assert all(intervals[name][0] < metrics[name] < intervals[name][1] for name in metrics if name != "ece")
    assert metrics["auc"] == pytest.approx(roc_auc(labels, truth))
    width = intervals["accuracy"][1] - intervals["accuracy"][0]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 4000), rel=0.2)


def test_bootstrap_interval_holds_the_mean_and_has_the_normal_width() -> None:
    generator = np.random.default_rng(1)
    better, worse = generator.normal(0.1, 1, 4000), np.zeros(4000)
    interval = bootstrap_mean_difference(better, worse)
    assert interval.low < interval.delta < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / np.sqrt(4000), rel=0.08)
