"""From an engagement table to compared, calibrated, judged and published classifiers.

Stage: training. Reads an engagement dataset; writes one checkpoint per net and versions/<kind>/ into the run's
directory. Calling again with the same arguments after a kill goes on with the net that was being fitted and writes the
same versions.
Imports torch: import it inside a training task only.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modeling.training_engagement import FamilyResult, train_family

# isort: split
import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import write_artifact
from modeling.calibration import Calibration, choose_calibrator
from modeling.classifiers import CalibratedClassifier, Classifier, LogisticClassifier, MajorityClassifier
from modeling.engagement_config import ENSEMBLE, TREES, EngagementConfig
from modeling.engagement_datasets import EngagementDataset, Part
from modeling.gate import Verdict, judge
from modeling.histories import FloatArray
from modeling.metrics import (
    calibration_bins,
    classification_intervals,
    classification_metrics,
    expected_calibration_error,
    log_loss_per_row,
)
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.simple_models import ModelVersionResult
from modeling.stacking import average, stack

SIMPLE_KINDS = ("majority", "logistic", TREES)
"""What deep models must beat."""


@dataclass(frozen=True)
class EngagementOutcome:
    """Everything a run produced."""

    versions: list[ModelVersionResult]
    verdict: Verdict | None
    """On the deep model with the lowest validation log-loss; None when none was fitted."""
    serving_kind: str
    """The kind that should answer from now on."""

    def version(self, kind: str) -> ModelVersionResult:
        """The version of one kind."""
        return next(version for version in self.versions if version.kind == kind)


@dataclass(frozen=True)
class Candidate:
    """A fitted and calibrated classifier."""

    classifier: Classifier
    calibration: Calibration
    """Its `out_of_fold_R` are the validation answers that nothing was fitted on."""
    ece_before: float
    """Validation calibration error without the calibrator."""
    seconds: float
    notes: dict[str, Any]


def fit_engagement_models(
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> EngagementOutcome:
    """Fit the simple models and the chosen families, calibrate all, measure them on the same rows, judge, publish all.

    Raises DatasetTooSmall, DatasetInvalid, TrainingCancelled (call again to go on) and TrainingDiverged.
    """
    dataset.check()
    candidates = fit_candidates(dataset, config, directory, on_progress, should_stop)
    on_progress(TrainingPoint(stage="compare"))
    labels_R = dataset.part("valid")[1]
    losses = {
        kind: float(log_loss_per_row(labels_R, candidate.calibration.out_of_fold_R).mean())
        for kind, candidate in candidates.items()
    }
    simple = min((kind for kind in candidates if kind in SIMPLE_KINDS), key=lambda kind: losses[kind])
    deep = [kind for kind in candidates if kind not in SIMPLE_KINDS]
    verdict = _judge(dataset, candidates, min(deep, key=lambda kind: losses[kind]), simple) if deep else None
    versions = [_publish(directory, dataset, kind, candidate) for kind, candidate in candidates.items()]
    return EngagementOutcome(versions, verdict, verdict.serving_kind if verdict else simple)


def fit_candidates(
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> dict[str, Candidate]:
    """All models of a run by kind, calibrated on the validation rows; the test rows are not looked at."""
    majority = MajorityClassifier.fit(dataset.info.feature_names, dataset.part("train")[1])
    candidates = {"majority": _plain(dataset, majority), "logistic": _fit_logistic(dataset, config)}
    on_progress(TrainingPoint(stage="logistic", elapsed_seconds=candidates["logistic"].seconds))
    averaged: dict[str, Candidate] = {}
    for family, fits in _fit_families(dataset, config, directory, on_progress, should_stop):
        notes = {**fits[0].notes(), "num_seeds": len(fits)}
        candidates[family] = _calibrated(dataset, fits[0].classifier, fits[0].elapsed_seconds, notes)
        averaged[family] = candidates[family]
        if len(fits) > 1:
            seconds = sum(fit.elapsed_seconds for fit in fits)
            averaged[family] = _calibrated(dataset, average([fit.classifier for fit in fits]), seconds, {})
    if ENSEMBLE in config.families:
        candidates[ENSEMBLE] = _stack(dataset, {"logistic": candidates["logistic"], **averaged}, config)
    return candidates


def _fit_families(
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> Iterator[tuple[str, list[FamilyResult]]]:
    """Each family with its fits, one per seed; the trees first, as they take seconds and one seed is enough."""
    seeds = range(config.ensemble.num_seeds if ENSEMBLE in config.families else 1)
    if TREES in config.families:
        on_progress(TrainingPoint(stage=TREES))
        yield TREES, [train_family(TREES, dataset, config, directory, on_progress, should_stop)]
    done: list[FamilyResult] = []
    for family in config.nets:
        fits = []
        for seed in seeds:
            report = _Report(on_progress, tuple(done), len(config.nets) * len(seeds))
            changed = replace(config, trainer=replace(config.trainer, seed=config.trainer.seed + seed))
            fits.append(train_family(family, dataset, changed, directory, report, should_stop))
            done.append(fits[-1])
        yield family, fits


@dataclass(frozen=True)
class _Report:
    """Passes the points of a net on as points of a run that has fitted others before."""

    on_progress: OnProgress
    done: tuple[FamilyResult, ...]
    num_nets: int

    def __call__(self, point: TrainingPoint) -> None:
        steps, epochs = sum(fit.num_steps for fit in self.done), sum(fit.num_epochs for fit in self.done)
        seconds = sum(fit.elapsed_seconds for fit in self.done)
        self.on_progress(point.after(steps, epochs, seconds, len(self.done), self.num_nets))


def _fit_logistic(dataset: EngagementDataset, config: EngagementConfig) -> Candidate:
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
    return _calibrated(dataset, fitted[best], time.monotonic() - started, {"penalty": best})


def _plain(dataset: EngagementDataset, classifier: Classifier) -> Candidate:
    """A classifier that is calibrated by what it is."""
    answers_R = _answers(dataset, classifier, "valid")
    error = expected_calibration_error(dataset.part("valid")[1], answers_R)
    return Candidate(classifier, Calibration.none(answers_R), error, 0.0, {})


def _calibrated(dataset: EngagementDataset, classifier: Classifier, seconds: float, notes: dict[str, Any]) -> Candidate:
    answers_R, labels_R = _answers(dataset, classifier, "valid"), dataset.part("valid")[1]
    calibration = choose_calibrator(answers_R, labels_R)
    error = expected_calibration_error(labels_R, answers_R)
    return Candidate(CalibratedClassifier(classifier, calibration.calibrator), calibration, error, seconds, notes)


def _stack(dataset: EngagementDataset, members: dict[str, Candidate], config: EngagementConfig) -> Candidate:
    """The members as one; its weights are its calibration."""
    started = time.monotonic()
    labels_R = dataset.part("valid")[1]
    listed = list(members.values())
    ensemble, weights_K, out_of_fold_R = stack(
        [one.classifier for one in listed],
        [one.calibration.out_of_fold_R for one in listed],
        labels_R,
        config.ensemble.penalty,
        config.trainer.seed,
    )
    notes = {"weights": dict(zip(members, weights_K.tolist(), strict=True)), "offset": ensemble.offset}
    error = expected_calibration_error(labels_R, out_of_fold_R)
    seconds = time.monotonic() - started + sum(one.seconds for one in listed)
    return Candidate(ensemble, Calibration.none(out_of_fold_R), error, seconds, notes)


def _judge(dataset: EngagementDataset, candidates: dict[str, Candidate], deep: str, simple: str) -> Verdict:
    labels_R = dataset.part("test")[1]
    losses = {
        kind: log_loss_per_row(labels_R, _answers(dataset, candidates[kind].classifier, "test"))
        for kind in (deep, simple)
    }
    return judge("log_loss", (deep, losses[deep]), (simple, losses[simple]), higher_is_better=False)


def _answers(dataset: EngagementDataset, classifier: Classifier, part: Part) -> FloatArray:
    events = dataset.events_of(part) if classifier.needs_events else None
    return classifier.probabilities(dataset.part(part)[0], events)


def _publish(directory: Path, dataset: EngagementDataset, kind: str, candidate: Candidate) -> ModelVersionResult:
    labels_R, answers_R = dataset.part("test")[1], _answers(dataset, candidate.classifier, "test")
    metrics: dict[str, dict[str, Any]] = {
        "valid": _measure(dataset.part("valid")[1], candidate.calibration.out_of_fold_R),
        "test": {**_measure(labels_R, answers_R), **confusion(labels_R, answers_R)},
        "intervals": classification_intervals(labels_R, answers_R),
        "calibration": {
            "kind": "stacking" if kind == ENSEMBLE else candidate.calibration.calibrator.kind,
            "ece_before": candidate.ece_before,
            "bins": calibration_bins(labels_R, answers_R),
        },
    }
    notes = {**candidate.notes, "fit_seconds": candidate.seconds, "calibration_losses": candidate.calibration.losses}
    artifact = candidate.classifier.to_artifact()
    target = directory / "versions" / kind
    write_artifact(target, replace(artifact, dataset_version=dataset.info.version, metrics=metrics, notes=notes))
    return ModelVersionResult(kind, target, metrics, notes, candidate.seconds)


def _measure(labels_R: NDArray[np.int8], answers_R: FloatArray) -> dict[str, float]:
    return {**classification_metrics(labels_R, answers_R), "num_rows": float(len(labels_R))}


def confusion(labels_R: NDArray[np.int8], answers_R: FloatArray) -> dict[str, float]:
    """Right and wrong answers at a probability of one half."""
    is_said_R, is_true_R = answers_R >= 0.5, labels_R == 1
    return {
        "true_positives": float((is_said_R & is_true_R).sum()),
        "false_positives": float((is_said_R & ~is_true_R).sum()),
        "false_negatives": float((~is_said_R & is_true_R).sum()),
        "true_negatives": float((~is_said_R & ~is_true_R).sum()),
    }
