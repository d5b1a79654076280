"""The simple models that a network has to beat: logistic regression and nearest neighbours.

Stage: training and prediction. Texts come as TF-IDF of token counts, pictures as layouts of colour. Predicting needs
NumPy and scipy alone. Shapes: N rows, V columns, C classes, L tags, R teaching rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logit

from modeling.content.predictions import Logits
from modeling.content.targets import Targets
from modeling.errors import TrainingCancelled
from modeling.histories import FloatArray, Int32Array
from modeling.progress import ShouldStop

NUM_NEIGHBOURS = 10
MAX_TEACHING_ROWS = 10_000
"""The simple models learn from this many rows at most: more change little and cost minutes."""
_STRENGTHS = (3.0, 100.0)
"""Candidates of the logistic regression's inverse penalty; validation chooses."""
_SURE = 1e-3
Arrays = Mapping[str, NDArray[Any]]


class SimpleModel(Protocol):
    """Features in, logits out; everything it knows is in `arrays`."""

    @property
    def kind(self) -> str:
        """The family's name."""
        ...

    @property
    def arrays(self) -> Arrays:
        """Weights by name."""
        ...

    def logits(self, features_NV: sparse.csr_array) -> Logits:
        """Of every row."""
        ...


def count_tokens(tokens_NT: Int32Array, num_ids: int) -> sparse.csr_array:
    """counts_NV: how often each row holds each token (float32); padding is not counted."""
    rows, places = np.nonzero(tokens_NT)
    ones = np.ones(len(rows), np.float32)
    counts_NV = sparse.csr_array((ones, (rows, tokens_NT[rows, places])), (len(tokens_NT), num_ids))
    counts_NV.sum_duplicates()
    return counts_NV


def weigh_by_rarity(counts_NV: sparse.csr_array, num_texts_V: NDArray[Any], num_texts: int) -> sparse.csr_array:
    """TF-IDF with (1 + log tf) and smoothed idf, rows of length 1 (Salton and Buckley 1988)."""
    idf_V = np.log((1 + num_texts) / (1 + num_texts_V)) + 1
    weighed = counts_NV.astype(np.float64)
    weighed.data = 1 + np.log(weighed.data)
    weighed = weighed @ sparse.diags_array(idf_V)
    lengths_N = np.sqrt(weighed.multiply(weighed).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths_N, 1e-12)) @ weighed)


@dataclass(frozen=True)
class LogisticModel:
    """One logistic regression per class and per tag."""

    arrays: Arrays
    """weights_VK, biases_K over C + L outputs, num_classes."""
    kind: str = "logistic"

    @classmethod
    def fit(
        cls, features_NV: sparse.csr_array, targets: Targets, strength: float, should_stop: ShouldStop
    ) -> LogisticModel:
        """Fit every output on the rows that know it."""
        outputs = [(targets.class_N == place, targets.class_N >= 0) for place in range(len(targets.classes))]
        outputs += [(targets.tags_NL[:, place], targets.has_tags_N) for place in range(len(targets.tags))]
        fitted = [_fit_one(features_NV, is_yes, known, targets, strength, should_stop) for is_yes, known in outputs]
        weights_VK = np.stack([weights for weights, _bias in fitted], axis=1)
        biases_K = np.array([bias for _weights, bias in fitted], np.float32)
        num_classes = np.array([len(targets.classes)], np.int64)
        return cls({"weights_VK": weights_VK, "biases_K": biases_K, "num_classes": num_classes})

    def logits(self, features_NV: sparse.csr_array) -> Logits:
        """Of every row; this model has no vectors."""
        said_NK = np.asarray(features_NV @ self.arrays["weights_VK"] + self.arrays["biases_K"], np.float32)
        num = int(self.arrays["num_classes"][0])
        return Logits(said_NK[:, :num], said_NK[:, num:], np.empty((len(said_NK), 0), np.float32))


