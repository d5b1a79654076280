"""Fit gradient-boosted trees with scikit-learn and take them out of it as plain arrays.

Stage: training. Reads an engagement dataset; returns a classifier that needs NumPy alone. Imports scikit-learn
inside the function, so that nothing else pays for it. The fit is the same on any number of threads.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.engagement_config import TreesConfig
from modeling.engagement_datasets import EngagementDataset
from modeling.histories import FloatArray
from modeling.metrics import classification_metrics
from modeling.tree_classifiers import TreesClassifier


@dataclass(frozen=True)
class FittedTrees:
    """The trees with the lowest validation log-loss among the candidates."""

    classifier: TreesClassifier
    notes: dict[str, Any]
    """learning_rate, num_leaves, num_trees."""
    curve: list[dict[str, Any]]
    """Validation metrics of each candidate, in order."""
    seconds: float


def fit_trees(dataset: EngagementDataset, config: TreesConfig, seed: int, num_threads: int = 1) -> FittedTrees:
    """Try every candidate with early stopping on the validation rows and keep the best."""
    started = time.monotonic()
    train, valid = dataset.part("train"), dataset.part("valid")
    fitted, curve = [], []
    for place, (learning_rate, num_leaves) in enumerate(product(config.learning_rates, config.leaf_counts), start=1):
        model = _boost(train, valid, config, learning_rate, num_leaves, seed, num_threads)
        classifier = export_trees(model, dataset.info.feature_names, int(np.argmax(model.validation_score_)))
        metrics = classification_metrics(valid[1], classifier.probabilities(valid[0]))
        curve.append({"epoch": place, "elapsed_seconds": time.monotonic() - started, **metrics})
        notes = {"learning_rate": learning_rate, "num_leaves": num_leaves, "num_trees": len(classifier.roots_K)}
        fitted.append((metrics["log_loss"], classifier, notes))
    _loss, classifier, notes = min(fitted, key=lambda one: one[0])
    return FittedTrees(classifier, notes, curve, time.monotonic() - started)


def _boost(
    train: tuple[FloatArray, NDArray[np.int8]],
    valid: tuple[FloatArray, NDArray[np.int8]],
    config: TreesConfig,
    learning_rate: float,
    num_leaves: int,
    seed: int,
    num_threads: int,
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=config.max_trees,
        max_leaf_nodes=num_leaves,
        min_samples_leaf=config.min_leaf_rows,
        l2_regularization=config.penalty,
        early_stopping=True,
        n_iter_no_change=config.patience,
        random_state=seed,
    )
    is_known_F = ~np.isnan(train[0]).all(axis=0)  # scikit-learn cannot bin a column without any value
    with threadpool_limits(num_threads, "openmp"):
        return model.fit(
            np.where(is_known_F, train[0], 0.0), train[1], X_val=np.where(is_known_F, valid[0], 0.0), y_val=valid[1]
        )


def export_trees(model: Any, feature_names: tuple[str, ...], num_trees: int) -> TreesClassifier:
    """The first `num_trees` trees of a fitted HistGradientBoostingClassifier, whose answers they give exactly."""
    trees = [stage[0].nodes for stage in model._predictors[:num_trees]]
    sizes = [len(nodes) for nodes in trees]
    roots_K = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int32) if trees else np.empty(0, np.int32)
    empty = np.empty(0, model._predictors[0][0].nodes.dtype)
    nodes_M = np.concatenate([empty, *trees])
    shifts_M = np.repeat(roots_K, sizes)
    is_leaf_M = nodes_M["is_leaf"].astype(np.bool_)
    return TreesClassifier(
        feature_names=feature_names,
        baseline=float(np.ravel(model._baseline_prediction)[0]),
        roots_K=roots_K,
        features_M=nodes_M["feature_idx"].astype(np.int32),
        thresholds_M=nodes_M["num_threshold"].astype(np.float64),
        lefts_M=np.where(is_leaf_M, 0, nodes_M["left"] + shifts_M).astype(np.int32),
        rights_M=np.where(is_leaf_M, 0, nodes_M["right"] + shifts_M).astype(np.int32),
        is_missing_left_M=nodes_M["missing_go_to_left"].astype(np.bool_),
        is_leaf_M=is_leaf_M,
        values_M=np.where(is_leaf_M, nodes_M["value"], 0.0),
        covers_M=nodes_M["count"].astype(np.float64),
    )
