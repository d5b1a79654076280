"""Servable answers to "will this person convert?" in NumPy: majority, logistic regression, 64-32-1 network.

Stage: training (the two simple ones are fitted here) and prediction. Reads a model version; writes nothing.
Shapes: R rows, F features, H hidden units. Each model standardises by itself: raw features in, NaN = missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays, Artifact, load_artifact, read_description
from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray

MAX_DEVIATIONS = 10.0
NEWTON_STEPS = 100


class Classifier(Protocol):
    """Probability of label 1 per row."""

    @property
    def kind(self) -> str:
        """Registry name."""
        ...

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns expected, in order."""
        ...

    def probabilities(self, features_RF: FloatArray) -> FloatArray:
        """probabilities_R float32."""
        ...

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        ...


class ClassifierClass(Protocol):
    """How a classifier is opened."""

    def from_artifact(self, artifact: Artifact) -> Classifier:
        """Wrap an opened artifact."""
        ...


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
class MajorityClassifier:
    """The share of converted rows for everybody."""

    feature_names: tuple[str, ...]
    share: float
    kind = "majority"

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

    def probabilities(self, features_RF: FloatArray) -> FloatArray:
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

    def probabilities(self, features_RF: FloatArray) -> FloatArray:
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


@dataclass(frozen=True)
class DnnClassifier:
    """Two hidden ReLU layers and one logit; weights under the torch names ("hidden_1.weight")."""

    feature_names: tuple[str, ...]
    standardiser: Standardiser
    weights: Arrays
    kind = "engagement_dnn"

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        arrays = artifact.arrays
        weights = {name.removeprefix("net."): array for name, array in arrays.items() if name.startswith("net.")}
        standardiser = Standardiser(arrays["means_F"], arrays["deviations_F"])
        return cls(tuple(artifact.config["feature_names"]), standardiser, weights)

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        arrays = {**self.standardiser.arrays(), **{f"net.{name}": array for name, array in self.weights.items()}}
        return Artifact(self.kind, {"feature_names": list(self.feature_names)}, arrays)

    def probabilities(self, features_RF: FloatArray) -> FloatArray:
        """probabilities_R."""
        x_RH = self.standardiser.apply(features_RF)
        for name in ("hidden_1", "hidden_2"):
            x_RH = np.maximum(x_RH @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"], 0)
        logits_R1 = x_RH @ self.weights["output.weight"].T + self.weights["output.bias"]
        return sigmoid(logits_R1[:, 0]).astype(np.float32)


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + e^-x) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


CLASSIFIERS: dict[str, ClassifierClass] = {
    "majority": MajorityClassifier,
    "logistic": LogisticClassifier,
    "engagement_dnn": DnnClassifier,
}


def load_classifier(directory: Path) -> Classifier:
    """Open a model version of any kind; raises ConfigInvalid for a kind this build does not know."""
    kind = read_description(directory)["kind"]
    if kind not in CLASSIFIERS:
        raise ConfigInvalid(
            "Unknown model kind %(kind)s; known: %(known)s.", kind=kind, known=", ".join(sorted(CLASSIFIERS))
        )
    return CLASSIFIERS[kind].from_artifact(load_artifact(directory))
