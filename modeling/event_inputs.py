"""Events as the numbers that networks read; the same in training windows, in live scoring and while validating.

Stage: training and prediction. Pure functions of histories.
Shapes: T events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling.histories import History, Int16Array, Int32Array, Int64Array

NUM_GAP_BUCKETS = 32
SECONDS_PER_WEEK = 7 * 86_400


@dataclass(frozen=True)
class EventInputs:
    """One column per input of a network, aligned with the history."""

    items_T: Int32Array
    actions_T: Int32Array
    gaps_T: Int32Array
    times_T: Int64Array

    @classmethod
    def of(cls, history: History, action_codes: Int16Array) -> EventInputs:
        """Encode a history; `action_codes` are the ascending codes that the network was trained with."""
        return cls(
            history.items_T,
            encode_actions(history.actions_T, action_codes),
            bucket_gaps(history.times_T),
            history.times_T,
        )


def bucket_gaps(times_T: Int64Array) -> Int32Array:
    """Time since the previous event as a bucket: 0 for the first event, else 1 + floor(log2(seconds + 1)), capped.

    A clock that goes backwards counts as no time at all.
    """
    buckets_T = np.zeros(len(times_T), np.int32)
    gaps = np.maximum(np.diff(times_T), 0)
    buckets_T[1:] = np.minimum(1 + np.floor(np.log2(gaps + 1.0)), NUM_GAP_BUCKETS - 1)
    return buckets_T


def encode_actions(actions_T: Int16Array, action_codes: Int16Array) -> Int32Array:
    """Row of each action in the action table; 0 is "never seen in training". `action_codes` ascend."""
    places_T = np.minimum(np.searchsorted(action_codes, actions_T), len(action_codes) - 1)
    return np.where(action_codes[places_T] == actions_T, places_T + 1, 0).astype(np.int32)
