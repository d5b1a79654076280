"""Facts of the items that exposures and histories mention, as arrays.

Stage: training and prediction. Reads a frame of the catalogue; writes nothing. Index 0 stands for an item, kind,
category or author nobody knows, so whatever comes after training has a place.
Shapes: N items, N1 = N + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.configs import JsonConfig
from modeling.errors import DatasetInvalid
from modeling.histories import Int32Array, Int64Array, index_of

ITEM_COLUMNS = {
    "item_key": pl.Int64,
    "kind": pl.String,
    "category": pl.String,
    "author": pl.String,
    "price_fen": pl.Float64,
    "length_seconds": pl.Float64,
    "born_seconds": pl.Float64,
}
"""What a catalogue frame holds; born: Unix seconds of publishing, or of entering the catalogue."""


@dataclass(frozen=True)
class Vocabulary(JsonConfig):
    """Words in the order of their index, from 1."""

    kinds: tuple[str, ...]
    """Kinds of items."""
    categories: tuple[str, ...]
    """Categories."""
    authors: tuple[str, ...]
    """Authors."""

    @classmethod
    def of(cls, items: pl.DataFrame) -> Self:
        """Every word in the catalogue, sorted."""
        return cls(*(_words(items[column]) for column in ("kind", "category", "author")))


def _words(column: pl.Series) -> tuple[str, ...]:
    return tuple(word for word in column.drop_nulls().unique().sort().to_list() if word)


@dataclass(frozen=True)
class ItemFacts:
    """Facts by index; unknown numbers are NaN."""

    keys_N: Int64Array
    """Ascending; the item at place n has the index n + 1."""
    kinds_N1: Int32Array
    categories_N1: Int32Array
    authors_N1: Int32Array
    prices_N1: NDArray[np.float64]
    """Fen."""
    lengths_N1: NDArray[np.float64]
    """Seconds."""
    born_N1: NDArray[np.float64]
    """Unix seconds."""

    @classmethod
    def of(cls, items: pl.DataFrame, vocabulary: Vocabulary) -> Self:
        """Arrays of a catalogue; raises DatasetInvalid for missing columns and for keys given twice."""
        missing = sorted(set(ITEM_COLUMNS) - set(items.columns))
        if missing:
            raise DatasetInvalid("Items lack the columns %(columns)s.", columns=", ".join(missing))
        items = items.select(pl.col(name).cast(kind) for name, kind in ITEM_COLUMNS.items()).sort("item_key")
        if items["item_key"].null_count() or items["item_key"].is_duplicated().any():
            raise DatasetInvalid("Every %(column)s must be present and unique.", column="item_key")
        words = (("kind", vocabulary.kinds), ("category", vocabulary.categories), ("author", vocabulary.authors))
        kinds, categories, authors = (_indices(items[column], known) for column, known in words)
        prices, lengths, born = (_numbers(items[column]) for column in ("price_fen", "length_seconds", "born_seconds"))
        return cls(items["item_key"].to_numpy(), kinds, categories, authors, prices, lengths, born)

    def index(self, keys: Int64Array) -> Int32Array:
        """Index of each item, 0 where it is not known."""
        places, is_known = index_of(self.keys_N, keys)
        return np.where(is_known, places + 1, 0).astype(np.int32)


def _indices(column: pl.Series, known: tuple[str, ...]) -> Int32Array:
    """Index of each word, a 0 first for the unknown item."""
    places = {word: place for place, word in enumerate(known, start=1)}
    found = [places.get(word, 0) for word in column.to_list()]
    return np.array([0, *found], np.int32)


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    """The numbers, NaN where they are missing or infinite and for the unknown item."""
    values = column.fill_null(float("nan")).to_numpy().astype(np.float64)
    return np.append(np.nan, np.where(np.isfinite(values), values, np.nan))
