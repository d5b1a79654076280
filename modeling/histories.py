"""What one person did, as the models see it.

Stage: prediction. Reads the freshest events of one contact; writes nothing.
Shapes: T events of the history (oldest first), N items of the model, E events of all users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int16Array = NDArray[np.int16]
Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class History:
    """Events of one user, oldest first; items are indices into the model's item order, times are Unix seconds."""

    items_T: Int32Array
    actions_T: Int16Array
    times_T: Int64Array

    def __len__(self) -> int:
        return len(self.items_T)

    @classmethod
    def empty(cls) -> Self:
        """A new contact."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int16), np.empty(0, np.int64))

    @classmethod
    def from_events(
        cls,
        item_keys_N: Int64Array,
        event_item_keys: ArrayLike,
        actions: ArrayLike,
        times_seconds: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> Self:
        """Translate raw events (oldest first) as the dataset does: unknown items dropped, runs on one item merged.

        `item_keys_N` is the model's item order (ascending database ids); `weights` decide which action of a run stays.
        """
        keys_T = np.asarray(event_item_keys, np.int64)
        items_T, is_known_T = index_of(item_keys_N, keys_T)
        actions_T = np.asarray(actions, np.int16)[is_known_T]
        times_T = np.asarray(times_seconds, np.int64)[is_known_T]
        weights_T = np.ones(len(keys_T), np.float32) if weights is None else np.asarray(weights, np.float32)
        items_T = items_T[is_known_T]
        firsts, strongest = find_runs(np.zeros(len(items_T), np.int32), items_T, weights_T[is_known_T])
        return cls(items_T[firsts], actions_T[strongest], times_T[firsts])

    def before(self, end: int) -> History:
        """The first `end` events."""
        return History(self.items_T[:end], self.actions_T[:end], self.times_T[:end])

    def last(self, num_events: int) -> History:
        """The newest `num_events` events."""
        start = max(len(self) - num_events, 0)
        return History(self.items_T[start:], self.actions_T[start:], self.times_T[start:])

    def without(self, position: int) -> History:
        """The history as if event `position` had not happened."""
        keep_T = np.arange(len(self)) != position
        return History(self.items_T[keep_T], self.actions_T[keep_T], self.times_T[keep_T])


def index_of(sorted_keys_N: Int64Array, keys: Int64Array) -> tuple[Int32Array, BoolArray]:
    """Positions of `keys` in an ascending key array, and which of them are there at all."""
    if len(sorted_keys_N) == 0:
        return np.zeros(len(keys), np.int32), np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(sorted_keys_N, keys), len(sorted_keys_N) - 1)
    return places.astype(np.int32), np.asarray(sorted_keys_N[places] == keys)


def find_runs(users_E: Int32Array, items_E: Int32Array, weights_E: FloatArray) -> tuple[Int64Array, Int64Array]:
    """Runs of neighbouring events of one user on one item: (index of each run's first, of its heaviest event).

    Among equally heavy events the last one stands for the run (view, like, share -> share).
    """
    if len(items_E) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    is_first_E = np.ones(len(items_E), np.bool_)
    is_first_E[1:] = (items_E[1:] != items_E[:-1]) | (users_E[1:] != users_E[:-1])
    firsts = np.flatnonzero(is_first_E)
    runs_E = np.cumsum(is_first_E) - 1
    by_weight = np.lexsort((np.arange(len(items_E)), weights_E, runs_E))
    lasts = np.append(firsts[1:], len(items_E)) - 1
    return firsts.astype(np.int64), by_weight[lasts].astype(np.int64)