def _fit_one(
    features_NV: sparse.csr_array,
    is_yes_N: NDArray[np.bool_],
    is_known_N: NDArray[np.bool_],
    targets: Targets,
    strength: float,
    should_stop: ShouldStop,
) -> tuple[FloatArray, float]:
    from sklearn.linear_model import LogisticRegression

    if should_stop():
        raise TrainingCancelled("Training was cancelled.")
    rows = np.flatnonzero(is_known_N)
    num_yes = int(is_yes_N[rows].sum())
    if not 0 < num_yes < len(rows):  # no teaching row has it, or all have
        share = (num_yes + 0.5) / (len(rows) + 1)
        return np.zeros(features_NV.shape[1], np.float32), float(logit(share))
    model = LogisticRegression(C=strength, solver="liblinear", random_state=0)
    model.fit(_narrow(features_NV[rows]), is_yes_N[rows], sample_weight=targets.weights_N[rows])
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _narrow(rows_RV: sparse.csr_array) -> sparse.csr_matrix:
    """The rows with 32-bit indices, as liblinear wants them."""
    parts = (rows_RV.data, rows_RV.indices.astype(np.int32), rows_RV.indptr.astype(np.int32))
    return sparse.csr_matrix(parts, rows_RV.shape)


@dataclass(frozen=True)
class NearestModel:
    """The labels of the most similar teaching rows, weighed by similarity (cosine)."""

    arrays: Arrays
    """The teaching rows in CSR form and their labels."""
    kind: str = "nearest"

    @classmethod
    def fit(cls, features_NV: sparse.csr_array, targets: Targets) -> NearestModel:
        """Remember the rows."""
        return cls(
            {
                "data": features_NV.data.astype(np.float32),
                "indices": features_NV.indices.astype(np.int32),
                "indptr": features_NV.indptr.astype(np.int32),
                "num_columns": np.array([features_NV.shape[1]], np.int64),
                "class_R": targets.class_N,
                "num_classes": np.array([len(targets.classes)], np.int64),
                "tags_RL": targets.tags_NL.astype(np.uint8),
            }
        )

    def logits(self, features_NV: sparse.csr_array) -> Logits:
        """Of every row, as logits of the smoothed shares among its neighbours."""
        known, num_classes = self.arrays, int(self.arrays["num_classes"][0])
        shape = (len(known["class_R"]), int(known["num_columns"][0]))
        memory_RV = sparse.csr_array((known["data"], known["indices"], known["indptr"]), shape)
        similarity_NR = (features_NV @ memory_RV.T).toarray()
        num = min(NUM_NEIGHBOURS, len(known["class_R"]))
        nearest_NK = np.argpartition(-similarity_NR, num - 1, axis=1)[:, :num]
        weights_NK = np.maximum(np.take_along_axis(similarity_NR, nearest_NK, axis=1), 1e-6)
        weights_NK /= weights_NK.sum(axis=1, keepdims=True)
        is_class_RC = known["class_R"][:, None] == np.arange(num_classes)
        classes_NC = np.einsum("nk,nkc->nc", weights_NK, is_class_RC[nearest_NK].astype(np.float64))
        tags_NL = np.einsum("nk,nkl->nl", weights_NK, known["tags_RL"][nearest_NK].astype(np.float64))
        return Logits(_unsure_logs(classes_NC), _unsure_logit(tags_NL), np.empty((len(classes_NC), 0), np.float32))


def _unsure_logs(shares: NDArray[np.float64]) -> FloatArray:
    return np.log(np.maximum(shares, _SURE)).astype(np.float32)


def _unsure_logit(shares: NDArray[np.float64]) -> FloatArray:
    return np.asarray(logit(np.clip(shares, _SURE, 1 - _SURE)), np.float32)


def fit_simple(
    features_NV: sparse.csr_array, targets: Targets, valid: tuple[sparse.csr_array, Targets], should_stop: ShouldStop
) -> list[SimpleModel]:
    """Both simple models; the logistic regression with the penalty that does best on the validation rows."""
    from modeling.content.predictions import Calibration, loss_of

    rows = np.flatnonzero(targets.is_labelled_N)[:MAX_TEACHING_ROWS]
    features_RV, known = features_NV[rows], targets.take(rows)
    fitted = [LogisticModel.fit(features_RV, known, strength, should_stop) for strength in _STRENGTHS]
    losses = [loss_of(model.logits(valid[0]), Calibration(), valid[1]) for model in fitted]
    return [fitted[int(np.argmin(losses))], NearestModel.fit(features_RV, known)]
