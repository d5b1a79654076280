"""Event rows as PostgreSQL's binary COPY reads them, packed by NumPy without per-row work in Python.

Stage: collect. Pure. Reads: spooled events (audience/event_loading.py). Writes: `Rows`, an array whose bytes are COPY
rows.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from audience.kinds import Source

KEY_DTYPE = "V16"
NO_AMOUNT = int(np.iinfo(np.int64).min)
COPY_HEAD, COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
FIELDS = (
    ("contact_id", ">i8"),
    ("item_id", ">i8"),  # 0: none
    ("occurred_at", ">i8"),  # microseconds since 2000
    ("source_key", KEY_DTYPE),
    ("dwell_seconds", ">f8"),  # negative: none
    ("amount_fen", ">i8"),  # NO_AMOUNT: none
    ("value", ">f8"),  # NaN: none
    ("kind", ">i2"),
)
_ROW = np.dtype(
    [("num_fields", ">i2"), *(pair for name, kind in FIELDS for pair in ((f"{name}_bytes", ">i4"), (name, kind)))]
)
_POSTGRES_EPOCH_MICROS = 946_684_800_000_000

_FACTORS = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_SEEDS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_STEP = np.array([0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64)

Rows = npt.NDArray[np.void]
Keys = npt.NDArray[np.void]


def pack(frame: pl.DataFrame, contact_ids: npt.NDArray[np.int64], item_ids: npt.NDArray[np.int64], keys: Keys) -> Rows:
    """The rows of a spooled frame (audience/event_loading.py) with their database ids and keys."""
    rows = np.zeros(frame.height, _ROW)
    rows["num_fields"] = len(FIELDS)
    for name, kind in FIELDS:
        rows[f"{name}_bytes"] = np.dtype(kind).itemsize
    for name, values in _columns(frame).items():
        rows[name] = values
    rows["contact_id"], rows["item_id"], rows["source_key"] = contact_ids, item_ids, keys
    return rows


def chosen(rows: Rows, which: npt.NDArray[Any]) -> Rows:
    """The rows at these places, or where a mask is set: whole rows are copied, where NumPy would go field by field."""
    whole: Rows = rows.view(f"V{_ROW.itemsize}")[which].view(_ROW)
    return whole


class KeyMaker:
    """Source keys (audience/events.py) of one file's rows: from their own ids or, where they have none, their content.

    A content key is made of the BLAKE2b digests of the row's texts and of its numbers, mixed by the finaliser of
    MurmurHash3 in two lanes of 64 bits; the same content has the same key in every file and version.
    """

    def __init__(self, contacts: list[str], items: list[str], *, has_own_ids: bool) -> None:
        self._has_own_ids = has_own_ids
        self._contacts = _digests(contacts)
        self._items = np.concatenate([_digests(items), np.zeros((1, 2), np.uint64)])  # the last one stands for no item

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
        columns = _columns(frame)
        parts = [
            self._contacts[frame["contact"].to_numpy()],
            self._items[frame["item"].cast(pl.Int64).fill_null(-1).to_numpy()],
            *(_two_lanes(columns[name]) for name in ("occurred_at", "dwell_seconds", "amount_fen", "value", "kind")),
        ]
        if frame["text"].null_count() < frame.height:
            distinct = frame["text"].unique()
            places = frame["text"].fill_null("").replace_strict(distinct.fill_null(""), np.arange(len(distinct)))
            parts.append(_digests(distinct.fill_null("").to_list())[places.to_numpy()])
        state = np.full((frame.height, 2), _SEEDS, np.uint64)
        for part in parts:
            state = _mixed(state ^ _mixed(part + _STEP))
        return np.ascontiguousarray(state).view(KEY_DTYPE).ravel()


def _digests(texts: list[str]) -> npt.NDArray[np.uint64]:
    prefix = f"{Source.UPLOAD.value}:"
    digests = [blake2b(f"{prefix}{text}".encode(), digest_size=16).digest() for text in texts]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def _two_lanes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    bits = (
        values.astype(np.float64).view(np.uint64)
        if values.dtype.kind == "f"
        else values.astype(np.int64).view(np.uint64)
    )
    return np.repeat(bits[:, None], 2, axis=1)


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """MurmurHash3's 64-bit finaliser."""
    state = (state ^ (state >> np.uint64(33))) * _FACTORS[0]
    state = (state ^ (state >> np.uint64(33))) * _FACTORS[1]
    return state ^ (state >> np.uint64(33))


def _columns(frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
    return {
        "occurred_at": frame["occurred_at"].dt.timestamp("us").to_numpy() - _POSTGRES_EPOCH_MICROS,
        "dwell_seconds": frame["dwell_seconds"].fill_null(-1.0).to_numpy(),
        "amount_fen": frame["amount_fen"].fill_null(NO_AMOUNT).to_numpy(),
        "value": frame["value"].fill_null(float("nan")).to_numpy(),
        "kind": frame["kind"].to_numpy(),
    }
