"""Behaviour counts as nets take them: standardised numbers and quantile buckets, both learnt from the training rows.

Stage: training fits, prediction applies. Reads features; writes nothing. Shapes: R rows, F features, B bucket edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.engagement_events import EventSequences
from modeling.histories import FloatArray

MAX_DEVIATIONS = 10.0
NUM_BUCKETS = 16
"""Quantile buckets per feature; bucket 0 is kept for missing values."""


@dataclass(frozen=True)
class Standardiser:
    """(x - mean) / standard deviation of the training rows; missing becomes 0, outliers stop at +-10."""

    means_F: FloatArray
    deviations_F: FloatArray

    @classmethod
    def fit(cls, features_RF: FloatArray) -> Self:
        """Means and deviations over the present values; constant and all-missing columns become 0."""
        is_present_RF = ~np.isnan(features_RF)
        counts_F = np.maximum(is_present_RF.sum(axis=0), 1)
        filled_RF = np.where(is_present_RF, features_RF, 0.0).astype(np.float64)
        means_F = filled_RF.sum(axis=0) / counts_F
        squares_F = (np.square(filled_RF - means_F) * is_present_RF).sum(axis=0) / counts_F
        deviations_F = np.where(squares_F > 0, np.sqrt(squares_F), 1.0)
        return cls(means_F.astype(np.float32), deviations_F.astype(np.float32))

    def apply(self, features_RF: FloatArray) -> FloatArray:
        """Standardised float32 features without NaN."""
        scaled_RF = (features_RF.astype(np.float32) - self.means_F) / self.deviations_F
        return np.clip(np.nan_to_num(scaled_RF, nan=0.0), -MAX_DEVIATIONS, MAX_DEVIATIONS)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        return {"means_F": self.means_F, "deviations_F": self.deviations_F}


@dataclass(frozen=True)
class Bucketiser:
    """The quantile bucket of each value; 0 where it is missing."""

    edges_FB: FloatArray
    """Rising, filled up with infinity where a feature has fewer different values."""

    @classmethod
    def fit(cls, features_RF: FloatArray) -> Self:
        """Edges between equally full buckets of the training rows."""
        edges_FB = np.full((features_RF.shape[1], NUM_BUCKETS - 2), np.inf, np.float32)
        for place, values_R in enumerate(features_RF.T):
            present = values_R[~np.isnan(values_R)]
            if len(present):
                edges = np.unique(np.quantile(present, np.linspace(0, 1, NUM_BUCKETS)[1:-1], method="lower"))
                edges = edges[edges > present.min()]
                edges_FB[place, : len(edges)] = edges
        return cls(edges_FB)

    def apply(self, features_RF: FloatArray) -> NDArray[np.int64]:
        """buckets_RF from 0 to NUM_BUCKETS - 1."""
        columns = [
            np.where(np.isnan(values_R), 0, 1 + np.searchsorted(edges_B, values_R, side="right"))
            for edges_B, values_R in zip(self.edges_FB, features_RF.astype(np.float32).T, strict=True)
        ]
        return np.minimum(np.column_stack(columns), NUM_BUCKETS - 1).astype(np.int64)


@dataclass(frozen=True)
class NetInputs:
    """What a net sees of some rows; without acts the last two are None."""

    dense_RF: FloatArray
    buckets_RF: NDArray[np.int64]
    codes_RTC: NDArray[np.int64] | None = None
    lengths_R: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class FeatureEncoder:
    """Raw features, NaN = missing, to the inputs of nets."""

    standardiser: Standardiser
    bucketiser: Bucketiser

    @classmethod
    def fit(cls, features_RF: FloatArray) -> Self:
        """From the training rows."""
        return cls(Standardiser.fit(features_RF), Bucketiser.fit(features_RF))

    @classmethod
    def stored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `arrays`; versions published before there were buckets have none."""
        means_F = arrays["means_F"]
        edges_FB = arrays.get("edges_FB", np.full((len(means_F), NUM_BUCKETS - 2), np.inf, np.float32))
        return cls(Standardiser(means_F, arrays["deviations_F"]), Bucketiser(edges_FB))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        return {**self.standardiser.arrays(), "edges_FB": self.bucketiser.edges_FB}

    def encode(self, features_RF: FloatArray, events: EventSequences | None = None) -> NetInputs:
        """Inputs of the rows; `events` must have one sequence per row."""
        padded = (None, None) if events is None else events.padded()
        return NetInputs(self.standardiser.apply(features_RF), self.bucketiser.apply(features_RF), *padded)


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + e^-x) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))
