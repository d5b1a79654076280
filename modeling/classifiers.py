"""Servable answers to "will this person convert?": one contract, one registry; all of them NumPy.

Stage: prediction. Reads a model version; writes nothing. Shapes: R rows, F features, K members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Artifact, load_artifact
from modeling.calibration import Calibrator, log_odds
from modeling.engagement_config import ENSEMBLE
from modeling.engagement_events import EventSequences
from modeling.engagement_features import Standardiser, sigmoid
from modeling.engagement_numpy import FORWARDS
from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray
from modeling.metrics import Float64Array
from modeling.net_classifiers import NetClassifier
from modeling.simple_classifiers import LogisticClassifier, MajorityClassifier
from modeling.tree_classifiers import TreesClassifier

__all__ = [
    "CLASSIFIERS", "CalibratedClassifier", "Classifier", "EnsembleClassifier", "LogisticClassifier",
    "MajorityClassifier", "NetClassifier", "Standardiser", "TreesClassifier", "load_classifier", "open_classifier",
]  # fmt: skip


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

    @property
    def needs_events(self) -> bool:
        """Whether `probabilities` must be given the acts."""
        ...

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R float32; raw features, NaN = missing."""
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
class CalibratedClassifier:
    """A classifier whose probabilities were made to mean what they say; it goes under its own kind."""

    base: Classifier
    calibrator: Calibrator

    @property
    def kind(self) -> str:
        """Registry name of the classifier inside."""
        return self.base.kind

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns expected, in order."""
        return self.base.feature_names

    @property
    def needs_events(self) -> bool:
        """Whether `probabilities` must be given the acts."""
        return self.base.needs_events

    def to_artifact(self) -> Artifact:
        """The artifact of the classifier inside, with the calibrator."""
        artifact = self.base.to_artifact()
        config = {**artifact.config, "calibration": self.calibrator.kind}
        return replace(artifact, config=config, arrays={**artifact.arrays, "calibration": self.calibrator.parameters})

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """Calibrated probabilities_R."""
        return self.calibrator.apply(self.base.probabilities(features_RF, events))


@dataclass(frozen=True)
class EnsembleClassifier:
    """Several classifiers as one: log-odds = offset + the weighted sum of the members' log-odds."""

    members: tuple[Classifier, ...]
    weights_K: Float64Array
    """Never below 0."""
    offset: float
    kind = ENSEMBLE

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns expected, in order; all members learnt from the same table."""
        return self.members[0].feature_names

    @property
    def needs_events(self) -> bool:
        """Whether any member must be given the acts."""
        return any(member.needs_events for member in self.members)

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact and the members in it."""
        members = tuple(
            open_classifier(Artifact(one["kind"], one["config"], _below(artifact.arrays, f"member_{place}.")))
            for place, one in enumerate(artifact.config["members"])
        )
        return cls(members, artifact.arrays["weights_K"], float(artifact.arrays["offset"][0]))

    def to_artifact(self) -> Artifact:
        """Config and arrays of all members, ready to publish."""
        parts = [member.to_artifact() for member in self.members]
        arrays = {f"member_{place}.{name}": a for place, part in enumerate(parts) for name, a in part.arrays.items()}
        config = {
            "feature_names": list(self.feature_names),
            "members": [{"kind": part.kind, "config": part.config} for part in parts],
        }
        own = {"weights_K": self.weights_K, "offset": np.array([self.offset])}
        return Artifact(self.kind, config, {**arrays, **own})

    def probabilities(self, features_RF: FloatArray, events: EventSequences | None = None) -> FloatArray:
        """probabilities_R."""
        logits_R = np.full(len(features_RF), self.offset)
        for member, weight in zip(self.members, self.weights_K, strict=True):
            logits_R += weight * log_odds(member.probabilities(features_RF, events))
        return sigmoid(logits_R).astype(np.float32)


CLASSIFIERS: dict[str, ClassifierClass] = {
    "majority": MajorityClassifier,
    "logistic": LogisticClassifier,
    **dict.fromkeys(FORWARDS, NetClassifier),
    "trees": TreesClassifier,
    ENSEMBLE: EnsembleClassifier,
}


def open_classifier(artifact: Artifact) -> Classifier:
    """A classifier of any kind, with its calibrator if it has one; raises ConfigInvalid for an unknown kind."""
    if artifact.kind not in CLASSIFIERS:
        raise ConfigInvalid(
            "Unknown model kind %(kind)s; known: %(known)s.", kind=artifact.kind, known=", ".join(sorted(CLASSIFIERS))
        )
    base = CLASSIFIERS[artifact.kind].from_artifact(artifact)
    calibrator = Calibrator.stored(artifact.config, artifact.arrays)
    return base if calibrator.kind == "none" else CalibratedClassifier(base, calibrator)


def load_classifier(directory: Path) -> Classifier:
    """Open a model version of any kind; raises ConfigInvalid for a kind this build does not know."""
    return open_classifier(load_artifact(directory))


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose name begins with the prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
