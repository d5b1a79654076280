"""From a dataset to compared, judged and published model versions.

Stage: training. Reads a dataset; writes checkpoint.safetensors and versions/<kind>/ into the run's directory. Calling
again with the same arguments after a kill continues the Transformer and writes the same versions.
Imports torch: import it inside a training task only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from modeling.training_next_item import TrainingResult, train_next_item

# isort: split
import numpy as np

from modeling.blending import BlendRecommender, choose_blend, popularity_bias
from modeling.datasets import Dataset
from modeling.errors import TrainingCancelled
from modeling.evaluation import MeasuredUsers, evaluate, evaluate_together, measured_users
from modeling.gate import judge
from modeling.histories import BoolArray, FloatArray
from modeling.item_knn import ItemKnnRecommender
from modeling.pipeline_config import PipelineConfig
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.simple_models import (
    Candidate,
    NextItemOutcome,
    Reports,
    best_kind,
    fit_simple_candidates,
    publish_all,
)
from modeling.splits import Split
from modeling.transformer_numpy import TransformerRecommender

SIMPLE_KINDS = ("popularity", "item_knn")
DEEP_KINDS = ("transformer", "transformer_knn")


def fit_next_item_models(
    dataset: Dataset, config: PipelineConfig, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
) -> NextItemOutcome:
    """Fit popularity, item-kNN, Transformer and their blend, measure all on one split, judge, publish all.

    Raises TrainingCancelled (call again to continue), TrainingDiverged, DatasetTooSmall.
    """
    split = dataset.split(config.split)
    validation, test = measured_users(dataset, split, "valid"), measured_users(dataset, split, "test")
    candidates = fit_simple_candidates(dataset, split, validation, config, on_progress)
    trainer = config.trainer if config.refit else replace(config.trainer, refit_epochs=0)
    trained = train_next_item(dataset, split, config.transformer, trainer, directory, on_progress, should_stop)
    candidates["transformer"] = _wrap_transformer(dataset, split, trained, config)
    on_progress(TrainingPoint(stage="compare", elapsed_seconds=trained.elapsed_seconds))
    candidates["transformer_knn"] = _fit_blend(candidates, validation, config)
    reports = _measure(candidates, validation, test)
    if should_stop():
        raise TrainingCancelled("Training was cancelled before its models were published; it can be continued.")
    versions = publish_all(directory, dataset, candidates, reports)
    deep, simple = best_kind(reports, DEEP_KINDS), best_kind(reports, SIMPLE_KINDS)
    verdict = judge("ndcg_at_10", (deep, reports[deep].test.ndcg_B), (simple, reports[simple].test.ndcg_B))
    return NextItemOutcome(versions, verdict, verdict.serving_kind)


def _wrap_transformer(
    dataset: Dataset, split: Split, trained: TrainingResult, config: PipelineConfig
) -> Candidate[TransformerRecommender]:
    """The learnt weights as NumPy recommenders; what is measured is exactly what serves."""

    def wrap(weights: dict[str, Any], is_fitted_E: BoolArray) -> TransformerRecommender:
        prior_N = _log_prior(dataset, is_fitted_E)
        return TransformerRecommender(dataset.item_keys_N, weights, prior_N, trained.action_codes, config.transformer)

    measured = wrap(trained.measured_weights, dataset.is_train_E(split))
    everything_E = np.ones(len(dataset.items_E), np.bool_)
    served = wrap(trained.served_weights, everything_E) if config.refit else measured
    notes = {
        "best_epoch": trained.best_epoch,
        "num_epochs": trained.num_epochs,
        "num_parameters": trained.num_parameters,
        "curve": trained.curve,
    }
    return Candidate(measured, served, trained.elapsed_seconds, notes)


def _log_prior(dataset: Dataset, is_fitted_E: BoolArray) -> FloatArray:
    """log share of each item among the fitted events, one event added to all: the answer to an empty history."""
    counts_N = np.bincount(dataset.items_E[is_fitted_E], minlength=dataset.num_items) + 1.0
    return np.asarray(np.log(counts_N / counts_N.sum()), np.float32)


def _fit_blend(
    candidates: Mapping[str, Candidate[Any]], validation: MeasuredUsers, config: PipelineConfig
) -> Candidate[BlendRecommender]:
    started = time.monotonic()
    popularity, item_knn, transformer = (candidates[kind] for kind in ("popularity", "item_knn", "transformer"))
    tuning = validation.sample(config.tuning_users, config.trainer.seed)
    measured_popularity_N = popularity.measured.popularity_N
    setting = choose_blend(transformer.measured, item_knn.measured, measured_popularity_N, tuning, config.blend)

    def blend(
        transformer: TransformerRecommender, item_knn: ItemKnnRecommender, popularity_N: FloatArray
    ) -> BlendRecommender:
        bias_N = popularity_bias(popularity_N, setting.popularity_weight)
        return BlendRecommender(transformer, item_knn, setting.weight, setting.floor, bias_N)

    measured = blend(transformer.measured, item_knn.measured, measured_popularity_N)
    served = measured
    if config.refit:
        served = blend(transformer.served, item_knn.served, popularity.served.popularity_N)
    seconds = time.monotonic() - started + sum(candidate.seconds for candidate in candidates.values())
    return Candidate(measured, served, seconds, asdict(setting))


def _measure(
    candidates: dict[str, Candidate[Any]], validation: MeasuredUsers, test: MeasuredUsers
) -> dict[str, Reports]:
    """Both stages of every candidate; the blend and its members share one pass."""
    popularity: Reports = Reports(
        evaluate(candidates["popularity"].measured, validation), evaluate(candidates["popularity"].measured, test)
    )
    together = candidates["transformer_knn"].measured
    valid, tested = (evaluate_together(together.member_scores_many, stage) for stage in (validation, test))
    kinds = ("transformer", "item_knn", "transformer_knn")
    return {"popularity": popularity} | {
        kind: Reports(on_valid, on_test) for kind, on_valid, on_test in zip(kinds, valid, tested, strict=True)
    }
