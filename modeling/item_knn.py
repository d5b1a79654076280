"""Directed, time-decayed item-kNN: what people did soon after what you just did.

Stage: training and prediction. Reads training sequences; writes an artifact with the top-K successors of each item.
Shapes: U users, N items, E events, P item pairs, B users scored, T history events.

For every event and each of the `window` events before it, W[earlier, later] += decay^(lag - 1) * weight(later). The
score of item j is the sum over the newest `window` history events h at lag l of decay^(l - 1) * W[h, j], rows and
columns divided by a power of their totals (chosen on validation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from modeling.artifacts import Artifact, load_artifact
from modeling.configs import JsonConfig
from modeling.histories import BoolArray, FloatArray, History, Int32Array, Int64Array
from modeling.metrics import Float64Array

CHUNK_EVENTS = 2_000_000


@dataclass(frozen=True)
class ItemKnnConfig(JsonConfig):
    """How successors are counted and kept."""

    window: int = 10
    """How many events back a pair may reach."""
    decay: float = 0.8
    """Weight of one more step between two events."""
    num_neighbours: int = 200
    """Successors kept per item."""
    row_powers: tuple[float, ...] = (0.5, 1.0)
    """Candidate exponents of the row total; validation chooses."""
    column_powers: tuple[float, ...] = (0.0, 0.25)
    """Candidate exponents of the column total; validation chooses."""


@dataclass(frozen=True)
class PairCounts:
    """Sparse directed co-occurrence, sorted by row: pair p goes from rows_P[p] to columns_P[p]."""

    rows_P: Int32Array
    columns_P: Int32Array
    weights_P: Float64Array
    num_items: int

    def normalised(self, row_power: float, column_power: float) -> PairCounts:
        """W[i, j] / rowtotal[i]^row_power / columntotal[j]^column_power."""
        scales_P = _inverse_power(self._totals_N(self.rows_P), row_power)[self.rows_P]
        scales_P *= _inverse_power(self._totals_N(self.columns_P), column_power)[self.columns_P]
        return PairCounts(self.rows_P, self.columns_P, np.multiply(self.weights_P, scales_P), self.num_items)

    def _totals_N(self, indices_P: Int32Array) -> Float64Array:
        return np.bincount(indices_P, weights=self.weights_P, minlength=self.num_items).astype(np.float64)

    def strongest(self, num_neighbours: int) -> PairCounts:
        """Only the heaviest `num_neighbours` of each row; equal weights keep the lower item index."""
        order_P = np.lexsort((-self.weights_P, self.rows_P))
        starts_N = np.searchsorted(self.rows_P, np.arange(self.num_items))
        places_P = np.arange(len(order_P)) - starts_N[self.rows_P]
        kept = order_P[places_P < num_neighbours]
        return PairCounts(self.rows_P[kept], self.columns_P[kept], self.weights_P[kept], self.num_items)


def count_pairs(
    offsets: Int64Array, items_E: Int32Array, weights_E: FloatArray, num_items: int, config: ItemKnnConfig
) -> PairCounts:
    """Count decayed ordered pairs within each user's sequence; memory is bounded by chunks of users."""
    keys, weights = np.empty(0, np.int64), np.empty(0)
    num_users = len(offsets) - 1
    borders = np.searchsorted(offsets, np.arange(0, offsets[-1], CHUNK_EVENTS))
    borders = np.unique(np.append(borders, num_users))
    for first, last in pairwise(borders.tolist()):
        rows = slice(int(offsets[first]), int(offsets[last]))
        users_E = np.repeat(np.arange(first, last), np.diff(offsets[first : last + 1]))
        chunk = _pairs_of_chunk(users_E, items_E[rows], weights_E[rows], num_items, config)
        keys, weights = _sum_by_key(np.concatenate([keys, chunk[0]]), np.concatenate([weights, chunk[1]]))
    return PairCounts((keys // num_items).astype(np.int32), (keys % num_items).astype(np.int32), weights, num_items)


def _pairs_of_chunk(
    users_E: Int64Array, items_E: Int32Array, weights_E: FloatArray, num_items: int, config: ItemKnnConfig
) -> tuple[Int64Array, Float64Array]:
    keys: list[Int64Array] = []
    weights: list[Float64Array] = []
    for lag in range(1, min(config.window, len(items_E) - 1) + 1):
        is_pair_E: BoolArray = (users_E[lag:] == users_E[:-lag]) & (items_E[lag:] != items_E[:-lag])
        keys.append(items_E[:-lag][is_pair_E].astype(np.int64) * num_items + items_E[lag:][is_pair_E])
        weights.append(weights_E[lag:][is_pair_E].astype(np.float64) * config.decay ** (lag - 1))
    if not keys:
        return np.empty(0, np.int64), np.empty(0)
    return _sum_by_key(np.concatenate(keys), np.concatenate(weights))


def _sum_by_key(keys: Int64Array, weights: Float64Array) -> tuple[Int64Array, Float64Array]:
    if len(keys) == 0:
        return keys, weights
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], np.add.reduceat(weights[order], starts)


def _inverse_power(totals_N: Float64Array, power: float) -> Float64Array:
    """total^-power, and 0 for items without pairs."""
    return np.where(totals_N > 0, np.maximum(totals_N, 1e-12) ** -power, 0.0)


@dataclass(frozen=True)
class ItemKnnRecommender:
    """Successors in CSR form: those of item i are offsets_N1[i]:offsets_N1[i + 1]."""

    item_keys_N: Int64Array
    offsets_N1: Int64Array
    neighbours_P: Int32Array
    weights_P: FloatArray
    window: int
    decay: float
    kind = "item_knn"

    @classmethod
    def from_pairs(cls, item_keys_N: Int64Array, pairs: PairCounts, config: ItemKnnConfig) -> Self:
        """Index counted (and normalised) pairs for scoring."""
        sizes_N = np.bincount(pairs.rows_P, minlength=pairs.num_items)
        offsets_N1 = np.concatenate([[0], np.cumsum(sizes_N)]).astype(np.int64)
        weights_P = pairs.weights_P.astype(np.float32)
        return cls(item_keys_N, offsets_N1, pairs.columns_P, weights_P, config.window, config.decay)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a published version."""
        return cls.from_artifact(load_artifact(directory))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays, config = artifact.arrays, artifact.config
        return cls(
            arrays["item_keys_N"],
            arrays["offsets_N1"],
            arrays["neighbours_P"],
            arrays["weights_P"],
            config["window"],
            config["decay"],
        )

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        names = ("item_keys_N", "offsets_N1", "neighbours_P", "weights_P")
        arrays = {name: getattr(self, name) for name in names}
        return Artifact(self.kind, {"window": self.window, "decay": self.decay}, arrays)

    def scores(self, history: History) -> FloatArray:
        """scores_N: decayed sum of the successors of the newest events; all zero for an empty history."""
        scores_N = np.zeros(len(self.item_keys_N), np.float32)
        strength = 1.0
        for item in history.items_T[: -self.window - 1 : -1].tolist():
            rows = slice(self.offsets_N1[item], self.offsets_N1[item + 1])
            scores_N[self.neighbours_P[rows]] += strength * self.weights_P[rows]
            strength *= self.decay
        return scores_N

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN."""
        return np.stack([self.scores(history) for history in histories])

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """contributions_T: what each history event adds to the item's score; they sum to the score exactly."""
        contributions_T = np.zeros(len(history), np.float32)
        for lag, position in enumerate(range(len(history) - 1, max(len(history) - 1 - self.window, -1), -1)):
            item = int(history.items_T[position])
            rows = slice(self.offsets_N1[item], self.offsets_N1[item + 1])
            is_item_P = self.neighbours_P[rows] == item_index
            contributions_T[position] = self.decay**lag * self.weights_P[rows][is_item_P].sum()
        return contributions_T
