"""The item vectors in use in a brand: whose content is like whose, and rows for the content tower of next-item models.

Stage: prediction. Reads the artifact that modeling/content_vectors.py wrote; NumPy alone. Shapes: N items, M items
asked for, D width.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from modeling import content_runs
from modeling.artifacts import load_artifact
from modeling.content_models import ContentModel
from modeling.errors import FileCorrupt
from modeling.histories import BoolArray, FloatArray, Int64Array, index_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ItemVectors:
    """Opened vectors."""

    item_keys_N: Int64Array
    vectors_ND: FloatArray
    has_vector_N: BoolArray

    def of(self, item_keys_M: Int64Array) -> tuple[FloatArray, BoolArray]:
        """(vectors_MD, has_vector_M) of these items in this order, as a next-item model's content tower takes it."""
        places_M, is_known_M = index_of(self.item_keys_N, item_keys_M)
        if not len(self.item_keys_N):
            return np.zeros((len(item_keys_M), self.vectors_ND.shape[1]), np.float32), is_known_M
        has_M = is_known_M & self.has_vector_N[places_M]
        return np.where(has_M[:, None], self.vectors_ND[places_M], 0).astype(np.float32), has_M

    def likeness(self, item_key: int, among_M: Int64Array) -> FloatArray:
        """cosine_M of the items with one; 0 where either has no vector."""
        vector_1D, _has = self.of(np.array([item_key], np.int64))
        return np.asarray(self.of(among_M)[0] @ vector_1D[0])


def current() -> ItemVectors | None:
    """The vectors in use in the brand in scope; None without any, or when their files are missing or were changed."""
    model = content_runs.live(ContentModel.Task.VECTORS)
    if model is None:
        return None
    try:
        return _open(str(content_runs.path_of(model)), model.digest)
    except (FileCorrupt, OSError):
        logger.exception("item_vectors_broken", extra={"tenant": model.tenant_id, "model": model.code})
        return None


@lru_cache(maxsize=32)
def _open(directory: str, digest: str) -> ItemVectors:
    """Mapped into memory once per process; the digest names the version."""
    arrays = load_artifact(Path(directory)).arrays
    return ItemVectors(arrays["item_keys_N"], arrays["vectors_ND"], arrays["has_vector_N"].astype(np.bool_))
