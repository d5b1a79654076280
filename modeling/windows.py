"""Training windows: every event of every user, cut to the model's length and batched without much padding.

Stage: training. Reads a dataset's sequences; writes nothing.
Shapes: W windows, B windows of a batch, T events, E events of the dataset.

A window is (start, length) over the training events of one user; inputs are events start .. start + length - 1, targets
the events one later. Long users give several windows; where they are cut moves from epoch to epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.datasets import Dataset
from modeling.event_inputs import bucket_gaps, encode_actions
from modeling.histories import FloatArray, Int16Array, Int32Array, Int64Array
from modeling.splits import Split

PADDING_TARGET = -1


@dataclass(frozen=True)
class Batch:
    """Right-padded windows; targets are -1 in the padding, weights 0 where the target was met before; the targets'
    actions count from 0 along the trained codes."""

    items_BT: Int64Array
    actions_BT: Int64Array
    gaps_BT: Int64Array
    positions_BT: Int64Array
    times_BT: Int64Array
    targets_BT: Int64Array
    target_actions_BT: Int64Array
    weights_BT: FloatArray

    @property
    def num_targets(self) -> int:
        """Events that teach."""
        return int((self.targets_BT != PADDING_TARGET).sum())


class TrainingWindows:
    """Deterministic epochs of batches over one split's training events."""

    def __init__(
        self, dataset: Dataset, split: Split, action_codes: Int16Array, max_events: int, batch_events: int
    ) -> None:
        self.max_events = max_events
        self.batch_events = batch_events
        self.starts_U: Int64Array = dataset.offsets[:-1]
        self.num_inputs_U: Int64Array = np.maximum(split.train_ends_U - self.starts_U - 1, 0)
        self.items_E: Int32Array = dataset.items_E
        self.actions_E: Int32Array = encode_actions(dataset.actions_E, action_codes)
        self.gaps_E: Int32Array = bucket_gaps(dataset.times_E)
        self.gaps_E[dataset.offsets[:-1]] = 0
        self.times_E: Int64Array = dataset.times_E
        self.weights_E: FloatArray = dataset.weights_E * dataset.is_new_E

    @property
    def num_targets(self) -> int:
        """Events one epoch teaches."""
        return int(self.num_inputs_U.sum())

    def epoch(self, epoch: int, seed: int) -> list[NDArray[np.int64]]:
        """Batches of one epoch, each an array of (start, length) rows; the same for the same epoch and seed."""
        generator = np.random.default_rng([seed, epoch])
        windows_W2 = self._cut(generator)
        order_W = np.lexsort((generator.random(len(windows_W2)), -windows_W2[:, 1]))
        batches: list[NDArray[np.int64]] = []
        first = 0
        while first < len(order_W):
            longest = int(windows_W2[order_W[first], 1])
            last = first + max(self.batch_events // longest, 1)
            batches.append(windows_W2[order_W[first:last]])
            first = last
        return [batches[place] for place in generator.permutation(len(batches))]

    def _cut(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Windows of at most max_events inputs: a random first one, then full ones; every target is used once."""
        users = np.flatnonzero(self.num_inputs_U)
        lengths = self.num_inputs_U[users]
        firsts = np.where(lengths > self.max_events, generator.integers(1, self.max_events + 1, len(users)), lengths)
        counts = 1 + -(-(lengths - firsts) // self.max_events)
        owner_W = np.repeat(np.arange(len(users)), counts)
        nth_W = np.arange(len(owner_W)) - np.repeat(np.cumsum(counts) - counts, counts)
        begins_W = np.where(nth_W == 0, 0, firsts[owner_W] + (nth_W - 1) * self.max_events)
        ends_W = np.minimum(firsts[owner_W] + nth_W * self.max_events, lengths[owner_W])
        return np.stack([self.starts_U[users[owner_W]] + begins_W, ends_W - begins_W], axis=1)

    def batch(self, windows_B2: NDArray[np.int64]) -> Batch:
        """Gather the events of some windows."""
        starts_B1, lengths_B1 = windows_B2[:, :1], windows_B2[:, 1:]
        places_T = np.arange(int(lengths_B1.max()))
        is_event_BT = places_T < lengths_B1
        rows_BT = starts_B1 + np.minimum(places_T, lengths_B1 - 1)
        gaps_BT = self.gaps_E[rows_BT].astype(np.int64)
        gaps_BT[:, 0] = 0
        return Batch(
            items_BT=self.items_E[rows_BT].astype(np.int64),
            actions_BT=self.actions_E[rows_BT].astype(np.int64),
            gaps_BT=gaps_BT,
            positions_BT=np.maximum(lengths_B1 - 1 - places_T, 0),
            times_BT=self.times_E[rows_BT],
            targets_BT=np.where(is_event_BT, self.items_E[rows_BT + 1], PADDING_TARGET).astype(np.int64),
            target_actions_BT=np.maximum(self.actions_E[rows_BT + 1] - 1, 0).astype(np.int64),
            weights_BT=np.where(is_event_BT, self.weights_E[rows_BT + 1], 0.0).astype(np.float32),
        )
