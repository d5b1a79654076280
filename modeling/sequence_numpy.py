"""A next-item network in NumPy: one live history -> user vector -> scores. Serving needs no torch.

Stage: prediction. Reads a model version; writes nothing. Each family's body is tied to its torch twin by a test (1e-4).
Shapes: B histories of equal length, T events, D width, N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays, Artifact, load_artifact
from modeling.event_inputs import SECONDS_PER_WEEK, EventInputs
from modeling.explanations import explain_by_removal
from modeling.histories import FloatArray, History, Int16Array, Int32Array, Int64Array
from modeling.sequence_configs import CONFIGS, SequenceConfig

NORM_EPSILON = 1e-5
MAX_CELLS = 250_000
"""Numbers of the largest intermediate array held at once: 1 MB, so that they stay in the cache."""


@dataclass(frozen=True)
class SequenceRecommender:
    """Weights under the torch names ("blocks.0.feed_in.weight"); `prior_N` answers for empty histories.

    A family gives its `kind`, its `body` and how many cells that needs.
    """

    item_keys_N: Int64Array
    weights: Arrays
    prior_N: FloatArray
    action_codes: Int16Array
    config: SequenceConfig
    kind: ClassVar[str]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a published version."""
        return cls.from_artifact(load_artifact(directory))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        weights = {name.removeprefix("net."): array for name, array in arrays.items() if name.startswith("net.")}
        config = CONFIGS[cls.kind].from_dict(artifact.config)
        return cls(arrays["item_keys_N"], weights, arrays["prior_N"], arrays["action_codes"], config)

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays: dict[str, NDArray[Any]] = {f"net.{name}": array for name, array in self.weights.items()}
        arrays |= {"item_keys_N": self.item_keys_N, "prior_N": self.prior_N, "action_codes": self.action_codes}
        return Artifact(self.kind, self.config.to_dict(), arrays)

    def with_items(self, items_S: Int32Array) -> Self:
        """The same network over a part of the catalogue."""
        weights = {**self.weights, "items.weight": self.weights["items.weight"][items_S]}
        return replace(self, weights=weights, item_keys_N=self.item_keys_N[items_S], prior_N=self.prior_N[items_S])

    def scores(self, history: History) -> FloatArray:
        """scores_N: the user's vector times every item's; the popularity prior for an empty history."""
        if len(history) == 0:
            return self.prior_N
        user_D = self._encode([history.last(self.config.max_events)])[0]
        return np.asarray(self.weights["items.weight"] @ user_D, np.float32)

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN; histories of equal length go through the network together."""
        users_BD = np.zeros((len(histories), self.config.width), np.float32)
        newest = [history.last(self.config.max_events) for history in histories]
        lengths_B = np.array([len(history) for history in newest], np.int64)
        for length in np.unique(lengths_B[lengths_B > 0]):
            rows = np.flatnonzero(lengths_B == length)
            step = max(MAX_CELLS // self.num_cells(int(length)), 1)
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                users_BD[part] = self._encode([newest[row] for row in part])
        scores_BN = users_BD @ self.weights["items.weight"].T
        scores_BN[lengths_B == 0] = self.prior_N
        return np.asarray(scores_BN, np.float32)

    def action_probabilities(self, history: History, items_K: Int32Array) -> FloatArray:
        """probabilities_KA over `action_codes`: what the person does with each item, given that it is the next.

        Equal for all actions where the network was not taught to tell, or nothing is known of the person.
        """
        if len(history) == 0 or "action_head.weight" not in self.weights:
            return np.full((len(items_K), len(self.action_codes)), 1 / len(self.action_codes), np.float32)
        user_D = self._encode([history.last(self.config.max_events)])[0]
        items_KD = self.weights["items.weight"][items_K]
        pairs = np.concatenate([np.broadcast_to(user_D, items_KD.shape), items_KD], axis=1)
        return np.asarray(np.exp(log_softmax(self.linear("action_head", pairs))), np.float32)

    def log_probabilities_many(self, histories: Sequence[History]) -> FloatArray:
        """log P(next item | history), one row per history."""
        return log_softmax(self.scores_many(histories))

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """log P(item | history) minus log P(item | history without the event), for the newest 20 events; else 0."""
        return explain_by_removal(self.log_probabilities_many, history, item_index)

    def num_cells(self, num_events: int) -> int:
        """Size of the largest intermediate array for one history of this length."""
        return num_events * self.config.width

    def body(self, x_BTD: FloatArray, times_BT: Int64Array) -> FloatArray:
        """users_BD before the final norm: what the family's layers say after the newest event."""
        raise NotImplementedError

    def _encode(self, histories: Sequence[History]) -> FloatArray:
        """users_BD after the newest event; all histories have the same length T >= 1."""
        inputs = [EventInputs.of(history, self.action_codes) for history in histories]
        weights = self.weights
        x_BTD = weights["items.weight"][np.stack([one.items_T for one in inputs])] * np.float32(self.config.width**0.5)
        x_BTD += weights["actions.weight"][np.stack([one.actions_T for one in inputs])]
        x_BTD += weights["gaps.weight"][np.stack([one.gaps_T for one in inputs])]
        times_BT = np.stack([one.times_T for one in inputs])
        if self.config.week_parts:
            parts_BT = times_BT % SECONDS_PER_WEEK * self.config.week_parts // SECONDS_PER_WEEK
            x_BTD += weights["week.weight"][parts_BT]
        return self.norm("final_norm", self.body(x_BTD, times_BT))

    def linear(self, name: str, x: FloatArray) -> FloatArray:
        """The named linear layer."""
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def norm(self, name: str, x: FloatArray) -> FloatArray:
        """The named layer norm."""
        share = np.float32(1 / x.shape[-1])  # ndarray.mean costs more than the sum itself
        normal = x - np.add.reduce(x, -1, keepdims=True) * share
        variance = np.add.reduce(np.square(normal), -1, keepdims=True) * share
        normal /= np.sqrt(variance + np.float32(NORM_EPSILON))
        normal *= self.weights[f"{name}.weight"]
        normal += self.weights[f"{name}.bias"]
        return np.asarray(normal, np.float32)


def split_heads(x_BTD: FloatArray, num_heads: int) -> FloatArray:
    """x_BHTK."""
    return x_BTD.reshape(*x_BTD.shape[:2], num_heads, -1).swapaxes(1, 2)


def log_softmax(logits: FloatArray) -> FloatArray:
    """Along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1), np.float32)


def silu(x: FloatArray) -> FloatArray:
    """x * sigmoid(x)."""
    return np.asarray(x * sigmoid(x))
