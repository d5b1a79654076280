"""Items as dense vectors from what they say, look like and are: for items that nobody has met yet.

Stage: features. Each part is scaled to length 1 and weighed, so that the product of two vectors is the weighted mean of
the parts' cosines. Shapes: N items, D width of all parts together, P width of a part.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from modeling.content.readers import TextReader
from modeling.histories import BoolArray, FloatArray

TEXT_WEIGHT, PICTURE_WEIGHT, FEATURE_WEIGHT = 1.0, 0.5, 0.5
WIDTH = 64
_VOCABULARY_SIZE, _MAX_TOKENS = 16_384, 256


@dataclass(frozen=True)
class VectorPart:
    """One side of the items."""

    name: str
    """"text", "picture" or "features"."""
    vectors_NP: FloatArray
    has_N: BoolArray
    """False where the item has nothing of the kind; its share is then 0."""
    weight: float


def item_vectors(parts: Sequence[VectorPart]) -> tuple[FloatArray, BoolArray]:
    """(vectors_ND, has_vector_N): rows of length 1, zero where no part knows the item."""
    weighed = []
    for part in parts:
        lengths_N = np.linalg.norm(part.vectors_NP, axis=1, keepdims=True)
        unit_NP = part.vectors_NP / np.maximum(lengths_N, 1e-9) * part.has_N[:, None]
        weighed.append(np.sqrt(part.weight) * unit_NP)
    vectors_ND = np.concatenate(weighed, axis=1)
    lengths_N = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return (vectors_ND / np.maximum(lengths_N, 1e-9)).astype(np.float32), lengths_N[:, 0] > 1e-6


def text_part(texts: Sequence[str], width: int = WIDTH) -> VectorPart:
    """Latent semantic vectors: truncated SVD of TF-IDF over hashed tokens (Deerwester et al. 1990)."""
    reader = TextReader.build(texts, _VOCABULARY_SIZE, _MAX_TOKENS)
    features_NV = reader.features(reader.rows(texts))
    return VectorPart("text", _shrink(features_NV, width), _has_entries(features_NV), TEXT_WEIGHT)


def encoded_part(name: str, vectors_NP: FloatArray, has_N: BoolArray) -> VectorPart:
    """Vectors of a trained model or a plugged-in encoder; their mean, which tells nothing apart, is taken away."""
    mean_P = vectors_NP[has_N].mean(axis=0) if has_N.any() else 0.0
    weight = PICTURE_WEIGHT if name == "picture" else TEXT_WEIGHT
    return VectorPart(name, ((vectors_NP - mean_P) * has_N[:, None]).astype(np.float32), has_N, weight)


def features_part(words: Sequence[Collection[str]], width: int = WIDTH) -> VectorPart:
    """What the items are: category, author, tags, price band as words, weighed by rarity and shrunk."""
    known = sorted({word for one in words for word in one})
    place = {word: number for number, word in enumerate(known)}
    rows = [row for row, one in enumerate(words) for _word in one]
    columns = [place[word] for one in words for word in one]
    ones = np.ones(len(rows))
    hits_NV = sparse.csr_array((ones, (rows, columns)), (len(words), max(len(known), 1)))
    weighed_NV = sparse.csr_array(hits_NV * np.log((1 + len(words)) / (1 + hits_NV.sum(axis=0))))
    weighed_NV.eliminate_zeros()  # what every item has tells nothing apart
    return VectorPart("features", _shrink(weighed_NV, width), _has_entries(weighed_NV), FEATURE_WEIGHT)


def _has_entries(features_NV: sparse.csr_array) -> BoolArray:
    return np.asarray(np.diff(sparse.csr_array(features_NV).indptr) > 0)


def _shrink(features_NV: Any, width: int) -> FloatArray:
    """The strongest `width` directions, singular values included; zero columns where there are fewer."""
    from sklearn.utils.extmath import randomized_svd

    num = min(width, min(features_NV.shape))
    features = sparse.csr_matrix(features_NV)
    left, strength, _right = randomized_svd(features, n_components=num, random_state=0)
    found = np.zeros((features_NV.shape[0], width), np.float32)
    found[:, :num] = left * strength
    return found


def nearest(vectors_ND: NDArray[Any], row: int, num: int) -> list[tuple[int, float]]:
    """(row, cosine) of the most similar other rows with any likeness, the best first."""
    cosines_N = np.asarray(vectors_ND @ vectors_ND[row])
    cosines_N[row] = -np.inf
    best = np.argsort(-cosines_N, kind="stable")[:num]
    return [(int(place), float(cosines_N[place])) for place in best if cosines_N[place] > 0]
