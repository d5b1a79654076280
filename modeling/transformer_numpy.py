"""The Transformer's body in NumPy, tied to modeling.nn.transformer by a test.

Stage: prediction. Reads a model version; writes nothing.
Shapes: B histories of equal length, T events, Q newest of them, D width, H heads, K width of a head, F feed-forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from modeling.histories import FloatArray, Int64Array
from modeling.sequence_configs import TransformerConfig
from modeling.sequence_numpy import SequenceRecommender, split_heads


@dataclass(frozen=True)
class TransformerRecommender(SequenceRecommender):
    """Causal attention blocks with learnt positions."""

    config: TransformerConfig
    kind = "transformer"

    def num_cells(self, num_events: int) -> int:
        """Attention weights of one history."""
        return num_events * num_events * self.config.num_heads

    def body(self, x_BTD: FloatArray, times_BT: Int64Array) -> FloatArray:
        """users_BD; the last block is asked for the newest event only."""
        x_BTD += self.weights["positions.weight"][x_BTD.shape[1] - 1 :: -1]
        for block in range(self.config.num_blocks - 1):
            x_BTD = self._apply_block(f"blocks.{block}", x_BTD, x_BTD)
        return self._apply_block(f"blocks.{self.config.num_blocks - 1}", x_BTD, x_BTD[:, -1:])[:, 0]

    def _apply_block(self, name: str, x_BTD: FloatArray, queries_BQD: FloatArray) -> FloatArray:
        """One block for the newest Q of T events (Q = T, or 1 in the last block)."""
        out_BQD = queries_BQD + self._attend(name, x_BTD, queries_BQD)
        hidden_BQF = np.maximum(self.linear(f"{name}.feed_in", self.norm(f"{name}.feed_norm", out_BQD)), 0)
        return np.asarray(out_BQD + self.linear(f"{name}.feed_out", hidden_BQF))

    def _attend(self, name: str, x_BTD: FloatArray, queries_BQD: FloatArray) -> FloatArray:
        num_rows, num_events, width = x_BTD.shape
        num_queries, num_heads = queries_BQD.shape[1], self.config.num_heads
        weight, bias = self.weights[f"{name}.attention.qkv.weight"], self.weights[f"{name}.attention.qkv.bias"]
        normal_BTD = self.norm(f"{name}.attention_norm", x_BTD)
        keys_values = normal_BTD @ weight[width:].T + bias[width:]
        queries = normal_BTD[:, -num_queries:] @ weight[:width].T + bias[:width]
        k_BHTK, v_BHTK = (split_heads(part, num_heads) for part in (keys_values[..., :width], keys_values[..., width:]))
        queries *= np.float32((width // num_heads) ** -0.5)
        logits_BHQT = split_heads(queries, num_heads) @ k_BHTK.swapaxes(-1, -2)
        if num_queries > 1:
            logits_BHQT += _causal_mask(num_events)
        logits_BHQT -= logits_BHQT.max(-1, keepdims=True)
        shares_BHQT = np.exp(logits_BHQT, out=logits_BHQT)
        mixed_BHQK = shares_BHQT @ v_BHTK
        mixed_BHQK /= shares_BHQT.sum(-1, keepdims=True)
        return self.linear(f"{name}.attention.out", mixed_BHQK.swapaxes(1, 2).reshape(num_rows, num_queries, width))


@lru_cache(maxsize=256)
def _causal_mask(num_events: int) -> FloatArray:
    """mask_TT: -inf where an event would see a later one. Not to be changed."""
    return np.asarray(np.triu(np.full((num_events, num_events), -np.inf, np.float32), 1), np.float32)
