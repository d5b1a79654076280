"""Measure a recommender on one stage of a split.

Stage: training. Reads a dataset and any scorer; writes nothing. Candidates are all items the user has not met before
(full catalogue, no sampled negatives).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modeling.datasets import Dataset
from modeling.errors import DatasetTooSmall
from modeling.histories import FloatArray, History, Int32Array, Int64Array
from modeling.metrics import Float64Array, ndcg_per_user, rank_metrics, rank_targets
from modeling.splits import Split, Stage

BATCH_USERS = 256
TOP_K = 10


class Scorer(Protocol):
    """Anything that scores every item for a batch of histories."""

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN, higher is better."""
        ...


@dataclass(frozen=True)
class MeasuredUsers:
    """The users of one stage with their histories and targets; made once, shared by every model compared."""

    users_B: Int64Array
    histories: list[History]
    targets_B: Int32Array

    def sample(self, num_users: int, seed: int) -> MeasuredUsers:
        """At most `num_users` of them, the same for the same seed."""
        if len(self.histories) <= num_users:
            return self
        return self._pick(np.sort(np.random.default_rng(seed).choice(len(self.histories), num_users, replace=False)))

    def by_length(self) -> MeasuredUsers:
        """The same users, short histories first, so that batches carry little padding."""
        return self._pick(np.argsort([len(history) for history in self.histories], kind="stable"))

    def _pick(self, places: Int64Array) -> MeasuredUsers:
        histories = [self.histories[place] for place in places]
        return MeasuredUsers(self.users_B[places], histories, self.targets_B[places])


@dataclass(frozen=True)
class RankingReport:
    """Ranks of the targets, user by user, and how much of the catalogue the top 10 lists reach."""

    users_B: Int64Array
    ranks_B: Float64Array
    coverage_at_10: float

    @property
    def metrics(self) -> dict[str, float]:
        """Means over users, ready for JSON."""
        return {
            **rank_metrics(self.ranks_B),
            "coverage_at_10": self.coverage_at_10,
            "num_users": float(len(self.ranks_B)),
        }

    @property
    def mean_ndcg(self) -> float:
        """Mean NDCG@10, the number models are chosen by."""
        return float(self.ndcg_B.mean())

    @property
    def ndcg_B(self) -> Float64Array:
        """NDCG@10 of each user."""
        return ndcg_per_user(self.ranks_B, TOP_K)


def measured_users(dataset: Dataset, split: Split, stage: Stage) -> MeasuredUsers:
    """Who is measured in a stage of a split."""
    return MeasuredUsers(*dataset.histories(split, stage))


def mask_seen(scores_BN: FloatArray, histories: Sequence[History]) -> None:
    """Give items already met the score -inf, in place."""
    rows = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    if len(rows):
        scores_BN[rows, np.concatenate([history.items_T for history in histories])] = -np.inf


def find_top_items(scores_BN: FloatArray, k: int) -> Int64Array:
    """The k best item indices of each row, best first."""
    k = min(k, scores_BN.shape[1])
    top_BK = np.argpartition(-scores_BN, k - 1, axis=1)[:, :k]
    order_BK = np.argsort(-np.take_along_axis(scores_BN, top_BK, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(top_BK, order_BK, axis=1), np.int64)


def evaluate(scorer: Scorer, measured: MeasuredUsers) -> RankingReport:
    """Rank every measured user's target among all items the user has not met."""
    return evaluate_together(lambda histories: [scorer.scores_many(histories)], measured)[0]


def evaluate_together(
    scores_of_models: Callable[[Sequence[History]], Sequence[FloatArray]], measured: MeasuredUsers
) -> list[RankingReport]:
    """Like evaluate for several models at once, when they share work; one report per model.

    Raises DatasetTooSmall when nobody is measured.
    """
    if not measured.histories:
        raise DatasetTooSmall("No follower can be measured on this split; upload behaviour over a longer time.")
    tallies: list[_Tally] = []
    for start in range(0, len(measured.histories), BATCH_USERS):
        histories = measured.histories[start : start + BATCH_USERS]
        all_scores = scores_of_models(histories)
        tallies = tallies or [_Tally(scores_BN.shape[1]) for scores_BN in all_scores]
        for tally, scores_BN in zip(tallies, all_scores, strict=True):
            tally.add(scores_BN.copy(), histories, measured.targets_B[start : start + BATCH_USERS])
    return [
        RankingReport(measured.users_B, np.concatenate(tally.ranks), float(tally.is_reached_N.mean()))
        for tally in tallies
    ]


class _Tally:
    """Ranks and reached items of one model, batch by batch."""

    def __init__(self, num_items: int) -> None:
        self.ranks: list[Float64Array] = []
        self.is_reached_N = np.zeros(num_items, np.bool_)

    def add(self, scores_BN: FloatArray, histories: Sequence[History], targets_B: Int32Array) -> None:
        mask_seen(scores_BN, histories)
        self.ranks.append(rank_targets(scores_BN, targets_B))
        self.is_reached_N[find_top_items(scores_BN, TOP_K)] = True
