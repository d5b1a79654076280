"""How good a ranking or a classifier is. Pure NumPy.

Shapes: B users, N items, R rows. Ranks start at 1; items tied with the target count half, so constant scores get the
middle rank and no model gains from ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray, Int32Array

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean difference and its 95 % interval."""

    delta: float
    low: float
    high: float


def rank_targets(scores_BN: FloatArray, targets_B: Int32Array) -> Float64Array:
    """Rank of each row's target: 1 + number of higher scores + half the number of ties. NaN scores rank last."""
    target_scores_B = scores_BN[np.arange(len(targets_B)), targets_B][:, None]
    higher_B = (scores_BN > target_scores_B).sum(axis=1)
    ties_B = (scores_BN == target_scores_B).sum(axis=1) - 1
    ranks_B = 1.0 + higher_B + ties_B / 2
    return np.where(np.isnan(target_scores_B[:, 0]), float(scores_BN.shape[1]), ranks_B)


def hit_per_user(ranks_B: Float64Array, k: int) -> Float64Array:
    """1 where the target is among the first k."""
    return (ranks_B <= k).astype(np.float64)


def ndcg_per_user(ranks_B: Float64Array, k: int) -> Float64Array:
    """NDCG@k with one relevant item: 1 / log2(rank + 1) if rank <= k, else 0 (Jarvelin and Kekalainen 2002)."""
    return np.where(ranks_B <= k, 1.0 / np.log2(ranks_B + 1.0), 0.0)


def reciprocal_rank_per_user(ranks_B: Float64Array) -> Float64Array:
    """1 / rank over the whole catalogue."""
    return np.asarray(1.0 / ranks_B, np.float64)


def rank_metrics(ranks_B: Float64Array) -> dict[str, float]:
    """HR@10/50, NDCG@10 and MRR as means over users."""
    return {
        "hr_at_10": float(hit_per_user(ranks_B, 10).mean()),
        "hr_at_50": float(hit_per_user(ranks_B, 50).mean()),
        "ndcg_at_10": float(ndcg_per_user(ranks_B, 10).mean()),
        "mrr": float(reciprocal_rank_per_user(ranks_B).mean()),
    }


def bootstrap_mean_difference(
    better_B: Float64Array, worse_B: Float64Array, num_samples: int = 2000, seed: int = 0
) -> Interval:
    """95 % percentile interval of mean(better - worse), resampling the paired units (Efron 1979)."""
    differences_B = better_B - worse_B
    generator = np.random.default_rng(seed)
    num_units = len(differences_B)
    means = np.empty(num_samples)
    for start in range(0, num_samples, 100):
        picks = generator.integers(0, num_units, size=(min(100, num_samples - start), num_units))
        means[start : start + 100] = differences_B[picks].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(differences_B.mean()), float(low), float(high))


def roc_auc(labels_R: NDArray[Any], scores_R: NDArray[Any]) -> float:
    """Area under the ROC curve by the Mann-Whitney statistic with mid-ranks; NaN when one class is missing."""
    num_positive = int((labels_R == 1).sum())
    num_negative = len(labels_R) - num_positive
    if num_positive == 0 or num_negative == 0:
        return float("nan")
    _, inverse_R, counts = np.unique(scores_R, return_inverse=True, return_counts=True)
    middle_ranks = np.cumsum(counts) - (counts - 1) / 2
    positive_rank_sum = middle_ranks[inverse_R][labels_R == 1].sum()
    return float((positive_rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative))


def log_loss_per_row(labels_R: NDArray[Any], probabilities_R: NDArray[Any]) -> Float64Array:
    """Negative log-likelihood in nats; probabilities are kept 1e-7 away from 0 and 1."""
    safe_R = np.clip(probabilities_R.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-np.where(labels_R == 1, np.log(safe_R), np.log1p(-safe_R)))


def calibration_error(labels_R: NDArray[Any], probabilities_R: NDArray[Any], num_bins: int = 10) -> float:
    """Expected calibration error over equal-mass bins: mean |predicted - observed| share (Naeini et al. 2015)."""
    order_R = np.argsort(probabilities_R, kind="stable")
    gaps = [
        abs(float(probabilities_R[rows].mean()) - float(labels_R[rows].mean())) * len(rows)
        for rows in np.array_split(order_R, min(num_bins, len(order_R)))
    ]
    return sum(gaps) / len(order_R)


def classification_metrics(
    labels_R: NDArray[Any], probabilities_R: NDArray[Any], threshold: float = 0.5
) -> dict[str, float]:
    """Accuracy, precision, recall, F1 at the threshold; AUC, log-loss and calibration error without one.

    Precision and F1 are 0 when nothing is predicted positive.
    """
    predicted_R, actual_R = probabilities_R >= threshold, labels_R == 1
    true_positives = int((predicted_R & actual_R).sum())
    num_wrong = int((predicted_R != actual_R).sum())
    return {
        "accuracy": float((predicted_R == actual_R).mean()),
        "precision": true_positives / max(int(predicted_R.sum()), 1),
        "recall": true_positives / max(int(actual_R.sum()), 1),
        "f1": 2 * true_positives / max(2 * true_positives + num_wrong, 1),
        "auc": roc_auc(labels_R, probabilities_R),
        "log_loss": float(log_loss_per_row(labels_R, probabilities_R).mean()),
        "calibration_error": calibration_error(labels_R, probabilities_R),
    }
