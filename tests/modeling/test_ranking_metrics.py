"""Per-user AUC, the weighted WeChat metric and intervals over users."""

import numpy as np
import pytest

from modeling.metrics import roc_auc
from modeling.ranking_metrics import (
    UserQuality,
    auc_per_user,
    difference,
    interval_of,
    ranking_report,
    weights_of,
)


def test_auc_of_each_user_equals_the_plain_one_with_ties_as_halves() -> None:
    generator = np.random.default_rng(0)
    users, labels = generator.integers(0, 30, 2000), generator.integers(0, 2, 2000).astype(np.int8)
    scores = generator.integers(0, 6, 2000).astype(np.float32)
    expected = [roc_auc(labels[users == user], scores[users == user]) for user in range(30)]
    assert auc_per_user(users, users * 0, labels, scores) == pytest.approx(expected)


def test_users_with_one_class_and_unknown_labels_do_not_count() -> None:
    users = np.array([0, 0, 1, 1, 2, 2, 2])
    labels = np.array([1, 1, 0, 1, 0, 1, -1], np.int8)
    aucs = auc_per_user(users, users * 0, labels, np.array([1, 2, 1, 2, 3, 2, 9], np.float32))
    assert np.isnan(aucs[0])
    assert aucs[1:].tolist() == [1.0, 0.0]


def test_only_exposures_of_one_day_are_compared() -> None:
    users, days = np.zeros(5, np.int64), np.array([1, 1, 2, 2, 2])
    labels = np.array([1, 0, 0, 1, 0], np.int8)
    aucs = auc_per_user(users, days, labels, np.array([2, 1, 9, 8, 7], np.float32))
    assert aucs.tolist() == [pytest.approx(2 / 3)]


def test_the_weights_are_those_of_the_challenge_over_the_acts_present() -> None:
    assert weights_of(("read_comments", "like", "purchase")).tolist() == [4, 3, 0]
    assert weights_of(("purchase", "click")).tolist() == [1, 1]
    users = np.repeat(np.arange(2), 2)
    labels = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 1], [1, 1, 0]], np.int8)
    scores = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 1]], np.float32)
    quality = UserQuality.of(("read_comments", "like", "purchase"), users, users * 0, labels, scores)
    assert quality.uauc_K().tolist() == [1, 0, 0]
    assert quality.weighted().tolist() == [4 / 7]
    assert quality.num_users == 2


def random_quality(strength: float, seed: int = 1):
    generator = np.random.default_rng(seed)
    users, labels = np.repeat(np.arange(200), 10), generator.integers(0, 2, (2000, 2)).astype(np.int8)
    scores = (strength * labels + np.random.default_rng(9).normal(size=(2000, 2))).astype(np.float32)
    return UserQuality.of(("like", "share"), users, users * 0, labels, scores), labels, scores


def test_the_gain_has_an_interval_over_users() -> None:
    better, worse = random_quality(1.0)[0], random_quality(0.2)[0]
    gain = difference(better, worse)
    assert gain.delta == pytest.approx(better.weighted()[0] - worse.weighted()[0])
    assert 0 < gain.low < gain.delta < gain.high
    same = difference(worse, worse)
    assert (same.low, same.delta, same.high) == (0, 0, 0)
    low, high = interval_of(worse)
    assert low < worse.weighted()[0] < high


def test_the_report_holds_every_figure_of_every_act() -> None:
    quality, labels, scores = random_quality(1.0)
    probabilities = 1 / (1 + np.exp(-scores))
    report = ranking_report(quality, labels, probabilities.astype(np.float32))
    assert report["acts"]["like"]["uauc"] == pytest.approx(quality.uauc_K()[0])
    assert set(report["acts"]["share"]) == {
        "auc", "log_loss", "ece", "base_rate", "num_rows", "num_positive", "uauc", "num_users",
    }  # fmt: skip
    assert report["weighted_uauc_low"] < report["weighted_uauc"] < report["weighted_uauc_high"]


def test_an_act_nobody_can_be_measured_on_has_no_figure_and_does_not_count() -> None:
    users = np.arange(4)
    labels = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.int8)
    quality = UserQuality.of(("like", "share"), users, users * 0, labels, labels.astype(np.float32))
    assert np.isnan(quality.weighted()[0])
    assert ranking_report(quality, labels, labels.astype(np.float32) * 0.5)["weighted_uauc"] is None
