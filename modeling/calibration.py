"""Make probabilities mean what they say: isotonic, Platt and temperature calibration, chosen on validation rows.

Stage: training fits, prediction applies. Reads a classifier's validation probabilities and labels; writes nothing (the
model's artifact carries the calibrator). Pure NumPy. Shapes: R rows, K knots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray
from modeling.metrics import Float64Array, log_loss_per_row

Kind = Literal["none", "temperature", "platt", "isotonic"]
KINDS: tuple[Kind, ...] = ("none", "temperature", "platt", "isotonic")
"""From stiff to pliable; among equals the first named is chosen."""
NUM_FOLDS = 5
MIN_ROWS_PER_CLASS = 20
"""Fewer validation rows of a class cannot choose a calibrator."""
MIN_ISOTONIC_PER_CLASS = 200
"""Isotonic regression learns a whole curve and needs more."""
_FLOOR = 1e-6


@dataclass(frozen=True)
class Calibrator:
    """A rising map of probabilities; an artifact stores it as `kind` and one array."""

    kind: Kind
    parameters: Float64Array
    """temperature: [slope]; platt: [slope, offset], both on the log-odds; isotonic: [2, K] knots; none: empty."""

    def apply(self, probabilities_R: NDArray[Any]) -> FloatArray:
        """Calibrated probabilities_R float32."""
        if self.kind == "none":
            return np.asarray(probabilities_R, np.float32)
        if self.kind == "isotonic":
            knots_K, shares_K = self.parameters
            return np.interp(log_odds(probabilities_R), knots_K, shares_K).astype(np.float32)
        slope, offset = (*self.parameters, 0.0)[:2]
        return _sigmoid(slope * log_odds(probabilities_R) + offset).astype(np.float32)

    @classmethod
    def none(cls) -> Self:
        """Leaves probabilities as they are."""
        return cls("none", np.empty(0))

    @classmethod
    def stored(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The calibrator that an artifact carries; one without any is left as it is."""
        if "calibration" not in config:
            return cls.none()
        return cls(config["calibration"], np.asarray(arrays["calibration"], np.float64))


@dataclass(frozen=True)
class Calibration:
    """The chosen calibrator and what it would have said of the validation rows without having seen each."""

    calibrator: Calibrator
    out_of_fold_R: FloatArray
    losses: dict[str, float]
    """Out-of-fold log-loss by kind; empty where nothing was chosen."""

    @classmethod
    def none(cls, answers_R: FloatArray) -> Self:
        """For a model that needs none."""
        return cls(Calibrator.none(), answers_R, {})


def fit_calibrator(kind: str, scores_R: NDArray[Any], labels_R: NDArray[Any]) -> Calibrator:
    """Fit one kind on probabilities and 0/1 labels of validation rows; raises ConfigInvalid for an unknown kind."""
    if kind not in _FITS:
        raise ConfigInvalid("Unknown calibration %(kind)s; known: %(known)s.", kind=kind, known=", ".join(_FITS))
    return _FITS[kind](log_odds(scores_R), np.asarray(labels_R, np.float64))


def choose_calibrator(probabilities_R: NDArray[Any], labels_R: NDArray[Any], seed: int = 0) -> Calibration:
    """The kind with the lowest out-of-fold log-loss on the validation rows, fitted anew on all of them.

    Each kind is fitted on four fifths and measured on the rest, so a pliable one does not win by learning by heart.
    """
    folds_R = stratified_folds(labels_R, seed)
    answers = {kind: _answer_out_of_fold(kind, probabilities_R, labels_R, folds_R) for kind in allowed_kinds(labels_R)}
    losses = {str(kind): float(log_loss_per_row(labels_R, answer_R).mean()) for kind, answer_R in answers.items()}
    best = min(answers, key=lambda kind: losses[kind])
    return Calibration(fit_calibrator(best, probabilities_R, labels_R), answers[best], losses)


def allowed_kinds(labels_R: NDArray[Any]) -> tuple[Kind, ...]:
    """The kinds that so many rows of the rarer class can choose among."""
    rarer = min(int((labels_R == 1).sum()), int((labels_R != 1).sum()))
    if rarer < MIN_ROWS_PER_CLASS:
        return ("none",)
    return KINDS if rarer >= MIN_ISOTONIC_PER_CLASS else KINDS[:-1]


def stratified_folds(labels_R: NDArray[Any], seed: int, num_folds: int = NUM_FOLDS) -> NDArray[np.int64]:
    """Fold of each row, with an equal share of both classes in each."""
    generator = np.random.default_rng(seed)
    folds_R = np.zeros(len(labels_R), np.int64)
    for value in (0, 1):
        rows = generator.permutation(np.flatnonzero(labels_R == value))
        folds_R[rows] = np.arange(len(rows)) % num_folds
    return folds_R


def undo_weighting(probabilities_R: NDArray[Any], odds_factor: float) -> FloatArray:
    """Probabilities of a model whose training multiplied the odds, as they are in the data.

    The factor is the weight of a positive over that of a negative row; with negatives drawn at a rate q it is 1 / q
    (King and Zeng 2001).
    """
    return _sigmoid(log_odds(probabilities_R) - np.log(odds_factor)).astype(np.float32)


