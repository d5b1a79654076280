"""Gradient-boosted trees as plain arrays, computed by NumPy.

Stage: prediction. Reads a model version; writes nothing. Shapes: R rows, F features, M nodes of all trees, K trees.
The arrays hold every node's cover (training rows that reached it) and value, as TreeSHAP needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Artifact
from modeling.engagement_events import EventSequences
from modeling.engagement_features import sigmoid
from modeling.histories import BoolArray, FloatArray, Int32Array
from modeling.metrics import Float64Array

NODE_ARRAYS = (
    "features_M", "thresholds_M", "lefts_M", "rights_M", "is_missing_left_M", "is_leaf_M", "values_M", "covers_M",
)  # fmt: skip


@dataclass(frozen=True)
class TreesClassifier:
    """log-odds = baseline + the sum of the leaf values that a row reaches, one leaf per tree."""

    feature_names: tuple[str, ...]
    baseline: float
    roots_K: Int32Array
    """First node of each tree; lefts and rights count through all trees."""
    features_M: Int32Array
    thresholds_M: Float64Array
    """A row goes left when its value is not above it."""
    lefts_M: Int32Array
    rights_M: Int32Array
    is_missing_left_M: BoolArray
    is_leaf_M: BoolArray
    values_M: Float64Array
    """Of leaves: what they add; 0 for other nodes."""
    covers_M: Float64Array
    """Training rows that reached the node."""
    kind = "trees"
    needs_events = False

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = {name: artifact.arrays[name] for name in ("roots_K", *NODE_ARRAYS)}
        return cls(tuple(artifact.config["feature_names"]), float(artifact.arrays["baseline"][0]), **arrays)

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in ("roots_K", *NODE_ARRAYS)}
        config = {"feature_names": list(self.feature_names)}
        return Artifact(self.kind, config, {**arrays, "baseline": np.array([self.baseline])})

    def log_odds(self, features_RF: FloatArray) -> Float64Array:
        """log-odds_R; NaN takes the way that training found for missing values."""
        total_R = np.full(len(features_RF), self.baseline)
        for root in self.roots_K:
            total_R += self.values_M[self._leaves(int(root), features_RF)]
        return total_R

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R."""
        return sigmoid(self.log_odds(features_RF)).astype(np.float32)

    def _leaves(self, root: int, features_RF: FloatArray) -> NDArray[np.int64]:
        """leaves_R: the node at which each row ends."""
        nodes_R = np.full(len(features_RF), root, np.int64)
        walking = np.flatnonzero(~self.is_leaf_M[nodes_R])
        while len(walking):
            nodes = nodes_R[walking]
            values = features_RF[walking, self.features_M[nodes]]
            goes_left = np.where(np.isnan(values), self.is_missing_left_M[nodes], values <= self.thresholds_M[nodes])
            nodes_R[walking] = np.where(goes_left, self.lefts_M[nodes], self.rights_M[nodes])
            walking = walking[~self.is_leaf_M[nodes_R[walking]]]
        return nodes_R
