"""What a model says of rows, calibrated, and how good that is on rows it has not learnt from.

Stage: training and prediction. Shapes: N rows, C classes, L tags, D width of the rows' vectors.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax

from modeling.content.targets import Targets
from modeling.histories import FloatArray
from modeling.metrics import bootstrap_mean_difference, expected_calibration_error

TAG_THRESHOLD = 0.5
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Logits:
    """Raw scores of rows; a model without classes or without tags gives zero columns of them."""

    classes_NC: FloatArray
    tags_NL: FloatArray
    vectors_ND: FloatArray
    """What the model knows of each row before it decides; zero columns where a model has no such vector."""

    def take(self, rows: NDArray[Any]) -> Logits:
        """The same of these rows."""
        return Logits(self.classes_NC[rows], self.tags_NL[rows], self.vectors_ND[rows])


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: classes by one temperature, tags by one slope and shift, fitted on validation rows."""

    class_scale: float = 1.0
    tag_scale: float = 1.0
    tag_shift: float = 0.0

    @classmethod
    def fit(cls, logits: Logits, targets: Targets) -> Calibration:
        """Minimise the log loss (Guo et al. 2017, Platt 1999); a part without labelled rows stays as it is."""
        class_scale, tag_scale, tag_shift = 1.0, 1.0, 0.0
        if targets.classes and (targets.class_N >= 0).any():
            class_scale = float(np.exp(_least(lambda x: _class_loss(logits.classes_NC * np.exp(x[0]), targets), 1)[0]))
        if targets.tags and targets.has_tags_N.any():
            found = _least(lambda x: _tag_loss(logits.tags_NL * np.exp(x[0]) + x[1], targets), 2)
            tag_scale, tag_shift = float(np.exp(found[0])), float(found[1])
        return cls(class_scale, tag_scale, tag_shift)

    def apply(self, logits: Logits) -> tuple[Float64Array, Float64Array]:
        """(class probabilities_NC, tag probabilities_NL)."""
        return _softmax(logits.classes_NC * self.class_scale), expit(logits.tags_NL * self.tag_scale + self.tag_shift)


def loss_of(logits: Logits, calibration: Calibration, targets: Targets) -> float:
    """What decides between models, in nats, lower is better: log loss of the class plus that of an average tag."""
    loss = 0.0
    if targets.classes and (targets.class_N >= 0).any():
        loss += _class_loss(logits.classes_NC * calibration.class_scale, targets)
    if targets.tags and targets.has_tags_N.any():
        loss += _tag_loss(logits.tags_NL * calibration.tag_scale + calibration.tag_shift, targets)
    return loss


def measure(logits: Logits, calibration: Calibration, targets: Targets) -> dict[str, Any]:
    """Held-out figures: accuracy, macro F1, log loss, ECE of the class; precision, recall, micro F1, ECE of tags."""
    classes_NC, tags_NL = calibration.apply(logits)
    return {
        "loss": loss_of(logits, calibration, targets),
        **_of_classes(classes_NC, targets),
        **_of_tags(tags_NL, targets),
    }


def compare(one: Logits, other: Logits, targets: Targets) -> dict[str, float]:
    """How much more often `one` has the class (or, without classes, a tag) right: mean and 95 % interval."""
    gain = bootstrap_mean_difference(_is_right(one, targets), _is_right(other, targets))
    return asdict(gain)


def confusion(logits: Logits, targets: Targets) -> list[list[int]]:
    """Rows by (true class, predicted class)."""
    rows = targets.class_N >= 0
    table = np.zeros((len(targets.classes),) * 2, np.int64)
    if targets.classes:
        np.add.at(table, (targets.class_N[rows], logits.classes_NC[rows].argmax(1)), 1)
    return [[int(num) for num in line] for line in table]


def _of_classes(classes_NC: Float64Array, targets: Targets) -> dict[str, Any]:
    rows = np.flatnonzero(targets.class_N >= 0)
    if not targets.classes or not len(rows):
        return {}
    true_R, guess_R = targets.class_N[rows], classes_NC[rows].argmax(1)
    is_right_R = true_R == guess_R
    most_common = np.bincount(true_R).max() / len(rows)
    return {
        "num_rows": len(rows),
        "accuracy": float(is_right_R.mean()),
        "macro_f1": _macro_f1(true_R, guess_R),
        "majority": float(most_common),
        "log_loss": float(-np.log(np.maximum(classes_NC[rows, true_R], 1e-12)).mean()),
        "calibration_error": expected_calibration_error(is_right_R, classes_NC[rows].max(1)),
    }


def _macro_f1(true_R: NDArray[Any], guess_R: NDArray[Any]) -> float:
    """Mean F1 of the classes that occur among the true ones."""
    scores = []
    for one in np.unique(true_R):
        hits = int(((true_R == one) & (guess_R == one)).sum())
        scores.append(2 * hits / (int((true_R == one).sum()) + int((guess_R == one).sum())))
    return float(np.mean(scores))


def _of_tags(tags_NL: Float64Array, targets: Targets) -> dict[str, Any]:
    rows = targets.has_tags_N
    if not targets.tags or not rows.any():
        return {}
    true_RL, said_RL = targets.tags_NL[rows], tags_NL[rows]
    guess_RL = said_RL >= TAG_THRESHOLD
    hits, num_true, num_said = int((true_RL & guess_RL).sum()), int(true_RL.sum()), int(guess_RL.sum())
    return {
        "num_tag_rows": int(rows.sum()),
        "tag_precision": hits / max(num_said, 1),
        "tag_recall": hits / max(num_true, 1),
        "tag_f1": 2 * hits / max(num_true + num_said, 1),
        "tag_calibration_error": expected_calibration_error(true_RL.ravel(), said_RL.ravel()),
    }


def _is_right(logits: Logits, targets: Targets) -> Float64Array:
    if targets.classes and (targets.class_N >= 0).any():
        rows = targets.class_N >= 0
        return np.asarray(logits.classes_NC[rows].argmax(1) == targets.class_N[rows], np.float64)
    rows = targets.has_tags_N
    best_R = logits.tags_NL[rows].argmax(1)
    return np.asarray(targets.tags_NL[rows][np.arange(len(best_R)), best_R], np.float64)


def _least(loss: Any, num_values: int) -> Float64Array:
    found = minimize(loss, np.zeros(num_values), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    return np.asarray(np.clip(found.x, -5, 5))


def _class_loss(logits_NC: NDArray[Any], targets: Targets) -> float:
    rows = np.flatnonzero(targets.class_N >= 0)
    said = log_softmax(logits_NC[rows].astype(np.float64), axis=1)
    return float(-said[np.arange(len(rows)), targets.class_N[rows]].mean())


def _tag_loss(logits_NL: NDArray[Any], targets: Targets) -> float:
    """Sum over the tags of a row, mean over rows, scaled to one tag that is there."""
    rows = targets.has_tags_N
    signed = np.where(targets.tags_NL[rows], 1, -1) * logits_NL[rows].astype(np.float64)
    return float(-log_expit(signed).sum() / max(int(targets.tags_NL[rows].sum()), 1))


def _softmax(logits_NC: NDArray[Any]) -> Float64Array:
    if not logits_NC.shape[1]:
        return np.zeros(logits_NC.shape)
    return np.asarray(np.exp(log_softmax(logits_NC.astype(np.float64), axis=1)))
