"""Event rows as PostgreSQL's binary COPY reads them, packed by NumPy without per-row work in Python.

Stage: collect. Pure. Reads: cleaned events. Writes: `Rows`, an array whose bytes are COPY rows. Contact and item hold
the file's own numbers first (audience/idmaps.py) and database ids before they are written.
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

Rows = npt.NDArray[np.void]
Keys = npt.NDArray[np.void]


def pack(frame: pl.DataFrame, keys: Keys) -> Rows:
    """The rows of `EVENT_COLUMNS` with the columns `contact_code` and `item_code`."""
    rows = np.zeros(frame.height, _ROW)
    rows["num_fields"] = len(FIELDS)
    for name, kind in FIELDS:
        rows[f"{name}_bytes"] = np.dtype(kind).itemsize
    for name, values in _columns(frame).items():
        rows[name] = values
    rows["source_key"] = keys
    return rows


def source_keys(frame: pl.DataFrame, *, has_own_ids: bool) -> Keys:
    """The source key of each row (audience/events.py), from its own id or, where it has none, from its content."""
    content = pl.concat_str(
        pl.lit(f"{Source.UPLOAD.value}:row"),
        "contact",
        pl.col("item").fill_null(""),
        "kind",
        pl.col("occurred_at").dt.timestamp("us"),
        pl.Series(_float_bits(frame["dwell_seconds"])),
        pl.Series(_float_bits(frame["value"])),
        pl.col("amount_fen").fill_null(NO_AMOUNT),
        pl.col("text").fill_null(""),
        separator="\x1f",
    )
    own = pl.lit(f"{Source.UPLOAD.value}:") + pl.col("source_id")
    names = frame.select((pl.coalesce(own, content) if has_own_ids else content).cast(pl.Binary).alias("name"))["name"]
    digests = [blake2b(name, digest_size=16).digest() for name in names.to_list()]
    return np.frombuffer(b"".join(digests), KEY_DTYPE)


def _columns(frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
    return {
        "contact_id": frame["contact_code"].to_numpy(),
        "item_id": frame["item_code"].to_numpy(),
        "occurred_at": frame["occurred_at"].dt.timestamp("us").to_numpy() - _POSTGRES_EPOCH_MICROS,
        "dwell_seconds": frame["dwell_seconds"].fill_null(-1.0).to_numpy(),
        "amount_fen": frame["amount_fen"].fill_null(NO_AMOUNT).to_numpy(),
        "value": frame["value"].fill_null(float("nan")).to_numpy(),
        "kind": frame["kind"].to_numpy(),
    }


def _float_bits(values: pl.Series) -> npt.NDArray[np.int64]:
    """The exact value as a whole number, the same in every version of every library; null as NaN."""
    return values.fill_null(float("nan")).to_numpy().view(np.int64)
