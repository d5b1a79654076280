"""Folds, and what several of them say together: mean and standard error per metric and model.

Stage: training (optimisation). Reads a dataset; writes nothing. Folds are cut from what teaches and chooses; the test
stage is in none of them, so a choice made by cross-validation can still be judged on it.
Shapes: R rows. A fold of the next item is a split of its own (`splits.split_expanding`), one of classifiers are rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modeling.calibration import stratified_folds
from modeling.engagement_datasets import PARTS, EngagementDataset
from modeling.errors import DatasetTooSmall
from modeling.histories import Int64Array
from modeling.ranking_datasets import RankingDataset
from modeling.splits import FIRST_FOLD_QUANTILE
from modeling.trials import LEFT_OUT

FoldMetrics = Mapping[str, Mapping[str, float]]
"""Model kind -> metric -> value, as one fold measured it."""


@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation."""

    number: int
    """From 0."""
    num_folds: int
    seed: int


@dataclass(frozen=True)
class Summary:
    """One metric of one model over the folds."""

    mean: float
    error: float
    """Standard error of the mean: standard deviation between folds over the root of their number."""
    num_folds: int


def grouped_folds(labels_R: NDArray[np.int8], groups_R: Int64Array, num_folds: int, seed: int) -> Int64Array:
    """Fold of each row: all rows of a group (a contact) together, both kinds of groups spread evenly.

    A group counts as positive when any of its rows is. Raises DatasetTooSmall when a fold would lack one kind.
    """
    _keys, places_R = np.unique(groups_R, return_inverse=True)
    labels_G = np.zeros(len(_keys), np.int8)
    np.maximum.at(labels_G, places_R, labels_R)
    rarer = int(min(labels_G.sum(), len(labels_G) - labels_G.sum()))
    if rarer < num_folds:
        raise DatasetTooSmall(
            "Only %(num)s followers have the rarer outcome, too few for %(folds)s folds; take fewer folds.",
            num=rarer,
            folds=num_folds,
        )
    return stratified_folds(labels_G, seed, num_folds)[places_R]


def fold_rows(dataset: EngagementDataset, fold: int, num_folds: int, seed: int) -> EngagementDataset:
    """The dataset in which one fold judges, the next chooses and the others teach; its own test rows are left out."""
    is_open_R = dataset.parts_R != PARTS.index("test")
    parts_R = np.full(len(dataset.parts_R), LEFT_OUT, np.int8)
    folds_R = grouped_folds(dataset.labels_R[is_open_R], dataset.row_keys_R[is_open_R], num_folds, seed)
    parts = np.full(num_folds, PARTS.index("train"), np.int8)
    parts[fold], parts[(fold + 1) % num_folds] = PARTS.index("test"), PARTS.index("valid")
    parts_R[is_open_R] = parts[folds_R]
    return replace(dataset, parts_R=parts_R)


def fold_exposures(dataset: RankingDataset, fold: int, num_folds: int) -> RankingDataset:
    """A walk through time over the exposures before the test: what is older teaches, then one window each."""
    is_open_R = dataset.parts_R != PARTS.index("test")
    cuts = np.linspace(FIRST_FOLD_QUANTILE, 1.0, num_folds + 2)[fold : fold + 3]
    times_R = dataset.shown_micros_R
    edges = np.quantile(times_R[is_open_R], cuts, method="higher")
    parts_R = np.searchsorted(edges, times_R, side="right").astype(np.int8)
    parts_R[~is_open_R] = LEFT_OUT
    return replace(dataset, parts_R=parts_R)


def summarise(folds: Sequence[FoldMetrics]) -> dict[str, dict[str, dict[str, float]]]:
    """Kind -> metric -> mean, error and number of folds, over the folds that measured it."""
    kinds = list(dict.fromkeys(kind for fold in folds for kind in fold))
    return {
        kind: {
            metric: asdict(_summary([fold[kind][metric] for fold in folds if metric in fold.get(kind, {})]))
            for metric in dict.fromkeys(metric for fold in folds for metric in fold.get(kind, {}))
        }
        for kind in kinds
    }


def _summary(values: Sequence[float]) -> Summary:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Summary(float(np.mean(values)), error, len(values))