def log_odds(probabilities_R: NDArray[Any]) -> Float64Array:
    """log(p / (1 - p)), with p kept 1e-6 away from 0 and 1."""
    safe_R = np.clip(np.asarray(probabilities_R, np.float64), _FLOOR, 1 - _FLOOR)
    return np.asarray(np.log(safe_R) - np.log1p(-safe_R))


def fit_log_odds(
    inputs_RK: Float64Array, targets_R: Float64Array, penalty: float = 1e-3, start_K: Float64Array | None = None
) -> Float64Array:
    """weights_K of a logistic model without intercept, pulled towards `start_K` (default 0) by a ridge penalty.

    Newton's method; a step is halved until it helps. Targets may be shares.
    """
    start_K = np.zeros(inputs_RK.shape[1]) if start_K is None else start_K
    weights_K = start_K.copy()

    def loss(candidate_K: Float64Array) -> float:
        logits_R = inputs_RK @ candidate_K
        ridge = penalty / 2 * float(np.square(candidate_K - start_K).sum())
        return float((np.logaddexp(0, logits_R) - targets_R * logits_R).sum()) + ridge

    for _ in range(100):
        shares_R = _sigmoid(inputs_RK @ weights_K)
        gradient_K = inputs_RK.T @ (shares_R - targets_R) + penalty * (weights_K - start_K)
        curvature_KK = (inputs_RK * (shares_R * (1 - shares_R))[:, None]).T @ inputs_RK
        step_K = np.linalg.solve(curvature_KK + penalty * np.eye(len(weights_K)), gradient_K)
        before, scale = loss(weights_K), 1.0
        while loss(weights_K - scale * step_K) > before and scale > 1e-9:
            scale /= 2
        weights_K = weights_K - scale * step_K
        if np.abs(scale * step_K).max() < 1e-9:
            break
    return weights_K


def _fit_none(logits_R: Float64Array, labels_R: Float64Array) -> Calibrator:
    return Calibrator.none()


def _fit_temperature(logits_R: Float64Array, labels_R: Float64Array) -> Calibrator:
    """One slope on the log-odds (Guo et al. 2017); a slope below 0 would turn the order round and becomes 0."""
    slope = fit_log_odds(logits_R[:, None], labels_R, start_K=np.ones(1))
    return Calibrator("temperature", np.maximum(slope, 0.0))


def _fit_platt(logits_R: Float64Array, labels_R: Float64Array) -> Calibrator:
    """Slope and offset on the log-odds, with Platt's targets (1999), which no logit can exceed."""
    num_positive = labels_R.sum()
    high, low = (num_positive + 1) / (num_positive + 2), 1 / (len(labels_R) - num_positive + 2)
    targets_R = np.where(labels_R == 1, high, low)
    inputs_R2 = np.column_stack([logits_R, np.ones(len(logits_R))])
    slope, offset = fit_log_odds(inputs_R2, targets_R, start_K=np.array([1.0, 0.0]))
    if slope < 0:
        share = targets_R.mean()
        slope, offset = 0.0, np.log(share / (1 - share))
    return Calibrator("platt", np.array([slope, offset]))


def _fit_isotonic(logits_R: Float64Array, labels_R: Float64Array) -> Calibrator:
    """Centred isotonic regression (Oron and Flournoy 2017): the pools' means, joined by lines, so that order stays."""
    places, inverse_R, counts = np.unique(logits_R, return_inverse=True, return_counts=True)
    pools = _pool(places, np.bincount(inverse_R, weights=labels_R) / counts, counts.astype(np.float64))
    knots_K, shares_K = np.array([pool[:2] for pool in pools]).T
    edge = 1 / (2 * len(labels_R) + 2)
    return Calibrator("isotonic", np.stack([knots_K, np.clip(shares_K, edge, 1 - edge)]))


def _pool(places: Float64Array, shares: Float64Array, counts: Float64Array) -> list[tuple[float, float, float]]:
    """Pool adjacent violators: (mean place, mean share, rows) per pool, shares rising (Ayer et al. 1955)."""
    pools: list[tuple[float, float, float]] = []
    for place, share, count in zip(places.tolist(), shares.tolist(), counts.tolist(), strict=True):
        while pools and pools[-1][1] >= share:
            old_place, old_share, old_count = pools.pop()
            total = old_count + count
            place = (old_place * old_count + place * count) / total
            share, count = (old_share * old_count + share * count) / total, total
        pools.append((place, share, count))
    return pools


_FITS = {"none": _fit_none, "temperature": _fit_temperature, "platt": _fit_platt, "isotonic": _fit_isotonic}


def _answer_out_of_fold(
    kind: str, probabilities_R: NDArray[Any], labels_R: NDArray[Any], folds_R: NDArray[np.int64]
) -> FloatArray:
    """Each row calibrated by a map fitted on the other folds."""
    answers_R = np.empty(len(labels_R), np.float32)
    for fold in range(NUM_FOLDS):
        is_held_R = folds_R == fold
        calibrator = fit_calibrator(kind, probabilities_R[~is_held_R], labels_R[~is_held_R])
        answers_R[is_held_R] = calibrator.apply(probabilities_R[is_held_R])
    return answers_R


def _sigmoid(logits: NDArray[Any]) -> Float64Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))
