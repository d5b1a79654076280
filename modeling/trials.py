"""One fit of one family, measured on the validation stage only: what searches and learning curves are made of.

Stage: training. Reads a dataset; writes a checkpoint into the fit's directory. The test stage is never looked at.
The trainers import torch, so they are imported inside the functions that run in a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modeling.datasets import Dataset
from modeling.engagement_config import EngagementConfig
from modeling.engagement_datasets import PARTS, EngagementDataset
from modeling.histories import BoolArray
from modeling.pipeline_config import PipelineConfig
from modeling.progress import OnProgress, ShouldStop
from modeling.ranking_config import RankingConfig
from modeling.ranking_datasets import RankingDataset
from modeling.splits import Split

LEFT_OUT = len(PARTS)
"""Part of rows that a smaller sample leaves out."""


@dataclass(frozen=True)
class Objective:
    """What a fit is judged by, on the validation stage."""

    metric: str
    is_higher_better: bool = True

    def best(self, values: Sequence[float]) -> float:
        """The best of some values."""
        return max(values) if self.is_higher_better else min(values)

    def is_better(self, value: float, other: float) -> bool:
        """Whether one value beats another."""
        return value > other if self.is_higher_better else value < other


OBJECTIVES: dict[str, Objective] = {
    "next_item": Objective("ndcg_at_10"),
    "engagement": Objective("log_loss", is_higher_better=False),
    "ranking": Objective("weighted_uauc"),
}
"""Purpose -> what its models are chosen by."""
CURVE_METRICS = {"next_item": "ndcg_at_10", "engagement": "auc", "ranking": "weighted_uauc"}
"""Purpose -> what a learning curve shows: between 0 and 1, higher is better."""


@dataclass(frozen=True)
class Sample:
    """A part of the contacts that teach. Samples of one seed are nested: a larger share holds the smaller one."""

    share: float
    seed: int

    def pick(self, num_contacts: int) -> BoolArray:
        """True for the contacts that are in."""
        order = np.random.default_rng(self.seed).permutation(num_contacts)
        is_in = np.zeros(num_contacts, np.bool_)
        is_in[order[: max(round(num_contacts * self.share), 1)]] = True
        return is_in


@dataclass(frozen=True)
class Fit:
    """How one fit went, by its best epoch."""

    metrics: dict[str, Any]
    """Validation metrics of the best epoch."""


def fit_next_item(
    dataset: Dataset,
    config: PipelineConfig,
    sample: Sample | None,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> Fit:
    """Fit the first network of `config` on its split, by all contacts or a sample of them; everybody is measured."""
    from modeling.training_next_item import train_next_item

    split = dataset.split(config.split)
    split = split if sample is None else restrict_split(dataset, split, sample)
    seed = config.trainer.seed if sample is None else sample.seed
    trainer = replace(config.trainer, refit_epochs=0, seed=seed)
    network = config.network(config.families[0])
    trained = train_next_item(dataset, split, network, trainer, directory, on_progress, should_stop)
    return _fit_of(trained.curve, trained.best_epoch)


def fit_engagement(
    dataset: EngagementDataset,
    config: EngagementConfig,
    sample: Sample | None,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> Fit:
    """Fit the first family of `config` on the training rows or a sample of them; all validation rows are measured."""
    from modeling.training_engagement import train_family

    if sample is not None:
        dataset = restrict_rows(dataset, sample)
        config = replace(config, trainer=replace(config.trainer, seed=sample.seed))
    trained = train_family(config.families[0], dataset, config, directory, on_progress, should_stop)
    return _fit_of(trained.curve, trained.best_epoch)


def fit_ranking(
    dataset: RankingDataset,
    config: RankingConfig,
    sample: Sample | None,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> Fit:
    """Fit the first network of `config` on the exposures of all contacts or a sample of them; everybody is measured."""
    from modeling.training_ranking import train_family

    if sample is not None:
        dataset = restrict_contacts(dataset, sample)
        config = replace(config, trainer=replace(config.trainer, seed=sample.seed))
    trained = train_family(config.families[0], dataset, config, directory, on_progress, should_stop)
    return _fit_of(trained.curve, trained.best_epoch)


def restrict_contacts(dataset: RankingDataset, sample: Sample) -> RankingDataset:
    """The dataset in which only a sample of the contacts teaches; the other parts stay the same."""
    contacts, owner_R = np.unique(dataset.user_keys_R, return_inverse=True)
    is_out_R = ~sample.pick(len(contacts))[owner_R] & (dataset.parts_R == PARTS.index("train"))
    return replace(dataset, parts_R=np.where(is_out_R, LEFT_OUT, dataset.parts_R).astype(np.int8))


def restrict_split(dataset: Dataset, split: Split, sample: Sample) -> Split:
    """The split in which only the sample's contacts teach; who is measured stays the same."""
    is_in_U = sample.pick(dataset.num_users)
    return replace(split, train_ends_U=np.where(is_in_U, split.train_ends_U, dataset.offsets[:-1]))


def restrict_rows(dataset: EngagementDataset, sample: Sample) -> EngagementDataset:
    """The dataset in which only a sample of each class's training rows teaches; the other parts stay the same."""
    parts_R = dataset.parts_R.copy()
    for value in (0, 1):
        rows = np.flatnonzero((parts_R == PARTS.index("train")) & (dataset.labels_R == value))
        parts_R[rows[~sample.pick(len(rows))]] = LEFT_OUT
    return replace(dataset, parts_R=parts_R)


def _fit_of(curve: Sequence[Mapping[str, Any]], best_epoch: int) -> Fit:
    best = next(point for point in curve if point["epoch"] == best_epoch)
    not_metrics = ("epoch", "loss", "elapsed_seconds")
    return Fit({name: value for name, value in best.items() if name not in not_metrics})
