"""How well exposures are ranked within each user, and whether the probabilities can be believed. Pure NumPy.

Shapes: R exposures, U users, K acts. Definitions:

uAUC of an act: for each user the share of pairs (one exposure with the act, one without, both of one day) that the
scores put in the right order, a tie counting one half; users without such a pair (one class only) dropped; the mean
over the users that are left. On the one test day of the challenge this is its per-user AUC. Pairs of different days are
not compared: what is known of a user changes from day to day with the very acts that are judged (who has just liked
something is known to like more), so a score of the user alone would seem better or worse than a coin.

Weighted uAUC: sum of weight x uAUC over the acts present, divided by the sum of their weights; weights of the WeChat
Big Data Challenge 2021 (read_comments 4, like 3, click_avatar 2, share 1, favourite 1, comment 1, follow 1). Acts
outside that list do not count; where none of the list is present, every act counts 1. Unlike the challenge's own
scorer, predictions are not rounded to six digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray
from modeling.metrics import Float64Array, Interval, expected_calibration_error, log_loss_per_row, roc_auc
from modeling.ranking_acts import WECHAT_WEIGHTS

NUM_BINS = 15
NUM_RESAMPLES = 1000
LabelArray = NDArray[np.int8]
UNKNOWN = -1
"""A label that is not known: an act nobody could have recorded for this exposure."""


def auc_per_user(
    users_R: NDArray[np.integer], days_R: NDArray[np.integer], labels_R: LabelArray, scores_R: NDArray[Any]
) -> Float64Array:
    """auc_U of users 0..max(users_R); NaN for users with one class only. Rows with an unknown label are left out."""
    num_users = int(users_R.max(initial=-1)) + 1
    is_known_R = labels_R != UNKNOWN
    users_R, days_R = users_R[is_known_R], days_R[is_known_R]
    is_positive_R, scores_R = labels_R[is_known_R] == 1, scores_R[is_known_R]
    owners_G, groups_R = np.unique(np.column_stack([users_R, days_R]), axis=0, return_inverse=True)
    groups_R = np.ravel(groups_R)
    ranks_R = _ranks_within(groups_R, scores_R)
    num_G = np.bincount(groups_R, minlength=len(owners_G)).astype(np.float64)
    positive_G = np.bincount(groups_R, is_positive_R, len(owners_G))
    rank_sum_G = np.bincount(groups_R, ranks_R * is_positive_R, len(owners_G))
    pairs_U = np.bincount(owners_G[:, 0], positive_G * (num_G - positive_G), num_users)
    wins_U = np.bincount(owners_G[:, 0], rank_sum_G - positive_G * (positive_G + 1) / 2, num_users)
    return np.divide(wins_U, pairs_U, out=np.full(num_users, np.nan), where=pairs_U > 0)


def _ranks_within(groups_R: NDArray[np.integer], scores_R: NDArray[Any]) -> Float64Array:
    """Rank of each row among its group's rows, from 1; equal scores share their middle rank."""
    order_R = np.lexsort((scores_R, groups_R))
    groups, scores = groups_R[order_R], scores_R[order_R]
    is_group_start = np.append(True, groups[1:] != groups[:-1])[: len(groups)]
    is_tie_start = is_group_start | np.append(True, scores[1:] != scores[:-1])[: len(groups)]
    starts = np.flatnonzero(is_tie_start)
    ends = np.append(starts[1:], len(groups))
    middles = (starts + ends + 1) / 2 - np.flatnonzero(is_group_start)[np.cumsum(is_group_start)[starts] - 1]
    ranks_R = np.empty(len(groups))
    ranks_R[order_R] = np.repeat(middles, ends - starts)
    return ranks_R


def weights_of(acts: Sequence[str]) -> Float64Array:
    """weights_K of the weighted uAUC; all 1 when no act has a weight."""
    weights_K = np.array([WECHAT_WEIGHTS.get(act, 0.0) for act in acts])
    return weights_K if weights_K.any() else np.ones(len(acts))


