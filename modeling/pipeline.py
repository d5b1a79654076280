"""From a dataset to compared, judged and published model versions.

Stage: training. Reads a dataset; writes <family>/checkpoint.safetensors and versions/<kind>/ into the run's directory.
Calling again with the same arguments after a kill continues the network that was being fitted and writes the same
versions. Imports torch: import it inside a training task only.
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

from modeling.blending import BLENDED, BlendRecommender, choose_blend, popularity_bias
from modeling.datasets import Dataset
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.errors import TrainingCancelled
from modeling.evaluation import MeasuredUsers, evaluate, evaluate_together, measured_users
from modeling.gate import judge
from modeling.histories import BoolArray, FloatArray
from modeling.item_knn import ItemKnnRecommender
from modeling.pipeline_config import PipelineConfig
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.sequence_numpy import SequenceRecommender
from modeling.simple_models import (
    Candidate,
    NextItemOutcome,
    Reports,
    best_kind,
    fit_simple_candidates,
    publish_all,
)
from modeling.splits import Split

SIMPLE_KINDS = ("popularity", "item_knn")


def fit_next_item_models(
    dataset: Dataset, config: PipelineConfig, directory: Path, on_progress: OnProgress, should_stop: ShouldStop
) -> NextItemOutcome:
    """Fit popularity, item-kNN, the networks and a blend of the best one, measure all on one split, judge, publish all.

    Raises TrainingCancelled (call again to continue), TrainingDiverged, DatasetTooSmall.
    """
    split = dataset.split(config.split)
    validation, test = measured_users(dataset, split, "valid"), measured_users(dataset, split, "test")
    candidates = fit_simple_candidates(dataset, split, validation, config, on_progress)
    networks = fit_networks(dataset, split, config, directory, on_progress, should_stop)
    seconds = sum(candidate.seconds for candidate in networks.values())
    on_progress(TrainingPoint(stage="compare", elapsed_seconds=seconds))
    best = max(networks, key=lambda family: networks[family].notes["best_ndcg"])
    candidates |= networks
    candidates[best + BLENDED] = _fit_blend(candidates, best, validation, config)
    reports = _measure(candidates, best, validation, test)
    if should_stop():
        raise TrainingCancelled("Training was cancelled before its models were published; it can be continued.")
    versions = publish_all(directory, dataset, candidates, reports)
    deep, simple = best_kind(reports, [*networks, best + BLENDED]), best_kind(reports, SIMPLE_KINDS)
    verdict = judge("ndcg_at_10", (deep, reports[deep].test.ndcg_B), (simple, reports[simple].test.ndcg_B))
    return NextItemOutcome(versions, verdict, verdict.serving_kind)


def fit_networks(
    dataset: Dataset,
    split: Split,
    config: PipelineConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> dict[str, Candidate[SequenceRecommender]]:
    """Every network of the configuration by family, one after another; each keeps a checkpoint of its own."""
    trainer = config.trainer if config.refit else replace(config.trainer, refit_epochs=0)
    networks: dict[str, Candidate[SequenceRecommender]] = {}
    steps, epochs, seconds = 0, 0, 0.0
    for part, family in enumerate(config.families):
        before = (steps, epochs, seconds, part, len(config.families))

        def report(point: TrainingPoint, before: tuple[int, int, float, int, int] = before) -> None:
            on_progress(point.after(*before))

        network = config.network(family)
        trained = train_next_item(dataset, split, network, trainer, directory / family, report, should_stop)
        networks[family] = _wrap(dataset, split, trained, config, family)
        steps, epochs = steps + trained.num_steps, epochs + trained.num_epochs
        seconds += trained.elapsed_seconds
    return networks


def _wrap(
    dataset: Dataset, split: Split, trained: TrainingResult, config: PipelineConfig, family: str
) -> Candidate[SequenceRecommender]:
    """The learnt weights as NumPy recommenders; what is measured is exactly what serves."""

    def wrap(weights: dict[str, Any], is_fitted_E: BoolArray) -> SequenceRecommender:
        prior_N = _log_prior(dataset, is_fitted_E)
        network = config.network(family)
        return DEEP_RECOMMENDERS[family](dataset.item_keys_N, weights, prior_N, trained.action_codes, network)

    measured = wrap(trained.measured_weights, dataset.is_train_E(split))
    everything_E = np.ones(len(dataset.items_E), np.bool_)
    served = wrap(trained.served_weights, everything_E) if config.refit else measured
    notes = {
        "best_epoch": trained.best_epoch,
        "best_ndcg": trained.best_ndcg,
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
    candidates: Mapping[str, Candidate[Any]], family: str, validation: MeasuredUsers, config: PipelineConfig
) -> Candidate[BlendRecommender]:
    started = time.monotonic()
    members = [candidates[kind] for kind in ("popularity", "item_knn", family)]
    popularity, item_knn, deep = members
    tuning = validation.sample(config.tuning_users, config.trainer.seed)
    measured_popularity_N = popularity.measured.popularity_N
    setting = choose_blend(deep.measured, item_knn.measured, measured_popularity_N, tuning, config.blend)

    def blend(deep: SequenceRecommender, item_knn: ItemKnnRecommender, popularity_N: FloatArray) -> BlendRecommender:
        bias_N = popularity_bias(popularity_N, setting.popularity_weight)
        return BlendRecommender(deep, item_knn, setting.weight, setting.floor, bias_N)

    measured = blend(deep.measured, item_knn.measured, measured_popularity_N)
    served = measured
    if config.refit:
        served = blend(deep.served, item_knn.served, popularity.served.popularity_N)
    seconds = time.monotonic() - started + sum(candidate.seconds for candidate in members)
    return Candidate(measured, served, seconds, asdict(setting))


def _measure(
    candidates: Mapping[str, Candidate[Any]], family: str, validation: MeasuredUsers, test: MeasuredUsers
) -> dict[str, Reports]:
    """Both stages of every candidate; the blend and its members share one pass."""
    blended = (family, "item_knn", family + BLENDED)
    reports = {
        kind: Reports(evaluate(candidate.measured, validation), evaluate(candidate.measured, test))
        for kind, candidate in candidates.items()
        if kind not in blended
    }
    together = candidates[family + BLENDED].measured
    valid, tested = (evaluate_together(together.member_scores_many, stage) for stage in (validation, test))
    return reports | {
        kind: Reports(on_valid, on_test) for kind, on_valid, on_test in zip(blended, valid, tested, strict=True)
    }
