"""The simple models every deep one must beat, and how any model is measured and published.

Stage: training. Reads a dataset; writes versions/<kind>/ into the run's directory. Imports no torch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from modeling.artifacts import Artifact, write_artifact
from modeling.datasets import Dataset
from modeling.evaluation import MeasuredUsers, RankingReport, Scorer, evaluate, measured_users
from modeling.gate import Verdict
from modeling.histories import BoolArray
from modeling.item_knn import ItemKnnConfig, ItemKnnRecommender, PairCounts, count_pairs
from modeling.pipeline_config import PipelineConfig
from modeling.popularity import PopularityRecommender
from modeling.progress import OnProgress, TrainingPoint
from modeling.splits import Split


class Publishable(Scorer, Protocol):
    """A recommender that can be written down."""

    def to_artifact(self) -> Artifact:
        """Config and arrays."""
        ...


Model = TypeVar("Model", bound=Publishable, covariant=True)


@dataclass(frozen=True)
class Candidate(Generic[Model]):
    """A fitted model: the measured one, the one to serve, and how long it took."""

    measured: Model
    served: Model
    seconds: float
    notes: dict[str, Any]


@dataclass(frozen=True)
class Reports:
    """Quality of one model on both stages."""

    valid: RankingReport
    test: RankingReport


@dataclass(frozen=True)
class ModelVersionResult:
    """One published version."""

    kind: str
    directory: Path
    metrics: dict[str, dict[str, Any]]
    """"valid" and "test" metrics; classifiers add "intervals" of the test metrics and "calibration" (plot)."""
    notes: dict[str, Any]
    seconds: float
    """Time spent fitting."""


@dataclass(frozen=True)
class NextItemOutcome:
    """Everything a run produced."""

    versions: list[ModelVersionResult]
    verdict: Verdict | None
    """None when no deep model was fitted."""
    serving_kind: str
    """The kind that should answer from now on."""

    def version(self, kind: str) -> ModelVersionResult:
        """The version of one kind."""
        return next(version for version in self.versions if version.kind == kind)


def fit_simple_models(
    dataset: Dataset, config: PipelineConfig, directory: Path, on_progress: OnProgress
) -> NextItemOutcome:
    """Popularity and item-kNN alone: seconds, for a brand that has just uploaded its first file."""
    split = dataset.split(config.split)
    validation, test = measured_users(dataset, split, "valid"), measured_users(dataset, split, "test")
    candidates = fit_simple_candidates(dataset, split, validation, config, on_progress)
    reports = {
        kind: Reports(evaluate(candidate.measured, validation), evaluate(candidate.measured, test))
        for kind, candidate in candidates.items()
    }
    versions = publish_all(directory, dataset, candidates, reports)
    return NextItemOutcome(versions, None, best_kind(reports, list(candidates)))


def fit_simple_candidates(
    dataset: Dataset, split: Split, validation: MeasuredUsers, config: PipelineConfig, on_progress: OnProgress
) -> dict[str, Candidate[Any]]:
    """Popularity and item-kNN by kind, their settings chosen on a sample of the validation users."""
    tuning = validation.sample(config.tuning_users, config.trainer.seed)
    popularity = fit_popularity(dataset, split, tuning, config)
    on_progress(TrainingPoint(stage="popularity", elapsed_seconds=popularity.seconds))
    item_knn = fit_item_knn(dataset, split, tuning, config)
    on_progress(TrainingPoint(stage="item_knn", elapsed_seconds=item_knn.seconds))
    return {"popularity": popularity, "item_knn": item_knn}


def fit_popularity(
    dataset: Dataset, split: Split, tuning: MeasuredUsers, config: PipelineConfig
) -> Candidate[PopularityRecommender]:
    """Popularity with the half-life that ranks the tuning users' targets best."""
    started = time.monotonic()

    def fit(is_fitted_E: BoolArray, half_life_days: float) -> PopularityRecommender:
        columns = (dataset.items_E[is_fitted_E], dataset.times_E[is_fitted_E], dataset.weights_E[is_fitted_E])
        return PopularityRecommender.fit(dataset.item_keys_N, *columns, half_life_days)

    is_train_E = dataset.is_train_E(split)
    fitted = [fit(is_train_E, half_life_days) for half_life_days in config.popularity.half_life_days]
    best = max(fitted, key=lambda model: evaluate(model, tuning).mean_ndcg)
    served = fit(np.ones_like(is_train_E), best.half_life_days) if config.refit else best
    return Candidate(best, served, time.monotonic() - started, {"half_life_days": best.half_life_days})


def fit_item_knn(
    dataset: Dataset, split: Split, tuning: MeasuredUsers, config: PipelineConfig
) -> Candidate[ItemKnnRecommender]:
    """Item-kNN with the normalisation that ranks the tuning users' targets best."""
    started = time.monotonic()
    knn = config.item_knn
    pairs = _count_pairs(dataset, dataset.is_train_E(split), knn)
    settings = [(row_power, column_power) for row_power in knn.row_powers for column_power in knn.column_powers]

    def build(pairs: PairCounts, setting: tuple[float, float]) -> ItemKnnRecommender:
        kept = pairs.normalised(*setting).strongest(knn.num_neighbours)
        return ItemKnnRecommender.from_pairs(dataset.item_keys_N, kept, knn)

    models = {setting: build(pairs, setting) for setting in settings}
    best = max(settings, key=lambda setting: evaluate(models[setting], tuning).mean_ndcg)
    served = models[best]
    if config.refit:
        served = build(_count_pairs(dataset, np.ones(len(dataset.items_E), np.bool_), knn), best)
    notes = {"row_power": best[0], "column_power": best[1]}
    return Candidate(models[best], served, time.monotonic() - started, notes)


def _count_pairs(dataset: Dataset, is_fitted_E: BoolArray, config: ItemKnnConfig) -> PairCounts:
    counts_U = np.bincount(dataset.users_E[is_fitted_E], minlength=dataset.num_users)
    offsets = np.concatenate([[0], np.cumsum(counts_U)]).astype(np.int64)
    return count_pairs(offsets, dataset.items_E[is_fitted_E], dataset.weights_E[is_fitted_E], dataset.num_items, config)


def publish_all(
    directory: Path, dataset: Dataset, candidates: Mapping[str, Candidate[Any]], reports: Mapping[str, Reports]
) -> list[ModelVersionResult]:
    """Write every candidate's served model with the quality of its measured one."""
    return [_publish(directory, dataset, kind, candidate, reports[kind]) for kind, candidate in candidates.items()]


def _publish(
    directory: Path, dataset: Dataset, kind: str, candidate: Candidate[Any], reports: Reports
) -> ModelVersionResult:
    metrics = {"valid": reports.valid.metrics, "test": reports.test.metrics}
    notes = {
        **candidate.notes,
        "fit_seconds": candidate.seconds,
        "is_refit": candidate.served is not candidate.measured,
    }
    artifact: Artifact = candidate.served.to_artifact()
    target = directory / "versions" / kind
    write_artifact(target, replace(artifact, dataset_version=dataset.info.version, metrics=metrics, notes=notes))
    return ModelVersionResult(kind, target, metrics, notes, candidate.seconds)


def best_kind(reports: Mapping[str, Reports], kinds: Sequence[str]) -> str:
    """The kind with the best validation NDCG@10; among equals the first named."""
    return max(kinds, key=lambda kind: reports[kind].valid.mean_ndcg)
