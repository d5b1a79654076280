"""The Transformer in NumPy: one live history -> user vector -> scores. Serving needs no torch.

Stage: prediction. Reads a model version; writes nothing. Tied to modeling.nn.transformer by a test (1e-4).
Shapes: B histories of equal length, T events, D width, H heads, K width of a head, N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays, Artifact, load_artifact
from modeling.explanations import explain_by_removal
from modeling.histories import FloatArray, History, Int16Array, Int64Array
from modeling.transformer_config import TransformerConfig, bucket_gaps, encode_actions

NORM_EPSILON = 1e-5
MAX_ATTENTION_CELLS = 250_000
"""Attention weights held at once: 1 MB, so that they stay in the cache."""


@dataclass(frozen=True)
class TransformerRecommender:
    """Weights under the torch names ("blocks.0.attention.qkv.weight"); `prior_N` answers for empty histories."""

    item_keys_N: Int64Array
    weights: Arrays
    prior_N: FloatArray
    action_codes: Int16Array
    config: TransformerConfig
    kind = "transformer"

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a published version."""
        return cls.from_artifact(load_artifact(directory))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        weights = {name.removeprefix("net."): array for name, array in arrays.items() if name.startswith("net.")}
        config = TransformerConfig.from_dict(artifact.config)
        return cls(arrays["item_keys_N"], weights, arrays["prior_N"], arrays["action_codes"], config)

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays: dict[str, NDArray[Any]] = {f"net.{name}": array for name, array in self.weights.items()}
        arrays |= {"item_keys_N": self.item_keys_N, "prior_N": self.prior_N, "action_codes": self.action_codes}
        return Artifact(self.kind, self.config.to_dict(), arrays)

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
            step = max(MAX_ATTENTION_CELLS // int(length * length * self.config.num_heads), 1)
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                users_BD[part] = self._encode([newest[row] for row in part])
        scores_BN = users_BD @ self.weights["items.weight"].T
        scores_BN[lengths_B == 0] = self.prior_N
        return np.asarray(scores_BN, np.float32)

    def log_probabilities_many(self, histories: Sequence[History]) -> FloatArray:
        """log P(next item | history), one row per history."""
        return log_softmax(self.scores_many(histories))

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """log P(item | history) minus log P(item | history without the event), for the newest 20 events; else 0."""
        return explain_by_removal(self.log_probabilities_many, history, item_index)

    def _encode(self, histories: Sequence[History]) -> FloatArray:
        """users_BD after the newest event; all histories have the same length T >= 1."""
        weights = self.weights
        items_BT = np.stack([history.items_T for history in histories])
        actions_BT = np.stack([encode_actions(history.actions_T, self.action_codes) for history in histories])
        gaps_BT = np.stack([bucket_gaps(history.times_T) for history in histories])
        x_BTD = weights["items.weight"][items_BT] * np.float32(self.config.width**0.5)
        x_BTD += weights["actions.weight"][actions_BT] + weights["gaps.weight"][gaps_BT]
        x_BTD += weights["positions.weight"][items_BT.shape[1] - 1 :: -1]
        for block in range(self.config.num_blocks - 1):
            x_BTD = self._apply_block(f"blocks.{block}", x_BTD, x_BTD)
        x_B1D = self._apply_block(f"blocks.{self.config.num_blocks - 1}", x_BTD, x_BTD[:, -1:])
        return self._norm("final_norm", x_B1D)[:, 0]

    def _apply_block(self, name: str, x_BTD: FloatArray, queries_BQD: FloatArray) -> FloatArray:
        """One block for the newest Q of T events (Q = T, or 1 in the last block: only the newest is needed)."""
        out_BQD = queries_BQD + self._attend(name, x_BTD, queries_BQD)
        hidden_BQF = np.maximum(self._linear(f"{name}.feed_in", self._norm(f"{name}.feed_norm", out_BQD)), 0)
        return np.asarray(out_BQD + self._linear(f"{name}.feed_out", hidden_BQF))

    def _attend(self, name: str, x_BTD: FloatArray, queries_BQD: FloatArray) -> FloatArray:
        num_rows, num_events, width = x_BTD.shape
        num_queries = queries_BQD.shape[1]
        weight, bias = self.weights[f"{name}.attention.qkv.weight"], self.weights[f"{name}.attention.qkv.bias"]
        normal_BTD = self._norm(f"{name}.attention_norm", x_BTD)
        keys_values = normal_BTD @ weight[width:].T + bias[width:]
        queries = normal_BTD[:, -num_queries:] @ weight[:width].T + bias[:width]
        k_BHTK, v_BHTK = self._split_heads(keys_values[..., :width]), self._split_heads(keys_values[..., width:])
        queries *= np.float32((width // self.config.num_heads) ** -0.5)
        logits_BHQT = self._split_heads(queries) @ k_BHTK.swapaxes(-1, -2)
        if num_queries > 1:
            logits_BHQT += _causal_mask(num_events)
        logits_BHQT -= logits_BHQT.max(-1, keepdims=True)
        shares_BHQT = np.exp(logits_BHQT, out=logits_BHQT)
        mixed_BHQK = shares_BHQT @ v_BHTK
        mixed_BHQK /= shares_BHQT.sum(-1, keepdims=True)
        return self._linear(f"{name}.attention.out", mixed_BHQK.swapaxes(1, 2).reshape(num_rows, num_queries, width))

    def _split_heads(self, x_BTD: FloatArray) -> FloatArray:
        """x_BHTK."""
        return x_BTD.reshape(*x_BTD.shape[:2], self.config.num_heads, -1).swapaxes(1, 2)

    def _linear(self, name: str, x: FloatArray) -> FloatArray:
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: FloatArray) -> FloatArray:
        share = np.float32(1 / x.shape[-1])  # ndarray.mean costs more than the sum itself
        normal = x - np.add.reduce(x, -1, keepdims=True) * share
        variance = np.add.reduce(np.square(normal), -1, keepdims=True) * share
        normal /= np.sqrt(variance + np.float32(NORM_EPSILON))
        normal *= self.weights[f"{name}.weight"]
        normal += self.weights[f"{name}.bias"]
        return np.asarray(normal, np.float32)


@lru_cache(maxsize=256)
def _causal_mask(num_events: int) -> FloatArray:
    """mask_TT: -inf where an event would see a later one. Not to be changed."""
    return np.asarray(np.triu(np.full((num_events, num_events), -np.inf, np.float32), 1), np.float32)


def log_softmax(logits: FloatArray) -> FloatArray:
    """Along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
