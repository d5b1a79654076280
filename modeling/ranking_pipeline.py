"""From a ranking dataset to compared, judged and published rankers.

Stage: training. Reads a ranking dataset; writes <family>/checkpoint.safetensors and versions/<kind>/ into the run's
directory. Calling again with the same arguments after a kill continues the networks and writes the same versions.
Imports torch: import it inside a training task only.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modeling.training_ranking import RankingTrainingResult, stays_of, train_family

# isort: split
import numpy as np

from modeling.artifacts import write_artifact
from modeling.calibration import choose_calibrator
from modeling.gate import MIN_UNITS, Verdict
from modeling.histories import FloatArray
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.rankers import ActModel, Ranker, Reference
from modeling.ranking_config import RankingConfig
from modeling.ranking_datasets import Part, RankingDataset
from modeling.ranking_dwell import DwellBuckets, agreement_within
from modeling.ranking_inputs import BatchReader
from modeling.ranking_metrics import UNKNOWN, UserQuality, difference, ranking_report
from modeling.ranking_models import NetModel, RatesModel
from modeling.ranking_trees import fit_trees
from modeling.simple_models import ModelVersionResult

SIMPLE_KINDS = ("act_rates", "act_trees")
BATCH_ROWS = 4096
MEASURED: tuple[Part, ...] = ("valid", "test")


@dataclass(frozen=True)
class RankingOutcome:
    """Everything a run produced."""

    versions: list[ModelVersionResult]
    verdict: Verdict
    serving_kind: str
    """The kind that should answer from now on."""


@dataclass(frozen=True)
class _Candidate:
    """A fitted model with what it says of the validation and test exposures, calibrated."""

    ranker: Ranker
    said: dict[Part, FloatArray]
    """probabilities_RK; those of validation without the calibrator having seen them (out of fold)."""
    stays: dict[Part, FloatArray | None]
    seconds: float
    notes: dict[str, Any]

    def quality(self, dataset: RankingDataset, part: Part) -> UserQuality:
        """AUC per user and act."""
        rows = dataset.rows(part)
        users_R, days_R = dataset.user_keys_R[rows], dataset.days_R[rows]
        return UserQuality.of(dataset.info.acts, users_R, days_R, dataset.labels_RK[rows], self.said[part])


def fit_ranking_models(
    dataset: RankingDataset, config: RankingConfig, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
) -> RankingOutcome:
    """Fit rates, trees and the networks, calibrate and measure all on the same exposures, judge, publish all.

    The best network and the best simple model by weighted uAUC on validation are compared on the test exposures.
    Raises TrainingCancelled (call again to continue) and TrainingDiverged.
    """
    reference, buckets = Reference.of(dataset), stays_of(dataset)[0]
    train_RF = dataset.features_RF[dataset.rows("train")]
    candidates = {}
    for kind, fit in (
        ("act_rates", lambda: RatesModel.fit(dataset.info.acts, train_RF)),
        ("act_trees", lambda: fit_trees(dataset, config)),
    ):
        started = time.monotonic()
        model: ActModel = fit()
        candidates[kind] = _calibrate(kind, model, dataset, reference, buckets, time.monotonic() - started, {})
        on_progress(TrainingPoint(stage=kind, elapsed_seconds=time.monotonic() - started))
    num_steps = 0
    for family in config.families:
        listener = _Shifted(on_progress, num_steps)
        trained = train_family(family, dataset, config, directory / family, listener, should_stop)
        num_steps += trained.num_steps
        candidates[family] = _calibrate_net(trained, config, dataset, reference)
    on_progress(TrainingPoint(stage="compare"))
    verdict = _judge(dataset, candidates, config)
    versions = [_publish(directory, dataset, candidate) for candidate in candidates.values()]
    return RankingOutcome(versions, verdict, verdict.serving_kind)


@dataclass(frozen=True)
class _Shifted:
    """Lets steps grow over the whole run, one family after the other."""

    on_progress: OnProgress
    num_before: int

    def __call__(self, point: TrainingPoint) -> None:
        """Pass the point on."""
        self.on_progress(replace(point, step=point.step + self.num_before, num_steps=point.num_steps + self.num_before))


def _calibrate_net(
    trained: RankingTrainingResult, config: RankingConfig, dataset: RankingDataset, reference: Reference
) -> _Candidate:
    num_towers = len(dataset.info.acts) + 1
    model = NetModel(trained.family, config.network, num_towers, trained.standardiser, trained.weights)
    notes = {
        "best_epoch": trained.best_epoch,
        "num_epochs": trained.num_epochs,
        "num_parameters": trained.num_parameters,
        "curve": trained.curve,
    }
    return _calibrate(trained.family, model, dataset, reference, trained.buckets, trained.elapsed_seconds, notes)


def _calibrate(
    kind: str,
    model: ActModel,
    dataset: RankingDataset,
    reference: Reference,
    buckets: DwellBuckets,
    seconds: float,
    notes: dict[str, Any],
) -> _Candidate:
    """Choose a calibrator per act on the validation exposures whose label is known."""
    raw = Ranker(kind, reference, model, (), buckets)
    reader = BatchReader(dataset, dataset.features_RF, model.num_events_read)
    valid, stays_valid = answer(raw, reader, dataset.rows("valid"))
    labels_RK, calibrators = dataset.labels_RK[dataset.rows("valid")], []
    for k in range(len(reference.acts)):
        is_known_R = labels_RK[:, k] != UNKNOWN
        chosen = choose_calibrator(valid[is_known_R, k], labels_RK[is_known_R, k])
        calibrators.append(chosen.calibrator)
        valid[is_known_R, k] = chosen.out_of_fold_R
    ranker = replace(raw, calibrators=tuple(calibrators))
    test, stays_test = answer(ranker, reader, dataset.rows("test"))
    return _Candidate(
        ranker, {"valid": valid, "test": test}, {"valid": stays_valid, "test": stays_test}, seconds, notes
    )


def answer(
    ranker: Ranker, reader: BatchReader, rows: np.ndarray[Any, np.dtype[np.int64]]
) -> tuple[FloatArray, FloatArray | None]:
    """(probabilities_RK, stays_R or None) of exposures of a dataset."""
    starts = range(0, len(rows), BATCH_ROWS)
    parts = [ranker.split(reader.read(rows[start : start + BATCH_ROWS])) for start in starts]
    stays = [stays_R for _probabilities, stays_R in parts if stays_R is not None]
    return np.concatenate([one for one, _stays in parts]), np.concatenate(stays) if stays else None


def _judge(dataset: RankingDataset, candidates: dict[str, _Candidate], config: RankingConfig) -> Verdict:
    """The best network against the best simple model, both chosen on validation, on the test exposures."""

    def best(kinds: tuple[str, ...]) -> str:
        return max(kinds, key=lambda kind: _known(candidates[kind].quality(dataset, "valid").weighted()[0]))

    deep_kind, simple_kind = best(config.families), best(SIMPLE_KINDS)
    deep, simple = (candidates[kind].quality(dataset, "test") for kind in (deep_kind, simple_kind))
    gain = difference(deep, simple)
    has_enough = deep.num_users >= MIN_UNITS
    promote = has_enough and gain.low > 0
    return Verdict(
        promote=promote,
        code="deep_is_better" if promote else "not_better" if has_enough else "too_few_users",
        metric="weighted_uauc",
        deep_kind=deep_kind,
        simple_kind=simple_kind,
        deep_value=_known(deep.weighted()[0]),
        simple_value=_known(simple.weighted()[0]),
        delta=_known(gain.delta),
        low=_known(gain.low),
        high=_known(gain.high),
        num_units=deep.num_users,
    )


def _known(value: float) -> float:
    """0 where nothing could be measured (JSON has no NaN)."""
    return float(value) if math.isfinite(value) else 0.0


def _publish(directory: Path, dataset: RankingDataset, candidate: _Candidate) -> ModelVersionResult:
    ranker = candidate.ranker
    metrics: dict[str, dict[str, Any]] = {}
    for part in MEASURED:
        rows = dataset.rows(part)
        quality = candidate.quality(dataset, part)
        metrics[part] = ranking_report(quality, dataset.labels_RK[rows], candidate.said[part])
        metrics[part]["stay"] = _stay_agreement(dataset, rows, candidate.stays[part], ranker.buckets)
    notes = {**candidate.notes, "fit_seconds": candidate.seconds}
    target = directory / "versions" / ranker.kind
    artifact = replace(ranker.to_artifact(), dataset_version=dataset.info.version, metrics=metrics, notes=notes)
    write_artifact(target, artifact)
    return ModelVersionResult(ranker.kind, target, metrics, notes, candidate.seconds)


def _stay_agreement(
    dataset: RankingDataset,
    rows: np.ndarray[Any, np.dtype[np.int64]],
    stays_R: FloatArray | None,
    buckets: DwellBuckets,
) -> float | None:
    """Rank correlation of said and true stays among items of like length; None where the model knows no stays."""
    if stays_R is None:
        return None
    items_R = dataset.items_R[rows]
    places_R = buckets.of(dataset.items.kinds_N1[items_R], dataset.items.lengths_N1[items_R].astype(np.float32))
    value = agreement_within(places_R, stays_R, dataset.dwells_R[rows])
    return value if math.isfinite(value) else None