@dataclass(frozen=True)
class UserQuality:
    """AUC of each user and act, from which every mean and interval is made."""

    acts: tuple[str, ...]
    auc_UK: Float64Array
    """NaN where the user has one class only."""

    @classmethod
    def of(
        cls,
        acts: Sequence[str],
        users_R: NDArray[np.integer],
        days_R: NDArray[np.integer],
        labels_RK: LabelArray,
        scores_RK: FloatArray,
    ) -> UserQuality:
        """Measure one model's scores."""
        users_R = np.unique(users_R, return_inverse=True)[1]
        columns = [auc_per_user(users_R, days_R, labels_RK[:, k], scores_RK[:, k]) for k in range(len(acts))]
        return cls(tuple(acts), np.column_stack(columns))

    @property
    def num_users(self) -> int:
        """Users with both classes in at least one act that counts."""
        return int((~np.isnan(self.auc_UK[:, weights_of(self.acts) > 0])).any(axis=1).sum())

    def uauc_K(self, counts_SU: Float64Array | None = None) -> Float64Array:
        """uAUC of each act; with counts_SU of resampled users, one line per sample (uauc_SK)."""
        counts_SU = np.ones((1, len(self.auc_UK))) if counts_SU is None else counts_SU
        is_known_UK = ~np.isnan(self.auc_UK)
        sums_SK = counts_SU @ np.where(is_known_UK, self.auc_UK, 0.0)
        users_SK = counts_SU @ is_known_UK
        values_SK = np.divide(sums_SK, users_SK, out=np.full(sums_SK.shape, np.nan), where=users_SK > 0)
        return values_SK[0] if len(counts_SU) == 1 else values_SK

    def weighted(self, counts_SU: Float64Array | None = None) -> Float64Array:
        """The weighted uAUC, one value per sample; acts that no user could be measured on do not count."""
        values_SK = np.atleast_2d(self.uauc_K(counts_SU))
        weights_SK = weights_of(self.acts) * ~np.isnan(values_SK)
        total_S = weights_SK.sum(axis=1)
        sums_S = (np.nan_to_num(values_SK) * weights_SK).sum(axis=1)
        return np.divide(sums_S, total_S, out=np.full(len(total_S), np.nan), where=total_S > 0)


def resample_users(num_users: int, num_samples: int = NUM_RESAMPLES, seed: int = 0) -> Float64Array:
    """counts_SU: how often each user is drawn in each bootstrap sample (Efron 1979)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(num_users, np.full(num_users, 1 / num_users), num_samples).astype(np.float64)


def difference(better: UserQuality, worse: UserQuality) -> Interval:
    """Gain in weighted uAUC with its 95 % percentile interval, resampling the users both were measured on."""
    gains_S = np.empty(0)
    for seed in range(NUM_RESAMPLES // 100):
        counts_SU = resample_users(len(better.auc_UK), 100, seed)
        gains_S = np.append(gains_S, better.weighted(counts_SU) - worse.weighted(counts_SU))
    low, high = _middle(gains_S)
    return Interval(float(better.weighted()[0] - worse.weighted()[0]), low, high)


def interval_of(quality: UserQuality) -> tuple[float, float]:
    """95 % percentile interval of the weighted uAUC over resampled users."""
    values_S = np.concatenate(
        [quality.weighted(resample_users(len(quality.auc_UK), 100, seed)) for seed in range(NUM_RESAMPLES // 100)]
    )
    return _middle(values_S)


def _middle(values_S: Float64Array) -> tuple[float, float]:
    """Where the middle 95 % of the samples lie; NaN when no sample could be measured."""
    known_S = values_S[~np.isnan(values_S)]
    low, high = np.percentile(known_S, [2.5, 97.5]) if len(known_S) else (np.nan, np.nan)
    return float(low), float(high)


def act_report(labels_R: LabelArray, probabilities_R: FloatArray) -> dict[str, float]:
    """AUC, log-loss, ECE (15 equal-mass bins), base rate and counts of one act; unknown labels left out."""
    is_known_R = labels_R != UNKNOWN
    labels_R, probabilities_R = labels_R[is_known_R], probabilities_R[is_known_R]
    return {
        "auc": roc_auc(labels_R, probabilities_R),
        "log_loss": float(log_loss_per_row(labels_R, probabilities_R).mean()),
        "ece": expected_calibration_error(labels_R, probabilities_R, NUM_BINS),
        "base_rate": float(labels_R.mean()),
        "num_rows": float(len(labels_R)),
        "num_positive": float(labels_R.sum()),
    }


def ranking_report(quality: UserQuality, labels_RK: LabelArray, probabilities_RK: FloatArray) -> dict[str, Any]:
    """All figures of one model on one part; "acts" holds those of each act. Undefined values are None."""
    acts = {}
    for k, act in enumerate(quality.acts):
        figures = act_report(labels_RK[:, k], probabilities_RK[:, k])
        num_users = float((~np.isnan(quality.auc_UK[:, k])).sum())
        acts[act] = {**figures, "uauc": float(quality.uauc_K()[k]), "num_users": num_users}
    low, high = interval_of(quality)
    names = ("uauc", "auc", "log_loss", "ece")
    known = {name: [one[name] for one in acts.values() if not np.isnan(one[name])] for name in names}
    means = {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}
    report = {
        "weighted_uauc": float(quality.weighted()[0]),
        "weighted_uauc_low": low,
        "weighted_uauc_high": high,
        **means,
        "num_rows": float(len(labels_RK)),
        "num_users": float(quality.num_users),
    }
    return {**_plain(report), "acts": {act: _plain(figures) for act, figures in acts.items()}}


def _plain(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else value for name, value in figures.items()}
