"""Gradient-boosted trees per act, fitted by scikit-learn and taken out of it as plain arrays.

Stage: training. Reads a ranking dataset; writes nothing. scikit-learn is imported only here and only when called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modeling.ranking_config import RankingConfig
from modeling.ranking_datasets import RankingDataset
from modeling.ranking_metrics import UNKNOWN
from modeling.ranking_models import TreesModel

MIN_LEAF_ROWS = 20


def fit_trees(dataset: RankingDataset, config: RankingConfig) -> TreesModel:
    """One forest per act on the features of exposures, stopped early by log-loss on the validation exposures."""
    forests = [_boost(dataset, k, config) for k in range(len(dataset.info.acts))]
    trees = [(act, one[0].nodes) for act, (forest, num) in enumerate(forests) for one in forest._predictors[:num]]
    sizes = np.array([len(nodes) for _act, nodes in trees], np.int64)
    roots_P = (np.cumsum(sizes) - sizes).astype(np.int32)
    nodes_M = np.concatenate([nodes for _act, nodes in trees])
    own_M = np.arange(len(nodes_M))
    is_leaf_M, shifts_M = nodes_M["is_leaf"].astype(np.bool_), np.repeat(roots_P, sizes)
    return TreesModel(
        num_acts=len(forests),
        baselines_K=np.array([np.ravel(one._baseline_prediction)[0] for one, _num in forests], np.float32),
        acts_P=np.array([act for act, _nodes in trees], np.int32),
        roots_P=roots_P,
        features_M=nodes_M["feature_idx"].astype(np.int32),
        thresholds_M=nodes_M["num_threshold"].astype(np.float64),
        lefts_M=np.where(is_leaf_M, own_M, nodes_M["left"] + shifts_M).astype(np.int32),
        rights_M=np.where(is_leaf_M, own_M, nodes_M["right"] + shifts_M).astype(np.int32),
        is_missing_left_M=nodes_M["missing_go_to_left"].astype(np.bool_),
        values_M=np.where(is_leaf_M, nodes_M["value"], 0.0).astype(np.float32),
        depth=int(nodes_M["depth"].max()),
    )


def _boost(dataset: RankingDataset, act: int, config: RankingConfig) -> tuple[Any, int]:
    """The fitted forest of one act and how many of its trees to keep."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    parts = []
    for part in ("train", "valid"):
        rows = dataset.rows(part)
        rows = rows[dataset.labels_RK[rows, act] != UNKNOWN]
        parts.append((dataset.features_RF[rows], dataset.labels_RK[rows, act]))
    (train_RF, labels_R), (valid_RF, valid_R) = parts
    has_values_F = ~np.isnan(train_RF).all(axis=0)  # scikit-learn cannot bin a column without any value
    forest = HistGradientBoostingClassifier(
        learning_rate=config.trees.learning_rate,
        max_iter=config.trees.max_iter,
        max_leaf_nodes=config.trees.max_leaf_nodes,
        min_samples_leaf=MIN_LEAF_ROWS,
        early_stopping=True,
        random_state=config.trainer.seed,
    )
    with threadpool_limits(config.trainer.num_threads, "openmp"):
        known = [np.where(has_values_F, features_RF, 0.0) for features_RF in (train_RF, valid_RF)]
        forest.fit(known[0], labels_R, X_val=known[1], y_val=valid_R)
    return forest, max(int(np.argmax(forest.validation_score_)), 1)
