"""Engagement nets as they serve: the encoder of features and the net's weights, computed by NumPy.

Stage: prediction. Reads a model version; writes nothing. Shapes: R rows, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from modeling.artifacts import Arrays, Artifact
from modeling.engagement_events import EventSequences
from modeling.engagement_features import FeatureEncoder, sigmoid
from modeling.engagement_numpy import EVENT_KINDS, FORWARDS
from modeling.histories import FloatArray

BATCH_ROWS = 4096
"""Rows computed at once; bounds the memory of long sequences."""


@dataclass(frozen=True)
class NetClassifier:
    """One of the nets; weights under the torch names ("hidden_1.weight")."""

    kind: str
    feature_names: tuple[str, ...]
    encoder: FeatureEncoder
    weights: Arrays

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        weights = {name.removeprefix("net."): array for name, array in arrays.items() if name.startswith("net.")}
        names = tuple(artifact.config["feature_names"])
        return cls(artifact.kind, names, FeatureEncoder.stored(arrays), weights)

    @property
    def needs_events(self) -> bool:
        """Whether `probabilities` must be given the acts."""
        return self.kind in EVENT_KINDS

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays = {**self.encoder.arrays(), **{f"net.{name}": array for name, array in self.weights.items()}}
        return Artifact(self.kind, {"feature_names": list(self.feature_names)}, arrays)

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R; raises ConfigInvalid when the acts are needed and missing."""
        parts = [np.empty(0, np.float32)]
        for start in range(0, len(features_RF), BATCH_ROWS):
            rows = np.arange(start, min(start + BATCH_ROWS, len(features_RF)))
            taken = events.take(rows) if events is not None and self.needs_events else None
            parts.append(FORWARDS[self.kind](self.weights, self.encoder.encode(features_RF[rows], taken)))
        return sigmoid(np.concatenate(parts)).astype(np.float32)
