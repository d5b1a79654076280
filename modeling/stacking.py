"""Several classifiers into one: seeds averaged, then non-negative logistic stacking of log-odds on validation rows.

Stage: training. Reads fitted classifiers' validation answers; writes nothing. Shapes: R rows, K members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modeling.calibration import NUM_FOLDS, fit_log_odds, log_odds, stratified_folds
from modeling.classifiers import Classifier, EnsembleClassifier
from modeling.engagement_features import sigmoid
from modeling.histories import FloatArray
from modeling.metrics import Float64Array


def average(members: list[Classifier]) -> Classifier:
    """Fits of one family with different seeds as one classifier: the mean of their log-odds."""
    if len(members) == 1:
        return members[0]
    return EnsembleClassifier(tuple(members), np.full(len(members), 1 / len(members)), 0.0)


def stack(
    members: list[Classifier], answers_KR: list[FloatArray], labels_R: NDArray[np.int8], penalty: float, seed: int
) -> tuple[EnsembleClassifier, Float64Array, FloatArray]:
    """The ensemble fitted on validation answers, all members' weights, and its answers to rows it was not fitted on.

    Members whose weight is 0 are left out, so the version holds no dead weight.
    """
    logits_RK = np.column_stack([log_odds(answers_R) for answers_R in answers_KR])
    folds_R = stratified_folds(labels_R, seed)
    out_of_fold_R = np.empty(len(labels_R), np.float32)
    for fold in range(NUM_FOLDS):
        is_held_R = folds_R == fold
        weights_K, offset = stacking_weights(logits_RK[~is_held_R], labels_R[~is_held_R], penalty)
        out_of_fold_R[is_held_R] = sigmoid(logits_RK[is_held_R] @ weights_K + offset)
    weights_K, offset = stacking_weights(logits_RK, labels_R, penalty)
    kept = [place for place, weight in enumerate(weights_K) if weight > 0]
    ensemble = EnsembleClassifier(tuple(members[place] for place in kept), weights_K[kept], offset)
    return ensemble, weights_K, out_of_fold_R


def stacking_weights(logits_RK: Float64Array, labels_R: NDArray[np.int8], penalty: float) -> tuple[Float64Array, float]:
    """Weights_K >= 0 and the offset of the logistic model on log-odds, pulled towards the plain mean.

    Breiman 1996: weights that may not fall below 0 keep members that say nearly the same from being set against each
    other. Members with a negative weight are taken out one by one, the most negative first.
    """
    is_in_K = np.ones(logits_RK.shape[1], np.bool_)
    while True:
        num = int(is_in_K.sum())
        start = np.append(np.full(num, 1 / max(num, 1)), 0.0)
        inputs = np.column_stack([logits_RK[:, is_in_K], np.ones(len(logits_RK))])
        fitted = fit_log_odds(inputs, labels_R.astype(np.float64), penalty, start)
        if num == 1 or fitted[:-1].min() >= 0:
            break
        is_in_K[np.flatnonzero(is_in_K)[int(fitted[:-1].argmin())]] = False
    weights_K = np.zeros(len(is_in_K))
    weights_K[is_in_K] = np.maximum(fitted[:-1], 0.0)
    if not weights_K.any():  # every member is worse than a guess
        weights_K[int(np.flatnonzero(is_in_K)[0])] = 1e-9
    return weights_K, float(fitted[-1])
