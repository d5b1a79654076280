"""The gated generative units' body in NumPy, tied to modeling.nn.hstu by a test.

Stage: prediction. Reads a model version; writes nothing.
Shapes: B histories of equal length, T events, S events looked at, D width, H heads, K width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from modeling.event_inputs import NUM_GAP_BUCKETS
from modeling.histories import FloatArray, Int64Array
from modeling.sequence_configs import HstuConfig
from modeling.sequence_numpy import SequenceRecommender, silu, split_heads


@dataclass(frozen=True)
class HstuRecommender(SequenceRecommender):
    """Pointwise gated attention with biases of distance in events and in time."""

    config: HstuConfig
    kind = "hstu"

    def num_cells(self, num_events: int) -> int:
        """Attention weights of one history."""
        return num_events * num_events * self.config.num_heads

    def body(self, x_BTD: FloatArray, times_BT: Int64Array) -> FloatArray:
        """users_BD."""
        buckets_BTS = bucket_spans(times_BT)
        for block in range(self.config.num_blocks):
            x_BTD = x_BTD + self._take(f"blocks.{block}", x_BTD, buckets_BTS)
        return x_BTD[:, -1]

    def _take(self, name: str, x_BTD: FloatArray, buckets_BTS: Int64Array) -> FloatArray:
        """What a block adds to the residual stream."""
        num_rows, num_events, width = x_BTD.shape
        num_heads = self.config.num_heads
        parts = np.split(silu(self.linear(f"{name}.into", self.norm(f"{name}.norm", x_BTD))), 4, axis=-1)
        v_BHTK, q_BHTK, k_BHTK = (split_heads(part, num_heads) for part in parts[1:])
        logits_BHTS = q_BHTK @ k_BHTK.swapaxes(-1, -2) * np.float32((width // num_heads) ** -0.5)
        logits_BHTS += self._bias(name, num_events, buckets_BTS)
        weights_BHTS = silu(logits_BHTS) * _mean_of_past(num_events)
        mixed_BTD = np.asarray(weights_BHTS @ v_BHTK, np.float32).swapaxes(1, 2).reshape(num_rows, num_events, width)
        return self.linear(f"{name}.out", self.norm(f"{name}.mixed_norm", mixed_BTD) * parts[0])

    def _bias(self, name: str, num_events: int, buckets_BTS: Int64Array) -> FloatArray:
        """bias_BHTS of distance in events plus distance in time."""
        places_T = np.arange(num_events)
        distances_TS = np.maximum(places_T[:, None] - places_T, 0)
        by_distance_HTS = self.weights[f"{name}.distances.weight"][distances_TS].transpose(2, 0, 1)
        by_time_BHTS = self.weights[f"{name}.spans.weight"].T[:, buckets_BTS].swapaxes(0, 1)
        return np.asarray(by_distance_HTS + by_time_BHTS)


@lru_cache(maxsize=256)
def _mean_of_past(num_events: int) -> FloatArray:
    """shares_TS: 1 / (t + 1) where event s is not younger than t, else 0. Not to be changed."""
    return np.asarray(np.tri(num_events) / np.arange(1, num_events + 1)[:, None], np.float32)


def bucket_spans(times_BT: Int64Array) -> Int64Array:
    """buckets_BTS: floor(log2(seconds between event t and the older event s + 1)), capped; 0 where s is not older."""
    spans_BTS = np.maximum(times_BT[:, :, None] - times_BT[:, None, :], 0)
    exponents_BTS = np.frexp(spans_BTS.astype(np.float32) + np.float32(1))[1]
    return np.minimum(exponents_BTS.astype(np.int64) - 1, NUM_GAP_BUCKETS - 1)
