"""From a dataset to compared, judged and published model versions.

Stage: training. Reads a dataset; writes checkpoint.safetensors and versions/<kind>/ into the run's directory. Calling
again with the same arguments after a kill continues the Transformer and writes the same versions.
Imports torch: import it inside a training task only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from modeling.training_next_item import TrainerConfig, TrainingResult, train_next_item

# isort: split
import numpy as np

from modeling.artifacts import Artifact, write_artifact
from modeling.blending import BlendConfig, BlendRecommender, choose_blend
from modeling.configs import JsonConfig
from modeling.datasets import Dataset
from modeling.errors import ConfigInvalid
from modeling.evaluation import MeasuredUsers, RankingReport, Scorer, evaluate, measured_users
from modeling.gate import Verdict, judge
from modeling.histories import BoolArray, FloatArray
from modeling.item_knn import ItemKnnConfig, ItemKnnRecommender, PairCounts, count_pairs
from modeling.popularity import PopularityConfig, PopularityRecommender
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.splits import Split
from modeling.transformer_config import TransformerConfig
from modeling.transformer_numpy import TransformerRecommender

SIMPLE_KINDS = ("popularity", "item_knn")
DEEP_KINDS = ("transformer", "transformer_knn")


@dataclass(frozen=True)
class PipelineConfig(JsonConfig):
    """One next-item training run."""

    split: str = "time"
    """"time" mirrors production; "leave_one_out" is the published protocol."""
    refit: bool = True
    """Serve models fitted again on all events; the metrics always belong to the models fitted without the test."""
    tuning_users: int = 2000
    """Validation users that choose among simple models' settings."""
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    """Baseline 1."""
    item_knn: ItemKnnConfig = field(default_factory=ItemKnnConfig)
    """Baseline 2 and member of the blend."""
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    """The network."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """How the network is fitted."""
    blend: BlendConfig = field(default_factory=BlendConfig)
    """How the two are mixed."""

    def __post_init__(self) -> None:
        if self.split not in ("time", "leave_one_out"):
            raise ConfigInvalid('PipelineConfig.split must be "time" or "leave_one_out".', field="split")

    @classmethod
    def preset(cls, name: str) -> PipelineConfig:
        """ "quick" (a minute or two for a small brand), "standard" (best quality), "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid(f"Unknown preset {name}; known: {', '.join(sorted(PRESETS))}.", preset=name)
        return PRESETS[name]


PRESETS = {
    "quick": PipelineConfig(
        transformer=TransformerConfig(width=48, max_events=50),
        trainer=TrainerConfig(
            max_epochs=10, max_events_trained=2_000_000, batch_events=4096, validation_users=1000, patience=2
        ),
    ),
    "standard": PipelineConfig(),
    "debug": PipelineConfig(
        split="leave_one_out",
        tuning_users=50,
        item_knn=ItemKnnConfig(row_powers=(1.0,), column_powers=(0.0, 0.25)),
        transformer=TransformerConfig.debug(),
        trainer=TrainerConfig(
            max_epochs=2, batch_events=256, warmup_steps=5, validation_users=50, num_threads=1, report_seconds=0.0
        ),
        blend=BlendConfig(weights=(0.0, 1.0), floors=(1e-3,)),
    ),
}


class Publishable(Scorer, Protocol):
    """A recommender that can be written down."""

    def to_artifact(self) -> Artifact:
        """Config and arrays."""
        ...


@dataclass(frozen=True)
class ModelVersionResult:
    """One published version."""

    kind: str
    directory: Path
    metrics: dict[str, dict[str, float]]
    """"valid" and "test" metrics."""
    notes: dict[str, Any]
    seconds: float
    """Time spent fitting."""


@dataclass(frozen=True)
class NextItemOutcome:
    """Everything a run produced."""

    versions: list[ModelVersionResult]
    verdict: Verdict

    def version(self, kind: str) -> ModelVersionResult:
        """The version of one kind."""
        return next(version for version in self.versions if version.kind == kind)


Model = TypeVar("Model", bound=Publishable, covariant=True)


