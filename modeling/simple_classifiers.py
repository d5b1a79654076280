"""The simple answers to "will this person convert?": the majority and logistic regression, fitted and served by NumPy.

Stage: training and prediction. Reads features; writes nothing. Shapes: R rows, F features. Raw features in,
NaN = missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Artifact
from modeling.engagement_events import EventSequences
from modeling.engagement_features import Standardiser, sigmoid
from modeling.histories import FloatArray

NEWTON_STEPS = 100


@dataclass(frozen=True)
class MajorityClassifier:
    """The share of converted rows for everybody."""

    feature_names: tuple[str, ...]
    share: float
    kind = "majority"
    needs_events = False

    @classmethod
    def fit(cls, feature_names: tuple[str, ...], labels_R: NDArray[np.int8]) -> Self:
        """Mean of the labels."""
        return cls(feature_names, float(labels_R.mean()))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        return cls(tuple(artifact.config["feature_names"]), float(artifact.arrays["share"][0]))

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        return Artifact(self.kind, {"feature_names": list(self.feature_names)}, {"share": np.array([self.share])})

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R, all equal."""
        return np.full(len(features_RF), self.share, np.float32)


@dataclass(frozen=True)
class LogisticClassifier:
    """Logistic regression with ridge penalty, fitted by Newton's method on all rows at once."""

    feature_names: tuple[str, ...]
    standardiser: Standardiser
    weights_F: FloatArray
    bias: float
    kind = "logistic"
    needs_events = False

    @classmethod
    def fit(
        cls, feature_names: tuple[str, ...], features_RF: FloatArray, labels_R: NDArray[np.int8], penalty: float
    ) -> Self:
        """Minimise summed log-loss + penalty / 2 * |weights|^2 (bias free); Newton steps are halved until they help."""
        standardiser = Standardiser.fit(features_RF)
        inputs_RF = np.column_stack([standardiser.apply(features_RF).astype(np.float64), np.ones(len(labels_R))])
        penalties_F = np.append(np.full(len(feature_names), penalty), 1e-6)
        weights_F = np.zeros(inputs_RF.shape[1])
        for _ in range(NEWTON_STEPS):
            shares_R = sigmoid(inputs_RF @ weights_F)
            gradient_F = inputs_RF.T @ (shares_R - labels_R) + penalties_F * weights_F
            curvature_FF = (inputs_RF * (shares_R * (1 - shares_R))[:, None]).T @ inputs_RF + np.diag(penalties_F)
            step_F = np.linalg.solve(curvature_FF, gradient_F)
            weights_F = _damped(inputs_RF, labels_R, penalties_F, weights_F, step_F)
            if np.abs(step_F).max() < 1e-8:
                break
        return cls(feature_names, standardiser, weights_F[:-1].astype(np.float32), float(weights_F[-1]))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        standardiser = Standardiser(arrays["means_F"], arrays["deviations_F"])
        return cls(tuple(artifact.config["feature_names"]), standardiser, arrays["weights_F"], float(arrays["bias"][0]))

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays = {**self.standardiser.arrays(), "weights_F": self.weights_F, "bias": np.array([self.bias])}
        return Artifact(self.kind, {"feature_names": list(self.feature_names)}, arrays)

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R."""
        logits_R = self.standardiser.apply(features_RF) @ self.weights_F + self.bias
        return sigmoid(logits_R).astype(np.float32)


def _damped(
    inputs_RF: NDArray[np.float64],
    labels_R: NDArray[np.int8],
    penalties_F: NDArray[np.float64],
    weights_F: NDArray[np.float64],
    step_F: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The longest of step, step / 2, step / 4, ... that does not raise the penalised loss."""

    def loss(candidate_F: NDArray[np.float64]) -> float:
        logits_R = inputs_RF @ candidate_F
        return float((np.logaddexp(0, logits_R) - labels_R * logits_R).sum() + (penalties_F * candidate_F**2).sum() / 2)

    before = loss(weights_F)
    for halving in range(30):
        candidate_F = weights_F - step_F / 2**halving
        if loss(candidate_F) <= before:
            return np.asarray(candidate_F)
    return weights_F
