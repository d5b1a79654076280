"""What everybody likes now: event weight with an exponential half-life.

Stage: training and prediction. Reads training events; writes an artifact with one number per item.
Shapes: N items, E events, B users, T history events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from modeling.artifacts import Arrays, Artifact, load_artifact
from modeling.configs import JsonConfig
from modeling.histories import FloatArray, History, Int32Array, Int64Array

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class PopularityConfig(JsonConfig):
    """How fast fame fades."""

    half_life_days: tuple[float, ...] = (2.0, 7.0, 30.0, 365.0)
    """An event counts half after this many days; with several values validation chooses."""


@dataclass(frozen=True)
class PopularityRecommender:
    """The same ranking for everybody."""

    item_keys_N: Int64Array
    popularity_N: FloatArray
    half_life_days: float
    kind = "popularity"

    @classmethod
    def fit(
        cls,
        item_keys_N: Int64Array,
        items_E: Int32Array,
        times_E: Int64Array,
        weights_E: FloatArray,
        half_life_days: float,
    ) -> Self:
        """Sum event weights times 0.5 ^ (age / half-life); age is counted back from the newest event."""
        ages_days_E = (times_E.max() - times_E) / SECONDS_PER_DAY if len(times_E) else np.empty(0)
        decayed_E = weights_E * np.exp2(-ages_days_E / half_life_days)
        popularity_N = np.bincount(items_E, decayed_E, minlength=len(item_keys_N))
        return cls(item_keys_N, popularity_N.astype(np.float32), half_life_days)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open a published version."""
        return cls.from_artifact(load_artifact(directory))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        return cls(arrays["item_keys_N"], arrays["popularity_N"], artifact.config["half_life_days"])

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays: Arrays = {"item_keys_N": self.item_keys_N, "popularity_N": self.popularity_N}
        return Artifact(self.kind, {"half_life_days": self.half_life_days}, arrays)

    def scores(self, history: History) -> FloatArray:
        """scores_N; the history does not matter."""
        return self.popularity_N

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN."""
        return np.broadcast_to(self.popularity_N, (len(histories), len(self.popularity_N)))

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """Zero for every event of the history: nothing personal speaks for a popular item."""
        return np.zeros(len(history), np.float32)