@dataclass(frozen=True)
class _Candidate(Generic[Model]):
    """A fitted model: the measured one, the one to serve, and how long it took."""

    measured: Model
    served: Model
    seconds: float
    notes: dict[str, Any]


def fit_next_item_models(
    dataset: Dataset, config: PipelineConfig, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
) -> NextItemOutcome:
    """Fit popularity, item-kNN, Transformer and their blend, measure all on one split, judge, publish all.

    Raises TrainingCancelled (call again to continue), TrainingDiverged, DatasetTooSmall.
    """
    split = dataset.split(config.split)
    validation, test = measured_users(dataset, split, "valid"), measured_users(dataset, split, "test")
    tuning = validation.sample(config.tuning_users, config.trainer.seed)
    popularity = _fit_popularity(dataset, split, tuning, config)
    on_progress(TrainingPoint(stage="popularity", elapsed_seconds=popularity.seconds))
    item_knn = _fit_item_knn(dataset, split, tuning, config)
    on_progress(TrainingPoint(stage="item_knn", elapsed_seconds=item_knn.seconds))
    trainer = config.trainer if config.refit else replace(config.trainer, refit_epochs=0)
    trained = train_next_item(dataset, split, config.transformer, trainer, directory, on_progress, should_stop)
    transformer = _wrap_transformer(dataset, split, trained, config)
    blend = _fit_blend(transformer, item_knn, validation, config)
    candidates: dict[str, _Candidate[Publishable]] = {
        "popularity": popularity,
        "item_knn": item_knn,
        "transformer": transformer,
        "transformer_knn": blend,
    }
    reports = {kind: _measure(kind, candidate, validation, test, on_progress) for kind, candidate in candidates.items()}
    versions = [_publish(directory, dataset, candidate, kind, reports[kind]) for kind, candidate in candidates.items()]
    return NextItemOutcome(versions, _judge(reports))


@dataclass(frozen=True)
class _Reports:
    valid: RankingReport
    test: RankingReport


def _fit_popularity(
    dataset: Dataset, split: Split, tuning: MeasuredUsers, config: PipelineConfig
) -> _Candidate[PopularityRecommender]:
    started = time.monotonic()

    def fit(is_fitted_E: BoolArray, half_life_days: float) -> PopularityRecommender:
        columns = (dataset.items_E[is_fitted_E], dataset.times_E[is_fitted_E], dataset.weights_E[is_fitted_E])
        return PopularityRecommender.fit(dataset.item_keys_N, *columns, half_life_days)

    is_train_E = dataset.is_train_E(split)
    fitted = [fit(is_train_E, half_life_days) for half_life_days in config.popularity.half_life_days]
    best = max(fitted, key=lambda model: evaluate(model, tuning).metrics["ndcg_at_10"])
    served = fit(np.ones_like(is_train_E), best.half_life_days) if config.refit else best
    return _Candidate(best, served, time.monotonic() - started, {"half_life_days": best.half_life_days})


def _fit_item_knn(
    dataset: Dataset, split: Split, tuning: MeasuredUsers, config: PipelineConfig
) -> _Candidate[ItemKnnRecommender]:
    started = time.monotonic()
    knn = config.item_knn
    pairs = _count_pairs(dataset, dataset.is_train_E(split), knn)
    settings = [(row_power, column_power) for row_power in knn.row_powers for column_power in knn.column_powers]

    def build(pairs: PairCounts, setting: tuple[float, float]) -> ItemKnnRecommender:
        kept = pairs.normalised(*setting).strongest(knn.num_neighbours)
        return ItemKnnRecommender.from_pairs(dataset.item_keys_N, kept, knn)

    models = {setting: build(pairs, setting) for setting in settings}
    best = max(settings, key=lambda setting: evaluate(models[setting], tuning).metrics["ndcg_at_10"])
    served = models[best]
    if config.refit:
        served = build(_count_pairs(dataset, np.ones(len(dataset.items_E), np.bool_), knn), best)
    return _Candidate(models[best], served, time.monotonic() - started, {"row_power": best[0], "column_power": best[1]})


