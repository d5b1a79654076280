"""Where the events of an upload wait: a temporary table of the worker's own session, filled by COPY.

Stage: collect. Reads: resolved event frames. Writes: the temporary table `import_event`, then audience_event in one
statement. A temporary table dies with its session, so a lost worker leaves nothing behind; COPY cannot write into a
table under row-level security, INSERT .. SELECT can.

Rows without text go as binary COPY built by NumPy (fixed width, no per-row work in Python), rows with text as CSV.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.kinds import Source
from audience.layouts import LINE

BRAND_LOCK = 0x46570001
"""First key of the advisory lock that writers of one brand's events take (audience/events.py uses the same)."""

Keys = npt.NDArray[np.void]
_PIECE_BYTES = 1 << 17
_NO_AMOUNT = np.iinfo(np.int64).min
_POSTGRES_EPOCH_MICROS = 946_684_800_000_000
_COPY_HEAD, _COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIELDS = (
    ("contact_id", ">i8"),
    ("item_id", ">i8"),  # 0: none
    ("occurred_at", ">i8"),
    ("source_key", "V16"),
    ("dwell_seconds", ">f8"),  # negative: none
    ("amount_fen", ">i8"),  # _NO_AMOUNT: none
    ("value", ">f8"),  # NaN: none
    ("kind", ">i2"),
    ("line", ">i8"),
)
_ROW = np.dtype(
    [("num_fields", ">i2")] + [pair for name, kind in _FIELDS for pair in ((f"{name}_bytes", ">i4"), (name, kind))]
)
_CREATE = """
CREATE TEMP TABLE import_event (contact_id bigint NOT NULL, item_id bigint NOT NULL, occurred_at timestamptz NOT NULL,
    source_key uuid NOT NULL, dwell_seconds double precision NOT NULL, amount_fen bigint NOT NULL,
    value double precision NOT NULL, kind smallint NOT NULL, line bigint NOT NULL, text text)"""
_INSERT = """
INSERT INTO audience_event (tenant_id, contact_id, item_id, batch_id, amount_fen, occurred_at, received_at, source_key,
    dwell_seconds, value, kind, source, text)
SELECT DISTINCT ON (contact_id, occurred_at, source_key) %(tenant)s, contact_id, nullif(item_id, 0), %(batch)s,
    nullif(amount_fen, %(no_amount)s), occurred_at, now(), source_key,
    CASE WHEN dwell_seconds >= 0 THEN least(dwell_seconds, %(cap)s) END, nullif(value, 'NaN'), kind, %(source)s, text
FROM import_event AS new
WHERE NOT EXISTS (SELECT FROM audience_event AS old
    WHERE old.tenant_id = %(tenant)s AND old.source_key = new.source_key {window})
ORDER BY contact_id, occurred_at, source_key"""
_WINDOW = "AND old.occurred_at BETWEEN %(first)s AND %(last)s"
_BOTS = """
WITH busy AS (SELECT contact_id, date_trunc('minute', occurred_at) AS minute FROM import_event
    WHERE (occurred_at AT TIME ZONE %(zone)s)::time <> '00:00'
    GROUP BY 1, 2 HAVING count(*) > %(limit)s)
DELETE FROM import_event AS e USING busy
WHERE e.contact_id = busy.contact_id AND date_trunc('minute', e.occurred_at) = busy.minute RETURNING e.line"""
_TWINS = """
DELETE FROM import_event USING (SELECT ctid AS twin, row_number() OVER (PARTITION BY source_key ORDER BY line) AS place
    FROM import_event) AS ranked
WHERE import_event.ctid = ranked.twin AND ranked.place > 1"""


