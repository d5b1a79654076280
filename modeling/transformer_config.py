"""Shape of the next-item Transformer; shared by the torch network and its NumPy twin, so it imports neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling.configs import JsonConfig
from modeling.histories import Int16Array, Int32Array, Int64Array

NUM_GAP_BUCKETS = 32


@dataclass(frozen=True)
class TransformerConfig(JsonConfig):
    """A causal pre-norm Transformer over one user's events."""

    width: int = 64
    """D: size of item vectors and of the residual stream."""
    num_blocks: int = 2
    """Attention + feed-forward blocks."""
    num_heads: int = 2
    """Attention heads; divides the width."""
    hidden_factor: int = 2
    """Feed-forward width as a multiple of D."""
    max_events: int = 200
    """Newest events of a history that are read."""
    dropout: float = 0.1
    """Share of activations dropped in training."""

    @classmethod
    def debug(cls) -> TransformerConfig:
        """Small enough for a unit test."""
        return cls(width=8, num_blocks=2, num_heads=2, hidden_factor=2, max_events=8, dropout=0.1)


def bucket_gaps(times_T: Int64Array) -> Int32Array:
    """Time since the previous event as a bucket: 0 for the first event, else 1 + floor(log2(seconds + 1)), capped."""
    buckets_T = np.zeros(len(times_T), np.int32)
    gaps = np.maximum(np.diff(times_T), 0)
    buckets_T[1:] = np.minimum(1 + np.floor(np.log2(gaps + 1.0)), NUM_GAP_BUCKETS - 1)
    return buckets_T


def encode_actions(actions_T: Int16Array, action_codes: Int16Array) -> Int32Array:
    """Row of each action in the action table; 0 is "never seen in training". `action_codes` ascend."""
    places_T = np.minimum(np.searchsorted(action_codes, actions_T), len(action_codes) - 1)
    return np.where(action_codes[places_T] == actions_T, places_T + 1, 0).astype(np.int32)
