"""Ridge regression for amounts and ridge logit for responses, exact to convergence. Pure NumPy.

Shapes: R people, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling.metrics import Float64Array

MAX_STEPS = 50
TOLERANCE = 1e-8


@dataclass(frozen=True)
class LinearModel:
    """A fitted linear predictor of an outcome's mean."""

    weights_F: Float64Array
    bias: float
    is_logit: bool

    def predict(self, features_RF: Float64Array) -> Float64Array:
        """The expected outcome of each row: a probability for a logit."""
        score_R = features_RF @ self.weights_F + self.bias
        return _sigmoid(score_R) if self.is_logit else score_R


def fit_linear(features_RF: Float64Array, outcome_R: Float64Array, penalty: float = 1.0) -> LinearModel:
    """Ridge logit when outcomes are 0/1 and both occur, else ridge regression; the bias is not shrunk.

    Minimises loss + penalty/2 * |w|^2, where loss is the summed log loss or half the summed squares.
    """
    is_logit = bool(np.isin(outcome_R, (0.0, 1.0)).all() and 0 < outcome_R.mean() < 1)
    design = np.column_stack([np.ones(len(features_RF)), features_RF])
    ridge = np.diag(np.append(1e-9, np.full(features_RF.shape[1], penalty)))
    fitted = _newton(design, outcome_R, ridge) if is_logit else _solve(design.T @ design + ridge, design.T @ outcome_R)
    return LinearModel(fitted[1:], float(fitted[0]), is_logit)


def _newton(design: Float64Array, outcome_R: Float64Array, ridge: Float64Array) -> Float64Array:
    """Newton's method on the penalised log loss (convex, so it ends at the one minimum)."""
    share = outcome_R.mean()
    fitted = np.zeros(design.shape[1])
    fitted[0] = np.log(share / (1 - share))
    for _ in range(MAX_STEPS):
        chance_R = _sigmoid(design @ fitted)
        gradient = design.T @ (chance_R - outcome_R) + ridge @ fitted
        curvature = (design * (chance_R * (1 - chance_R))[:, None]).T @ design + ridge
        step = _solve(curvature, gradient)
        fitted = fitted - step
        if np.abs(step).max() < TOLERANCE:
            break
    return fitted


def _solve(matrix: Float64Array, vector: Float64Array) -> Float64Array:
    """Least squares, so that features that repeat one another do not break the fit."""
    return np.asarray(np.linalg.lstsq(matrix, vector, rcond=None)[0], np.float64)


def _sigmoid(score_R: Float64Array) -> Float64Array:
    return np.asarray(0.5 * (1.0 + np.tanh(score_R / 2)), np.float64)