class EventStage:
    """The staged events of one import."""

    def __init__(self) -> None:
        self.num_rows = 0
        self.first_at: dt.datetime | None = None
        self.last_at: dt.datetime | None = None
        self._own_keys: list[npt.NDArray[np.uint64]] = []

    def add(self, frame: pl.DataFrame, *, has_own_ids: bool) -> None:
        """Stage rows: `EVENT_COLUMNS` with `contact_id` and `item_id` resolved."""
        if not frame.height:
            return
        self._widen(frame["occurred_at"])
        keys = source_keys(frame, has_own_ids=has_own_ids)
        if has_own_ids:
            self._own_keys.append(keys.view(np.uint64)[::2].copy())
        is_texted = frame["text"].is_not_null().to_numpy()
        if is_texted.any():
            self._copy_texts(frame.filter(is_texted), keys[is_texted])
            frame, keys = frame.filter(~is_texted), keys[~is_texted]
        self._copy_rows(frame, keys)
        self.num_rows += len(is_texted)

    def drop_bots(self, limit: int, zone: str) -> list[int]:
        """Take out the minutes in which a contact acts more than `limit` times; returns the lines taken out."""
        with connection.cursor() as cursor:
            cursor.execute(_BOTS, {"limit": limit, "zone": zone})
            lines = sorted(row[0] for row in cursor.fetchall())
        self.num_rows -= len(lines)
        return lines

    def drop_twins(self) -> int:
        """Keep one of the rows that share their own id, whatever else they say; returns how many went."""
        keys = np.concatenate(self._own_keys) if self._own_keys else np.zeros(0, np.uint64)
        if len(np.unique(keys)) == len(keys):
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_TWINS)
            num_dropped: int = cursor.rowcount
        self.num_rows -= num_dropped
        return num_dropped

    def move_contacts(self, moved: dict[int, int]) -> None:
        """Point staged rows to contacts that somebody else wrote first."""
        self._move("contact_id", moved)

    def move_items(self, moved: dict[int, int]) -> None:
        """Point staged rows to items that somebody else wrote first."""
        self._move("item_id", moved)

    def publish(self, batch_id: int, cap_seconds: float, *, has_own_ids: bool) -> int:
        """Insert what is new, all in one statement; returns the number of new events.

        Own ids are compared with every event of the brand, ids made from the content (which holds the time) only
        within the time range of the file.
        """
        if not self.num_rows:
            return 0
        tenant_id = current_tenant_id()
        values = {
            "tenant": tenant_id, "batch": batch_id, "cap": cap_seconds, "no_amount": _NO_AMOUNT,
            "source": int(Source.UPLOAD), "first": self.first_at, "last": self.last_at,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [BRAND_LOCK, tenant_id % 2**31])
            cursor.execute("SET LOCAL work_mem = '192MB'")
            cursor.execute(_INSERT.format(window="" if has_own_ids else _WINDOW), values)
            return int(cursor.rowcount)

    def num_distinct(self) -> int:
        """Different events among the staged rows."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT source_key) FROM import_event")
            return int(cursor.fetchone()[0])

    def _widen(self, occurred_at: pl.Series) -> None:
        first, last = occurred_at.min(), occurred_at.max()
        assert isinstance(first, dt.datetime)
        assert isinstance(last, dt.datetime)
        self.first_at = min(self.first_at or first, first)
        self.last_at = max(self.last_at or last, last)

    def _move(self, column: str, moved: dict[int, int]) -> None:
        if not moved:
            return
        with connection.cursor() as cursor:
            pairs = "unnest(%s::bigint[], %s::bigint[]) AS pair (reserved, actual)"
            cursor.execute(
                f"UPDATE import_event SET {column} = actual FROM {pairs} WHERE {column} = reserved",  # noqa: S608  # constants
                [list(moved), list(moved.values())],
            )

    def _copy_rows(self, frame: pl.DataFrame, keys: Keys) -> None:
        if not frame.height:
            return
        rows = np.zeros(frame.height, _ROW)
        rows["num_fields"] = len(_FIELDS)
        for name, kind in _FIELDS:
            rows[f"{name}_bytes"] = np.dtype(kind).itemsize
        for name, values in _binary_columns(frame).items():
            rows[name] = values
        rows["source_key"] = keys
        names = ", ".join(name for name, _kind in _FIELDS)
        _copy(f"COPY import_event ({names}) FROM STDIN (FORMAT binary)", _COPY_HEAD + rows.tobytes() + _COPY_TAIL)

    def _copy_texts(self, frame: pl.DataFrame, keys: Keys) -> None:
        columns = _plain_columns(frame) | {"source_key": [key.hex() for key in keys.tolist()]}
        table = pl.DataFrame(columns).with_columns(frame["text"].str.replace_all("\0", "", literal=True))
        names = ", ".join(table.columns)
        body = table.write_csv(include_header=False, quote_style="non_numeric").encode()
        _copy(f"COPY import_event ({names}) FROM STDIN (FORMAT csv)", body)


@contextmanager
def event_stage() -> Iterator[EventStage]:
    """An empty stage; gone at the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS import_event")
        cursor.execute(_CREATE)
    try:
        yield EventStage()
    finally:
        if connection.is_usable():  # else the table went with its session
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS import_event")


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
        pl.col("amount_fen").fill_null(_NO_AMOUNT),
        pl.col("text").fill_null(""),
        separator="\x1f",
    )
    own = pl.lit(f"{Source.UPLOAD.value}:") + pl.col("source_id")
    names = frame.select((pl.coalesce(own, content) if has_own_ids else content).cast(pl.Binary).alias("name"))["name"]
    digests = [blake2b(name, digest_size=16).digest() for name in names.to_list()]
    return np.frombuffer(b"".join(digests), "V16")


def _float_bits(values: pl.Series) -> npt.NDArray[np.int64]:
    """The exact value as a whole number, the same in every version of every library; null as NaN."""
    return values.fill_null(float("nan")).to_numpy().view(np.int64)


def _plain_columns(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """The columns of `import_event` but key and text, with the staged stand-ins for null."""
    return {
        "contact_id": frame["contact_id"],
        "item_id": frame["item_id"].fill_null(0),
        "occurred_at": frame["occurred_at"],
        "dwell_seconds": frame["dwell_seconds"].fill_null(-1.0),
        "amount_fen": frame["amount_fen"].fill_null(_NO_AMOUNT),
        "value": frame["value"].fill_null(float("nan")),
        "kind": frame["kind"],
        "line": frame[LINE],
    }


def _binary_columns(frame: pl.DataFrame) -> dict[str, npt.NDArray[Any]]:
    columns = {name: values.to_numpy() for name, values in _plain_columns(frame).items() if name != "occurred_at"}
    micros = frame["occurred_at"].dt.timestamp("us").to_numpy()
    return columns | {"occurred_at": micros - _POSTGRES_EPOCH_MICROS}


def _copy(statement: str, body: bytes) -> None:
    view = memoryview(body)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(view), _PIECE_BYTES):
            copy.write(view[start : start + _PIECE_BYTES])
