"""What is known of items besides who met them: kind, category, author, tags, price and vectors, as numbers.

Stage: training. Reads a dataset's items; writes nothing. Imports no torch.
Shapes: N items, P pairs of an item and a feature, V numbers of a given item vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from modeling.histories import FloatArray, Int64Array

WORD_COLUMNS = ("kind", "category", "author")
MIN_ITEMS_PER_FEATURE = 2
"""A feature of one item says no more than the item's own name."""


@dataclass(frozen=True)
class ItemContent:
    """Bags of features in CSR form: those of item i are offsets_N[i] up to the next offset, if any."""

    features_P: Int64Array
    offsets_N: Int64Array
    num_features: int
    vectors_NV: FloatArray
    """Given vectors scaled to length 1; zeros for items without one; V may be 0."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any item."""
        return len(self.features_P) == 0 and not self.vectors_NV.any()


def read_item_content(items: pl.DataFrame) -> ItemContent:
    """Content of a dataset's items; columns that are absent say nothing.

    Read are kind, category, author, tags (comma-separated), price_fen (in buckets that double) and vector (an array of
    float32 per item, null for none).
    """
    frames = [_words(items, column, pl.col(column)) for column in WORD_COLUMNS if column in items.columns]
    if "tags" in items.columns:
        frames.append(_words(items, "tags", pl.col("tags").str.split(",")).explode("word"))
    if "price_fen" in items.columns:
        frames.append(_words(items, "price", (pl.col("price_fen") / 100 + 1).log(2).floor().cast(pl.String)))
    words = pl.concat([_no_words(), *frames])
    words = words.filter(pl.col("word").is_not_null() & (pl.col("word").str.strip_chars() != "")).unique()
    words = words.filter(pl.len().over("field", "word") >= MIN_ITEMS_PER_FEATURE)
    vocabulary = words.select("field", "word").unique().sort("field", "word").with_row_index("feature")
    pairs = words.join(vocabulary, on=["field", "word"]).sort("item", "feature")
    counts_N = np.bincount(pairs["item"].to_numpy(), minlength=items.height)
    offsets_N = (np.cumsum(counts_N) - counts_N).astype(np.int64)
    return ItemContent(pairs["feature"].to_numpy().astype(np.int64), offsets_N, vocabulary.height, _vectors(items))


def _no_words() -> pl.DataFrame:
    return pl.DataFrame(schema={"item": pl.Int64, "field": pl.String, "word": pl.String})


def _words(items: pl.DataFrame, field: str, word: pl.Expr) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    return items.select(place.alias("item"), pl.lit(field).alias("field"), word.alias("word"))


def _vectors(items: pl.DataFrame) -> FloatArray:
    """vectors_NV."""
    if "vector" not in items.columns or items["vector"].null_count() == items.height:
        return np.zeros((items.height, 0), np.float32)
    width = len(items["vector"].drop_nulls()[0])
    is_given_N = items["vector"].is_not_null().to_numpy()
    vectors_NV = np.zeros((items.height, width), np.float32)
    vectors_NV[is_given_N] = np.stack(items["vector"].drop_nulls().to_list()).astype(np.float32)
    return vectors_NV / np.maximum(np.linalg.norm(vectors_NV, axis=1, keepdims=True), np.float32(1e-12))
