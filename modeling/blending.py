"""A network, item-kNN and current popularity as one model, a weighted sum of logarithms:

log P(item | network) + weight * log(kNN share + floor) + popularity weight * log(popularity share).

Stage: training (weights and floor are chosen on validation NDCG@10) and prediction.
Shapes: B users, N items, T history events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Artifact, load_artifact
from modeling.configs import JsonConfig
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.evaluation import BATCH_USERS, MeasuredUsers, mask_seen
from modeling.explanations import explain_by_removal
from modeling.histories import FloatArray, History, Int64Array
from modeling.item_knn import ItemKnnRecommender
from modeling.metrics import ndcg_per_user, rank_targets
from modeling.sequence_numpy import SequenceRecommender, log_softmax

BLENDED = "_knn"
"""Ends the kind of a blend; before it stands the network's family."""


@dataclass(frozen=True)
class BlendConfig(JsonConfig):
    """What validation may choose from."""

    weights: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
    """Weight of the kNN's log share; 0 is the network alone."""
    floors: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
    """Share given to items the kNN does not know, so that the logarithm stays finite."""
    popularity_weights: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0)
    """Weight of the log share of recent popularity, which follows fashions faster than the network."""


@dataclass(frozen=True)
class BlendRecommender:
    """One servable version holding all members."""

    deep: SequenceRecommender
    item_knn: ItemKnnRecommender
    weight: float
    floor: float
    bias_N: FloatArray | None = None
    """Popularity weight * log popularity share; None when popularity has no part."""

    @property
    def kind(self) -> str:
        """Registry name: the network's family and the kNN."""
        return self.deep.kind + BLENDED

    @property
    def item_keys_N(self) -> Int64Array:
        """Both members share one item order."""
        return self.deep.item_keys_N

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a published version."""
        return cls.from_artifact(load_artifact(directory))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        family = artifact.kind.removesuffix(BLENDED)
        return cls(
            DEEP_RECOMMENDERS[family].from_artifact(artifact.part(family)),
            ItemKnnRecommender.from_artifact(artifact.part("item_knn")),
            artifact.config["weight"],
            artifact.config["floor"],
            artifact.arrays.get("bias_N"),
        )

    def to_artifact(self) -> Artifact:
        """Config and arrays of both members, ready to publish."""
        config: dict[str, Any] = {"weight": self.weight, "floor": self.floor}
        arrays: dict[str, NDArray[Any]] = {"item_keys_N": self.item_keys_N}
        for member in (self.deep.to_artifact(), self.item_knn.to_artifact()):
            config[member.kind] = member.config
            arrays |= {f"{member.kind}.{name}": array for name, array in member.arrays.items() if name != "item_keys_N"}
        if self.bias_N is not None:
            arrays["bias_N"] = self.bias_N
        return Artifact(self.kind, config, arrays)

    def scores(self, history: History) -> FloatArray:
        """scores_N; log-probabilities up to one constant, which ranking does not need."""
        logits_N, knn_N = self.deep.scores(history), self.item_knn.scores(history)
        blended_N = combine_sparse(logits_N, knn_N, self.weight, self.floor)
        return blended_N if self.bias_N is None else np.asarray(blended_N + self.bias_N)

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN."""
        return self.member_scores_many(histories)[2]

    def member_scores_many(self, histories: Sequence[History]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """scores_BN of the network, of the kNN and of the blend, each asked once."""
        logits_BN, knn_BN = self.deep.scores_many(histories), self.item_knn.scores_many(histories)
        return logits_BN, knn_BN, self._combine(logits_BN, knn_BN)

    def _combine(self, logits: FloatArray, knn: FloatArray) -> FloatArray:
        blended = combine(logits, knn, self.weight, self.floor)
        return blended if self.bias_N is None else np.asarray(blended + self.bias_N)

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """Blended log-probability with the event minus without it, for the newest 20 events; 0 for older ones."""
        return explain_by_removal(self._log_probabilities_many, history, item_index)

    def _log_probabilities_many(self, histories: Sequence[History]) -> FloatArray:
        return log_softmax(self.scores_many(histories))


def combine(logits: FloatArray, knn: FloatArray, weight: float, floor: float) -> FloatArray:
    """logits + weight * log(kNN share + floor), along the last axis."""
    totals = np.maximum(knn.sum(-1, keepdims=True), np.float32(1e-12))
    return np.asarray(logits + np.float32(weight) * np.log(knn / totals + np.float32(floor)), np.float32)


def combine_sparse(logits_N: FloatArray, knn_N: FloatArray, weight: float, floor: float) -> FloatArray:
    """`combine` for one history, with logarithms only of the few items that the kNN knows from it."""
    places_K = np.flatnonzero(knn_N)
    shares_K = knn_N[places_K]
    scale = np.float32(1 / max(float(np.add.reduce(shares_K)), 1e-12))
    blended_N = logits_N + np.float32(weight * np.log(floor))
    blended_N[places_K] = logits_N[places_K] + np.float32(weight) * np.log(shares_K * scale + np.float32(floor))
    return blended_N


def popularity_bias(popularity_N: FloatArray, weight: float) -> FloatArray | None:
    """weight * log popularity share; a hundredth of the mean is added, so that unknown items stay finite."""
    if weight == 0:
        return None
    smoothed_N = popularity_N + max(float(popularity_N.mean()), 1e-12) / 100
    return np.asarray(weight * np.log(smoothed_N / smoothed_N.sum()), np.float32)


@dataclass(frozen=True)
class BlendSetting:
    """What validation chose."""

    weight: float
    floor: float
    popularity_weight: float


def choose_blend(
    deep: SequenceRecommender,
    item_knn: ItemKnnRecommender,
    popularity_N: FloatArray,
    validation: MeasuredUsers,
    config: BlendConfig,
) -> BlendSetting:
    """The setting with the best mean NDCG@10 on validation; among equals the smaller weights."""
    pairs = [(weight, floor) for weight in config.weights for floor in (config.floors if weight else config.floors[:1])]
    biases = [popularity_bias(popularity_N, weight) for weight in config.popularity_weights]
    totals = np.zeros((len(pairs), len(biases)))
    for start in range(0, len(validation.histories), BATCH_USERS):
        histories = validation.histories[start : start + BATCH_USERS]
        targets_B = validation.targets_B[start : start + BATCH_USERS]
        logits_BN, knn_BN = deep.scores_many(histories), item_knn.scores_many(histories)
        mask_seen(logits_BN, histories)
        for row, (weight, floor) in enumerate(pairs):
            blended_BN = combine(logits_BN, knn_BN, weight, floor)
            for column, bias_N in enumerate(biases):
                biased_BN = blended_BN if bias_N is None else blended_BN + bias_N
                totals[row, column] += ndcg_per_user(rank_targets(biased_BN, targets_B), 10).sum()
    best_row, best_column = divmod(int(totals.argmax()), len(biases))
    return BlendSetting(*pairs[best_row], config.popularity_weights[best_column])
