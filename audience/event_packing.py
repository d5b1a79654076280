"""Event rows as PostgreSQL's COPY reads them, packed by NumPy without per-row work in Python.

Stage: collect. Pure. Reads: spooled events (audience/event_loading.py). Writes: bytes for COPY.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from audience.kinds import Source

KEY_DTYPE = "V16"
NO_AMOUNT = int(np.iinfo(np.int64).min)
FIELDS = {
    "contact_id": ">i8",
    "occurred_at": ">i8",  # microseconds since 2000
    "source_key": KEY_DTYPE,
    "kind": ">i2",
    "item_id": ">i8",
    "dwell_seconds": ">f8",
    "amount_fen": ">i8",
    "value": ">f8",
}
OPTIONAL = ("item_id", "dwell_seconds", "amount_fen", "value")
_POSTGRES_EPOCH_MICROS = 946_684_800_000_000
_COPY_HEAD, _COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FACTORS = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_SEEDS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_ROWS_IN_CACHE = 8192
_STEP = np.array([0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64)

Keys = npt.NDArray[np.void]
Which = npt.NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """Event rows as one array per column of `FIELDS`, with stand-ins for null (see `is_given`), beside their texts."""

    arrays: dict[str, npt.NDArray[Any]]
    texts: pl.Series | None

    def __len__(self) -> int:
        return len(self.arrays["kind"])

    def take(self, which: Which) -> Self:
        """The rows at these places, or where a mask is set."""
        arrays = {name: values[which] for name, values in self.arrays.items()}
        if self.texts is None:
            return type(self)(arrays, None)
        places = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return type(self)(arrays, self.texts[places])

    def is_given(self, name: str) -> npt.NDArray[np.bool_]:
        """Where an optional column is not null."""
        values = self.arrays[name]
        if name == "item_id":
            return values != 0
        if name == "amount_fen":
            return values != NO_AMOUNT
        return values >= 0 if name == "dwell_seconds" else ~np.isnan(values)

    def split_texts(self) -> tuple[Self, Self]:
        """(rows without text, rows with text)."""
        if self.texts is None:
            return self, self.take(np.zeros(len(self), np.bool_))
        has_text = self.texts.is_not_null().to_numpy()
        return self.take(~has_text), self.take(has_text)


def columns_of(
    frame: pl.DataFrame, contact_ids: npt.NDArray[np.int64], item_ids: npt.NDArray[np.int64], keys: Keys
) -> Columns:
    """A spooled frame with its database ids and keys."""
    arrays = _value_columns(frame) | {"contact_id": contact_ids, "item_id": item_ids, "source_key": keys}
    return Columns(arrays, frame["text"] if frame["text"].null_count() < frame.height else None)


def binary_body(columns: Columns, names: Sequence[str]) -> bytearray:
    """The rows for `COPY t (names) FROM STDIN (FORMAT binary)`; stand-ins stay."""
    dtype = np.dtype([("count", ">i2"), *(pair for n in names for pair in ((f"{n}_bytes", ">i4"), (n, FIELDS[n])))])
    body = bytearray(len(_COPY_HEAD) + len(columns) * dtype.itemsize + len(_COPY_TAIL))
    body[: len(_COPY_HEAD)], body[-len(_COPY_TAIL) :] = _COPY_HEAD, _COPY_TAIL
    rows = np.frombuffer(body, dtype, len(columns), len(_COPY_HEAD))
    rows["count"] = len(names)
    for name in names:
        rows[f"{name}_bytes"] = np.dtype(FIELDS[name]).itemsize
        rows[name] = columns.arrays[name]
    return body


def csv_body(columns: Columns, *, keeps_stand_ins: bool) -> bytes:
    """The rows for `COPY t (<FIELDS>, text) FROM STDIN (FORMAT csv)`; else stand-ins become null."""
    table: dict[str, Any] = dict(columns.arrays)
    table["occurred_at"] = pl.Series(columns.arrays["occurred_at"] + _POSTGRES_EPOCH_MICROS).cast(
        pl.Datetime("us", "UTC")
    )
    table["source_key"] = [key.hex() for key in columns.arrays["source_key"].tolist()]
    frame = pl.DataFrame({name: table[name] for name in FIELDS} | {"text": columns.texts})
    if not keeps_stand_ins:
        given = {name: pl.Series(columns.is_given(name)) for name in OPTIONAL}
        frame = frame.with_columns(pl.when(mask).then(pl.col(name)).alias(name) for name, mask in given.items())
    return frame.write_csv(include_header=False, quote_style="non_numeric").encode()


def by_given(columns: Columns) -> Iterator[tuple[list[str], Columns]]:
    """The rows in parts that lack the same optional columns: (names of the columns they have, rows)."""
    pattern = np.zeros(len(columns), np.uint8)
    for bit, name in enumerate(OPTIONAL):
        pattern |= columns.is_given(name).astype(np.uint8) << bit
    patterns = np.flatnonzero(np.bincount(pattern))
    for found in patterns:
        missing = {name for bit, name in enumerate(OPTIONAL) if not found >> bit & 1}
        part = columns if len(patterns) == 1 else columns.take(pattern == found)
        yield [name for name in FIELDS if name not in missing], part


class KeyMaker:
    """Source keys (audience/events.py) of one file's rows: from their own ids or, where they have none, their content.

    A content key is made of the BLAKE2b digests of the row's texts and of its numbers, mixed by the finaliser of
    MurmurHash3 in two lanes of 64 bits; the same content has the same key in every file and version.
    """

    def __init__(self, *, has_own_ids: bool) -> None:
        self._has_own_ids = has_own_ids
        self._contacts = np.zeros((0, 2), np.uint64)  # the state after the contact
        self._items = _mixed(np.zeros((1, 2), np.uint64) + _STEP)  # what an item does to it; the first is no item

    def learn(self, contacts: list[str], items: list[str]) -> None:
        """Take in the texts with the next numbers."""
        if contacts:
            states = _mixed(_SEEDS ^ _mixed(_digests(contacts) + _STEP))
            self._contacts = np.concatenate([self._contacts, states])
        if items:
            self._items = np.concatenate([self._items, _mixed(_digests(items) + _STEP)])

    def keys(self, frame: pl.DataFrame) -> Keys:
        """The key of each row of a spooled frame."""
        if not self._has_own_ids:
            return self._content_keys(frame)
        own = frame["source_id"]
        if not own.null_count():
            return _digests(own.to_list()).view(KEY_DTYPE).ravel()
        keys = self._content_keys(frame)
        has_own = own.is_not_null().to_numpy()
        keys[has_own] = _digests(own.drop_nulls().to_list()).view(KEY_DTYPE).ravel()
        return keys

    def _content_keys(self, frame: pl.DataFrame) -> Keys:
        values = _value_columns(frame)
        numbers = [
            _bits(values["occurred_at"] * 1024 + values["kind"]),
            *(_bits(values[name]) for name in ("dwell_seconds", "amount_fen", "value")),
        ]
        contacts = frame["contact"].to_numpy()
        items = frame["item"].cast(pl.Int64).fill_null(-1).to_numpy() + 1
        texts = _text_digests(frame["text"]) if frame["text"].null_count() < frame.height else None
        keys = np.empty((frame.height, 2), np.uint64)
        for start in range(0, frame.height, _ROWS_IN_CACHE):
            rows = slice(start, start + _ROWS_IN_CACHE)
            state = _mixed(self._contacts[contacts[rows]] ^ self._items[items[rows]])
            for bits in numbers:
                lanes = (bits if len(bits) == 1 else bits[rows])[:, None] + _STEP
                state ^= _mixed(lanes)
                state = _mixed(state)
            keys[rows] = state if texts is None else _mixed(state ^ _mixed(texts[rows] + _STEP))
        return keys.view(KEY_DTYPE).ravel()


def _text_digests(texts: pl.Series) -> npt.NDArray[np.uint64]:
    distinct = texts.fill_null("").unique()
    places = texts.fill_null("").replace_strict(distinct, pl.int_range(len(distinct), eager=True))
    return _digests(distinct.to_list())[places.to_numpy()]


def _value_columns(frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
    return {
        "occurred_at": frame["occurred_at"].dt.timestamp("us").to_numpy() - _POSTGRES_EPOCH_MICROS,
        "kind": frame["kind"].to_numpy(),
        "dwell_seconds": frame["dwell_seconds"].fill_null(-1.0).to_numpy(),
        "amount_fen": frame["amount_fen"].fill_null(NO_AMOUNT).to_numpy(),
        "value": frame["value"].fill_null(float("nan")).to_numpy(),
    }


def _digests(texts: list[str]) -> npt.NDArray[np.uint64]:
    prefix = f"{Source.UPLOAD.value}:"
    digests = [blake2b(f"{prefix}{text}".encode(), digest_size=16).digest() for text in texts]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def _bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """The 64 bits of each number; one entry only where all are the same."""
    bits = values.astype(np.float64 if values.dtype.kind == "f" else np.int64).view(np.uint64)
    return bits[:1] if len(bits) and (bits == bits[0]).all() else bits


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """MurmurHash3's 64-bit finaliser. Works in place: give it an array of its own."""
    for factor in _FACTORS:
        state ^= state >> np.uint64(33)
        state *= factor
    state ^= state >> np.uint64(33)
    return state