def _count_pairs(dataset: Dataset, is_fitted_E: BoolArray, config: ItemKnnConfig) -> PairCounts:
    counts_U = np.bincount(dataset.users_E[is_fitted_E], minlength=dataset.num_users)
    offsets = np.concatenate([[0], np.cumsum(counts_U)]).astype(np.int64)
    return count_pairs(offsets, dataset.items_E[is_fitted_E], dataset.weights_E[is_fitted_E], dataset.num_items, config)


def _wrap_transformer(
    dataset: Dataset, split: Split, trained: TrainingResult, config: PipelineConfig
) -> _Candidate[TransformerRecommender]:
    """The learnt weights as NumPy recommenders; what is measured is exactly what serves."""
    is_train_E = dataset.is_train_E(split)
    notes = {
        "best_epoch": trained.best_epoch,
        "num_epochs": trained.num_epochs,
        "num_parameters": trained.num_parameters,
        "curve": trained.curve,
    }

    def wrap(weights: dict[str, Any], prior_N: FloatArray) -> TransformerRecommender:
        return TransformerRecommender(dataset.item_keys_N, weights, prior_N, trained.action_codes, config.transformer)

    measured = wrap(trained.measured_weights, _log_prior(dataset, is_train_E))
    everything_E = np.ones_like(is_train_E)
    served = wrap(trained.served_weights, _log_prior(dataset, everything_E)) if config.refit else measured
    return _Candidate(measured, served, trained.elapsed_seconds, notes)


def _log_prior(dataset: Dataset, is_fitted_E: BoolArray) -> FloatArray:
    """log share of each item among the fitted events, one event added to all: the answer to an empty history."""
    counts_N = np.bincount(dataset.items_E[is_fitted_E], minlength=dataset.num_items) + 1.0
    return np.asarray(np.log(counts_N / counts_N.sum()), np.float32)


def _fit_blend(
    transformer: _Candidate[TransformerRecommender],
    item_knn: _Candidate[ItemKnnRecommender],
    validation: MeasuredUsers,
    config: PipelineConfig,
) -> _Candidate[BlendRecommender]:
    started = time.monotonic()
    blend = choose_blend(transformer.measured, item_knn.measured, validation, config.blend)
    served = blend
    if config.refit:
        served = BlendRecommender(transformer.served, item_knn.served, blend.weight, blend.floor)
    seconds = time.monotonic() - started + transformer.seconds + item_knn.seconds
    return _Candidate(blend, served, seconds, {"weight": blend.weight, "floor": blend.floor})


def _measure(
    kind: str,
    candidate: _Candidate[Publishable],
    validation: MeasuredUsers,
    test: MeasuredUsers,
    on_progress: OnProgress,
) -> _Reports:
    reports = _Reports(evaluate(candidate.measured, validation), evaluate(candidate.measured, test))
    on_progress(
        TrainingPoint(stage=f"{kind}_measured", elapsed_seconds=candidate.seconds, metrics=reports.valid.metrics)
    )
    return reports


def _publish(
    directory: Path, dataset: Dataset, candidate: _Candidate[Publishable], kind: str, reports: _Reports
) -> ModelVersionResult:
    metrics = {"valid": reports.valid.metrics, "test": reports.test.metrics}
    notes = {
        **candidate.notes,
        "fit_seconds": candidate.seconds,
        "is_refit": candidate.served is not candidate.measured,
    }
    target = directory / "versions" / kind
    artifact = replace(
        candidate.served.to_artifact(), dataset_version=dataset.info.version, metrics=metrics, notes=notes
    )
    write_artifact(target, artifact)
    return ModelVersionResult(kind, target, metrics, notes, candidate.seconds)


def _judge(reports: dict[str, _Reports]) -> Verdict:
    """Validation picks the best deep and the best simple model; the test decides between the two."""
    deep, simple = _best(reports, DEEP_KINDS), _best(reports, SIMPLE_KINDS)
    return judge("ndcg_at_10", (deep, reports[deep].test.ndcg_B), (simple, reports[simple].test.ndcg_B))


def _best(reports: dict[str, _Reports], kinds: Sequence[str]) -> str:
    return max(kinds, key=lambda kind: reports[kind].valid.metrics["ndcg_at_10"])
