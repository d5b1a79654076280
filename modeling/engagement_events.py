"""What each contact did before the reference time, in order, as small codes that nets embed.

Stage: training and prediction. Reads frames of acts; writes nothing. The codes need no dictionary, so a model
serves acts of categories it has never met. Shapes: R rows (contacts), E acts of all rows, T acts of a row, C code
columns.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.histories import Int16Array, Int64Array

CODE_SIZES = {"action": 64, "category": 64, "age": 24, "gap": 24, "dwell": 12}
"""Code columns, in order, and how many values each has."""
CODE_COLUMNS = tuple(CODE_SIZES)
SCHEMA = {
    "user_key": pl.Int64,
    "action": pl.Int64,
    "category": pl.String,
    "seconds_before": pl.Float64,
    "dwell_seconds": pl.Float64,
}
"""Columns of the frames of acts; `seconds_before` counts back from the reference time, empty dwell means unknown."""


@dataclass(frozen=True)
class EventSequences:
    """Codes of each row's acts, oldest first; row r owns codes_EC[offsets[r]:offsets[r + 1]]."""

    offsets: Int64Array
    codes_EC: Int16Array

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def empty(cls, num_rows: int) -> Self:
        """Rows without acts."""
        return cls(np.zeros(num_rows + 1, np.int64), np.empty((0, len(CODE_COLUMNS)), np.int16))

    @classmethod
    def join(cls, row_of_E: Int64Array, codes_EC: Int16Array, num_rows: int) -> Self:
        """From acts sorted by row."""
        counts_R = np.bincount(row_of_E, minlength=num_rows)
        return cls(np.concatenate([[0], np.cumsum(counts_R)]).astype(np.int64), codes_EC)

    @property
    def rows_E(self) -> Int64Array:
        """Row of each act."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, rows: NDArray[np.int64]) -> EventSequences:
        """The sequences of some rows, in that order."""
        lengths = (self.offsets[1:] - self.offsets[:-1])[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths) + np.repeat(self.offsets[:-1][rows], lengths)
        return EventSequences(offsets, self.codes_EC[places])

    def padded(self) -> tuple[NDArray[np.int64], Int64Array]:
        """codes_RTC, padded on the right with zeros to the longest row (at least one place), and lengths_R."""
        lengths_R = np.diff(self.offsets)
        codes_RTC = np.zeros((len(self), max(int(lengths_R.max(initial=0)), 1), len(CODE_COLUMNS)), np.int64)
        places_E = np.arange(len(self.codes_EC)) - np.repeat(self.offsets[:-1], lengths_R)
        codes_RTC[self.rows_E, places_E] = self.codes_EC
        return codes_RTC, lengths_R


def encode_events(acts: pl.DataFrame, user_keys_R: Int64Array, max_events: int) -> EventSequences:
    """The newest `max_events` acts of each contact; acts after the reference time are left out, as they would leak."""
    rows = pl.DataFrame({"user_key": user_keys_R, "row": np.arange(len(user_keys_R))})
    acts = acts.filter(pl.col("seconds_before") >= 0).join(rows, on="user_key")
    acts = acts.sort("row", "seconds_before", "action", descending=[False, True, False], maintain_order=True)
    acts = acts.group_by("row", maintain_order=True).tail(max_events)
    row_of_E, before_E = acts["row"].to_numpy(), acts["seconds_before"].to_numpy()
    codes_EC = np.column_stack(
        [
            np.clip(acts["action"].to_numpy(), 0, CODE_SIZES["action"] - 1),
            hash_categories(acts["category"].fill_null("")),
            bucket_ages(before_E),
            bucket_gaps(row_of_E, before_E),
            bucket_dwells(acts["dwell_seconds"].fill_null(float("nan")).to_numpy()),
        ]
    )
    return EventSequences.join(row_of_E, codes_EC.astype(np.int16), len(user_keys_R))


def hash_categories(categories: pl.Series) -> NDArray[np.int64]:
    """0 for no category, else a stable hash of the name."""
    hashed = {
        name: 1 + zlib.crc32(name.encode()) % (CODE_SIZES["category"] - 1) if name else 0
        for name in categories.unique().to_list()
    }
    return np.array([hashed[name] for name in categories.to_list()], np.int64)


def bucket_ages(seconds_before_E: NDArray[np.float64]) -> NDArray[np.int64]:
    """Half-octaves of the hours before the reference time."""
    return _bucket(2 * np.log2(1 + seconds_before_E / 3600), CODE_SIZES["age"])


def bucket_gaps(row_of_E: Int64Array, seconds_before_E: NDArray[np.float64]) -> NDArray[np.int64]:
    """Octaves of the seconds since the row's act before; the first act of a row has the last bucket."""
    gaps_E = np.append(0.0, -np.diff(seconds_before_E)) if len(row_of_E) else np.empty(0)
    buckets_E = _bucket(np.log2(1 + np.maximum(gaps_E, 0)), CODE_SIZES["gap"])
    is_first_E = np.append(True, np.diff(row_of_E) > 0) if len(row_of_E) else np.empty(0, np.bool_)
    return np.where(is_first_E, CODE_SIZES["gap"] - 1, buckets_E)


def bucket_dwells(dwell_seconds_E: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 where unknown, else 1 + octaves of the seconds."""
    known_E = np.maximum(np.nan_to_num(dwell_seconds_E, nan=0.0, posinf=0.0, neginf=0.0), 0)
    return np.where(np.isfinite(dwell_seconds_E), 1 + _bucket(np.log2(1 + known_E), CODE_SIZES["dwell"] - 1), 0)


def _bucket(values_E: NDArray[np.float64], num_buckets: int) -> NDArray[np.int64]:
    return np.clip(values_E.astype(np.int64), 0, num_buckets - 1)
