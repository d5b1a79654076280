"""From an engagement table to compared, judged and published classifiers.

Stage: training. Reads an engagement dataset; writes checkpoint.safetensors and versions/<kind>/ into the run's
directory. Calling again with the same arguments after a kill continues the network and writes the same versions.
Imports torch: import it inside a training task only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modeling.training_engagement import train_engagement

# isort: split
from modeling.artifacts import write_artifact
from modeling.classifiers import Classifier, LogisticClassifier, MajorityClassifier
from modeling.engagement_config import EngagementConfig
from modeling.engagement_datasets import EngagementDataset, Part
from modeling.gate import Verdict, judge
from modeling.metrics import Float64Array, classification_metrics, log_loss_per_row
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.simple_models import ModelVersionResult

SIMPLE_KINDS = ("majority", "logistic")
DEEP_KIND = "engagement_dnn"


@dataclass(frozen=True)
class EngagementOutcome:
    """Everything a run produced."""

    versions: list[ModelVersionResult]
    verdict: Verdict
    serving_kind: str
    """The kind that should answer from now on."""

    def version(self, kind: str) -> ModelVersionResult:
        """The version of one kind."""
        return next(version for version in self.versions if version.kind == kind)


@dataclass(frozen=True)
class _Candidate:
    classifier: Classifier
    seconds: float
    notes: dict[str, Any]


def fit_engagement_models(
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> EngagementOutcome:
    """Fit majority, logistic regression and the network, measure all on the same rows, judge by log-loss, publish all.

    Raises TrainingCancelled (call again to continue) and TrainingDiverged.
    """
    majority = MajorityClassifier.fit(dataset.info.feature_names, dataset.part("train")[1])
    candidates = {"majority": _Candidate(majority, 0.0, {}), "logistic": _fit_logistic(dataset, config)}
    on_progress(TrainingPoint(stage="logistic", elapsed_seconds=candidates["logistic"].seconds))
    trained = train_engagement(dataset, config, directory, on_progress, should_stop)
    notes = {
        "best_epoch": trained.best_epoch,
        "num_epochs": trained.num_epochs,
        "num_parameters": trained.num_parameters,
        "curve": trained.curve,
    }
    candidates[DEEP_KIND] = _Candidate(trained.classifier, trained.elapsed_seconds, notes)
    simple = min(SIMPLE_KINDS, key=lambda kind: _losses(dataset, candidates[kind], "valid").mean())
    verdict = judge(
        "log_loss",
        (DEEP_KIND, _losses(dataset, candidates[DEEP_KIND], "test")),
        (simple, _losses(dataset, candidates[simple], "test")),
        higher_is_better=False,
    )
    versions = [_publish(directory, dataset, kind, candidate) for kind, candidate in candidates.items()]
    return EngagementOutcome(versions, verdict, verdict.serving_kind)


def _fit_logistic(dataset: EngagementDataset, config: EngagementConfig) -> _Candidate:
    """The ridge penalty with the lowest validation log-loss."""
    started = time.monotonic()
    features_RF, labels_R = dataset.part("train")
    valid_features_RF, valid_labels_R = dataset.part("valid")
    fitted = {
        penalty: LogisticClassifier.fit(dataset.info.feature_names, features_RF, labels_R, penalty)
        for penalty in config.logistic_penalties
    }
    best = min(
        fitted, key=lambda key: log_loss_per_row(valid_labels_R, fitted[key].probabilities(valid_features_RF)).mean()
    )
    return _Candidate(fitted[best], time.monotonic() - started, {"penalty": best})


def _losses(dataset: EngagementDataset, candidate: _Candidate, part: Part) -> Float64Array:
    features_RF, labels_R = dataset.part(part)
    return log_loss_per_row(labels_R, candidate.classifier.probabilities(features_RF))


def _publish(directory: Path, dataset: EngagementDataset, kind: str, candidate: _Candidate) -> ModelVersionResult:
    metrics = {}
    for part in ("valid", "test"):
        features_RF, labels_R = dataset.part(part)
        metrics[part] = {
            **classification_metrics(labels_R, candidate.classifier.probabilities(features_RF)),
            "num_rows": float(len(labels_R)),
        }
    notes = {**candidate.notes, "fit_seconds": candidate.seconds}
    artifact = candidate.classifier.to_artifact()
    target = directory / "versions" / kind
    write_artifact(target, replace(artifact, dataset_version=dataset.info.version, metrics=metrics, notes=notes))
    return ModelVersionResult(kind, target, metrics, notes, candidate.seconds)
