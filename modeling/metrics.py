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


def mass_bins(probabilities_R: NDArray[Any], num_bins: int, equal_mass: bool = True) -> NDArray[np.int64]:
    """Bin of each row: by rank, so that bins hold about as many rows each, or by value, so that they are equally wide.

    Rows with the same probability always share a bin, so a constant answer has one.
    """
    if not equal_mass:
        return np.clip((probabilities_R * num_bins).astype(np.int64), 0, num_bins - 1)
    _, inverse_R, counts = np.unique(probabilities_R, return_inverse=True, return_counts=True)
    middle_shares = (np.cumsum(counts) - counts / 2) / max(len(probabilities_R), 1)
    return np.minimum((middle_shares * num_bins).astype(np.int64), num_bins - 1)[inverse_R]


def expected_calibration_error(
    labels_R: NDArray[Any], probabilities_R: NDArray[Any], num_bins: int = 15, equal_mass: bool = True
) -> float:
    """Mean over rows of |predicted - observed| share of the row's bin (Naeini et al. 2015; Nixon et al. 2019).

    Labels may be true probabilities, where these are known. Sampling alone gives about
    0.8 * sqrt(num_bins * p * (1 - p) / num_rows), so a small test part cannot show less.
    """
    if len(labels_R) == 0:
        return float("nan")
    bins_R = mass_bins(probabilities_R, num_bins, equal_mass)
    gaps = np.bincount(bins_R, weights=probabilities_R.astype(np.float64) - labels_R, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(labels_R))


def calibration_bins(
    labels_R: NDArray[Any], probabilities_R: NDArray[Any], num_bins: int = 10
) -> list[dict[str, float]]:
    """The points of a calibration plot, lowest first: predicted and observed share, Wilson's 95 % interval, rows."""
    bins_R = mass_bins(probabilities_R, num_bins)
    points = []
    for number in np.unique(bins_R):
        is_in_R = bins_R == number
        num_rows, observed = int(is_in_R.sum()), float(labels_R[is_in_R].mean())
        low, high = wilson_interval(observed, num_rows)
        predicted = float(probabilities_R[is_in_R].mean())
        points.append({"predicted": predicted, "observed": observed, "low": low, "high": high, "num_rows": num_rows})
    return points


def wilson_interval(share: float, num_rows: int) -> tuple[float, float]:
    """95 % interval of a share observed among `num_rows` (Wilson 1927)."""
    z = 1.959964
    centre = (share + z * z / (2 * num_rows)) / (1 + z * z / num_rows)
    half = z / (1 + z * z / num_rows) * (share * (1 - share) / num_rows + z * z / (4 * num_rows**2)) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def classification_metrics(
    labels_R: NDArray[Any], probabilities_R: NDArray[Any], threshold: float = 0.5
) -> dict[str, float]:
    """Accuracy, precision, recall, F1 at the threshold; AUC, log-loss and calibration error (ECE) without one.

    Precision and F1 are 0 when nothing is predicted positive.
    """
    return _Judged(labels_R, probabilities_R, threshold).measure(np.ones(len(labels_R)))


def classification_intervals(
    labels_R: NDArray[Any], probabilities_R: NDArray[Any], threshold: float = 0.5, num_samples: int = 200, seed: int = 0
) -> dict[str, list[float]]:
    """[low, high] of each of `classification_metrics`: 95 % percentile bootstrap over rows (Efron 1979).

    Rows are drawn anew within each class, so both always occur. An interval of the ECE lies above the true value
    when bins are small, because resampling adds its own gaps.
    """
    judged = _Judged(labels_R, probabilities_R, threshold)
    generator = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels_R == value) for value in (0, 1)]
    values: dict[str, list[float]] = {}
    for _ in range(num_samples):
        weights_R = np.zeros(len(labels_R))
        for rows in classes:
            weights_R[rows] = np.bincount(generator.integers(0, max(len(rows), 1), len(rows)), minlength=len(rows))
        for name, value in judged.measure(weights_R).items():
            values.setdefault(name, []).append(value)
    return {name: [float(bound) for bound in np.percentile(drawn, [2.5, 97.5])] for name, drawn in values.items()}


class _Judged:
    """Answers against labels, prepared so that measuring under other row weights costs no sorting."""

    def __init__(self, labels_R: NDArray[Any], probabilities_R: NDArray[Any], threshold: float) -> None:
        self.is_true_R, self.is_said_R = labels_R == 1, probabilities_R >= threshold
        self.losses_R = log_loss_per_row(labels_R, probabilities_R)
        self.gaps_R = probabilities_R.astype(np.float64) - self.is_true_R
        self.bins_R = mass_bins(probabilities_R, 15)
        _, self.places_R = np.unique(probabilities_R, return_inverse=True)

    def measure(self, weights_R: Float64Array) -> dict[str, float]:
        """The metrics with each row counted `weights_R` times."""
        total = weights_R.sum()
        said, true = weights_R[self.is_said_R].sum(), weights_R[self.is_true_R].sum()
        hits = weights_R[self.is_said_R & self.is_true_R].sum()
        return {
            "accuracy": float((total - said - true + 2 * hits) / total),
            "precision": float(hits / max(said, 1)),
            "recall": float(hits / max(true, 1)),
            "f1": float(2 * hits / max(said + true, 1)),
            "auc": self._auc(weights_R),
            "log_loss": float((weights_R * self.losses_R).sum() / total),
            "ece": float(np.abs(np.bincount(self.bins_R, weights=weights_R * self.gaps_R)).sum() / total),
        }

    def _auc(self, weights_R: Float64Array) -> float:
        """Weighted share of pairs in the right order, ties half."""
        positives = np.bincount(self.places_R, weights=weights_R * self.is_true_R)
        negatives = np.bincount(self.places_R, weights=weights_R * ~self.is_true_R)
        num_pairs = positives.sum() * negatives.sum()
        right = (positives * (np.cumsum(negatives) - negatives / 2)).sum()
        return float(right / num_pairs) if num_pairs else float("nan")
