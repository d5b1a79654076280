"""From raw rows to what models take: texts as token ids and TF-IDF, pictures as pixels and layouts of colour.

Stage: features. Shapes: N rows, T tokens, V columns, S side of a picture in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from modeling.content.simple import count_tokens, weigh_by_rarity
from modeling.content.tokens import Vocabulary
from modeling.histories import Int32Array


class Reader(Protocol):
    """How rows become numbers."""

    def rows(self, raw: Any) -> NDArray[Any]:
        """What a network takes."""
        ...

    def features(self, rows_N: NDArray[Any]) -> sparse.csr_array:
        """What a simple model takes, from the same rows."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """Everything but arrays, ready for JSON."""
        ...

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Arrays by name."""
        ...


@dataclass(frozen=True)
class TextReader:
    """A vocabulary and how many texts hold each of its tokens."""

    vocabulary: Vocabulary
    max_tokens: int
    num_texts_V: Int32Array
    num_texts: int

    @classmethod
    def build(cls, texts: Sequence[str], vocabulary_size: int, max_tokens: int) -> TextReader:
        """Learn the vocabulary of these texts."""
        vocabulary = Vocabulary.build(texts, vocabulary_size)
        counts_NV = count_tokens(vocabulary.encode(texts, max_tokens), len(vocabulary))
        num_texts_V = np.bincount(counts_NV.indices, minlength=len(vocabulary)).astype(np.int32)
        return cls(vocabulary, max_tokens, num_texts_V, len(texts))

    def rows(self, raw: Sequence[str]) -> Int32Array:
        """tokens_NT."""
        return self.vocabulary.encode(raw, self.max_tokens)

    def features(self, rows_N: NDArray[Any]) -> sparse.csr_array:
        """TF-IDF."""
        return weigh_by_rarity(count_tokens(rows_N, len(self.vocabulary)), self.num_texts_V, self.num_texts)

    @property
    def config(self) -> dict[str, Any]:
        """The words and limits."""
        return {
            "words": list(self.vocabulary.words),
            "num_buckets": self.vocabulary.num_buckets,
            "max_tokens": self.max_tokens,
            "num_texts": self.num_texts,
        }

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """num_texts_V."""
        return {"num_texts_V": self.num_texts_V}

    @classmethod
    def load(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TextReader:
        """Inverse of `config` and `arrays`."""
        vocabulary = Vocabulary(tuple(config["words"]), config["num_buckets"])
        return cls(vocabulary, config["max_tokens"], arrays["num_texts_V"], config["num_texts"])


@dataclass(frozen=True)
class PictureReader:
    """Pictures come decoded (modeling/content/pictures.py), all of one side."""

    side: int

    def rows(self, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """pixels_NSSC."""
        return raw

    def features(self, rows_N: NDArray[Any]) -> sparse.csr_array:
        """Mean colours of a 4 x 4 grid and the shares of 64 colours, rows of length 1."""
        num, cell = len(rows_N), self.side // 4
        grid = rows_N.reshape(num, 4, cell, 4, cell, 3).mean(axis=(2, 4)).reshape(num, 48) / 255
        codes = (rows_N >> 6).astype(np.int64) @ np.array([16, 4, 1])
        shares = np.stack([np.bincount(row.ravel(), minlength=64) for row in codes]) if num else np.zeros((0, 64))
        both = np.concatenate([grid, 4 * shares / self.side**2], axis=1)
        return sparse.csr_array(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9))

    @property
    def config(self) -> dict[str, Any]:
        """The side."""
        return {"side": self.side}

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """None."""
        return {}

    @classmethod
    def load(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PictureReader:
        """Inverse of `config`."""
        return cls(config["side"])
