"""Write an upload's events into the partitioned table, within one transaction and without waiting for its end.

Stage: collect. Reads: packed rows (audience/event_packing.py). Writes: audience_event, audience_event_key.

COPY cannot write into a table under row-level security, so each chunk goes by binary COPY into a temporary table and
from there by INSERT .. SELECT. Rows whose key was certainly not seen go in directly, in the order of the table's one
index. The few others wait in a second temporary table; at the end the database decides exactly which of them are new.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.event_packing import COPY_HEAD, COPY_TAIL, FIELDS, KEY_DTYPE, NO_AMOUNT, Rows
from audience.kinds import Source
from audience.sketches import KeyFilter

BRAND_LOCK = 0x46570002
"""First key of the advisory lock that imports of one brand take, one after the other."""

_PIECE_BYTES = 1 << 17
_KEY_BYTES_IN_COPY = 22  # number of fields, length, key
_COPY_HEAD_BYTES = 19
_CREATE = """
CREATE TEMP TABLE {name} (contact_id bigint NOT NULL, item_id bigint NOT NULL, occurred_at timestamptz NOT NULL,
    source_key uuid NOT NULL, dwell_seconds double precision NOT NULL, amount_fen bigint NOT NULL,
    value double precision NOT NULL, kind smallint NOT NULL, text text) ON COMMIT DROP"""
_INSERT = f"""
INSERT INTO audience_event (tenant_id, contact_id, item_id, batch_id, amount_fen, occurred_at, received_at, source_key,
    dwell_seconds, value, kind, source, text)
SELECT %(tenant)s, contact_id, nullif(item_id, 0), %(batch)s, nullif(amount_fen, {NO_AMOUNT}), occurred_at, now(),
    source_key, CASE WHEN dwell_seconds >= 0 THEN dwell_seconds END, nullif(value, 'NaN'), kind,
    {Source.UPLOAD.value}, text"""  # constants
_INSERT_CERTAIN = f"{_INSERT} FROM import_event"
_INSERT_CERTAIN_KEYS = """
INSERT INTO audience_event_key SELECT %(tenant)s, source_key FROM import_event ORDER BY source_key"""
_ONCE = """
FROM (SELECT DISTINCT ON (source_key) * FROM import_waiting) AS once {only_new}
ORDER BY contact_id, occurred_at, source_key ON CONFLICT DO NOTHING"""
_INSERT_WAITING = _INSERT + _ONCE.format(only_new="")
_TAKE_FREE_KEYS = """
WITH free AS (INSERT INTO audience_event_key SELECT DISTINCT %(tenant)s::bigint, source_key FROM import_waiting
    ON CONFLICT DO NOTHING RETURNING source_key)"""
_INSERT_WAITING_WITH_KEYS = _TAKE_FREE_KEYS + _INSERT + _ONCE.format(only_new="JOIN free USING (source_key)")
_MOVE = """
UPDATE {table} SET {column} = actual
FROM unnest(%(reserved)s::bigint[], %(actual)s::bigint[]) AS pair (reserved, actual) WHERE {column} = reserved"""
_OF_BATCH = " AND tenant_id = %(tenant)s AND batch_id = %(batch)s"
_COUNT_PRESENT = """
SELECT count(DISTINCT w.source_key) FROM import_waiting w JOIN audience_event e ON e.tenant_id = %(tenant)s
    AND e.contact_id = w.contact_id AND e.occurred_at = w.occurred_at AND e.source_key = w.source_key
WHERE e.batch_id IS DISTINCT FROM %(batch)s"""
_SEEN = (
    "SELECT source_key FROM audience_event WHERE tenant_id = {tenant} AND source = {source} "
    "AND occurred_at BETWEEN '{first}' AND '{last}'"
)
_SEEN_KEYS = "SELECT source_key FROM audience_event_key WHERE tenant_id = {tenant}"


class EventWriter:
    """The events of one import on their way into the table. Lives within one transaction."""

    def __init__(self, batch_id: int, *, has_own_ids: bool) -> None:
        self._values = {"tenant": current_tenant_id(), "batch": batch_id}
        self._has_own_ids = has_own_ids
        self._seen = KeyFilter()
        self._num_waiting = 0
        self.num_rows = 0
        self.num_written = 0
        self.num_present = 0
        with connection.cursor() as cursor:
            for name in ("import_event", "import_waiting"):
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
                cursor.execute(_CREATE.format(name=name))

    def remember_present(self, first: dt.datetime, last: dt.datetime) -> None:
        """Learn the keys of the brand's uploaded events in this time, and those it has had with ids of their own."""
        query = _SEEN.format(
            tenant=self._values["tenant"], source=Source.UPLOAD.value, first=first.isoformat(), last=last.isoformat()
        )
        for keys in _copied_keys(query):
            self._seen.add(keys)
        if self._has_own_ids:
            for keys in _copied_keys(_SEEN_KEYS.format(tenant=self._values["tenant"])):
                self._seen.add(keys)

    def write(self, rows: Rows, texts: pl.Series | None) -> None:
        """Write a chunk; `rows` in the order of contact and time."""
        self.num_rows += len(rows)
        is_certain = self._seen.add(np.ascontiguousarray(rows["source_key"]))
        self._copy("import_waiting", rows, texts, ~is_certain)
        self._num_waiting += len(rows) - int(is_certain.sum())
        self._copy("import_event", rows, texts, is_certain)
        with connection.cursor() as cursor:
            if self._has_own_ids:
                cursor.execute(_INSERT_CERTAIN_KEYS, self._values)
            cursor.execute(_INSERT_CERTAIN, self._values)
            self.num_written += cursor.rowcount
            cursor.execute("TRUNCATE import_event")

    def finish(self) -> None:
        """Write those of the waiting rows that are new."""
        if not self._num_waiting:
            return
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")
            cursor.execute("ANALYZE import_waiting")
            cursor.execute(_INSERT_WAITING_WITH_KEYS if self._has_own_ids else _INSERT_WAITING, self._values)
            num_new = cursor.rowcount
            if num_new < self._num_waiting:
                cursor.execute(_COUNT_PRESENT, self._values)
                self.num_present = cursor.fetchone()[0]
        self.num_written += num_new

    def move(self, column: str, moved: dict[int, int]) -> None:
        """Point rows to the contacts or items that somebody else wrote first."""
        if not moved:
            return
        values: dict[str, Any] = {**self._values, "reserved": list(moved), "actual": list(moved.values())}
        with connection.cursor() as cursor:
            cursor.execute(_MOVE.format(table="audience_event", column=column) + _OF_BATCH, values)
            cursor.execute(_MOVE.format(table="import_waiting", column=column), values)

    def _copy(self, table: str, rows: Rows, texts: pl.Series | None, is_wanted: npt.NDArray[np.bool_]) -> None:
        if texts is not None:
            is_texted = texts.is_not_null().to_numpy() & is_wanted
            if is_texted.any():
                _copy_texts(table, rows[is_texted], texts.filter(is_texted))
                is_wanted = is_wanted & ~is_texted
        if is_wanted.any():
            wanted = np.ascontiguousarray(rows[is_wanted]).view(np.uint8).data
            names = ", ".join(name for name, _kind in FIELDS)
            _send(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", COPY_HEAD, wanted, COPY_TAIL)


def _copy_texts(table: str, rows: Rows, texts: pl.Series) -> None:
    names = [name for name, _kind in FIELDS if name not in ("source_key", "occurred_at")]
    micros = pl.Series(rows["occurred_at"].astype(np.int64) + 946_684_800_000_000)
    columns = {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in names} | {
        "occurred_at": micros.cast(pl.Datetime("us", "UTC")),
        "source_key": [key.hex() for key in rows["source_key"].tolist()],
        "text": texts,
    }
    body = pl.DataFrame(columns).write_csv(include_header=False, quote_style="non_numeric").encode()
    _send(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)", memoryview(body))


def _send(statement: str, *parts: bytes | memoryview) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in parts:
            view = memoryview(part)
            for start in range(0, len(view), _PIECE_BYTES):
                copy.write(view[start : start + _PIECE_BYTES])


def _copied_keys(query: str) -> Iterator[npt.NDArray[np.void]]:
    """The uuids that `query` selects, some at a time."""
    row = np.dtype([("num_fields", ">i2"), ("num_bytes", ">i4"), ("key", KEY_DTYPE)])
    waiting = b""
    skip = _COPY_HEAD_BYTES
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
        for piece in copy:
            waiting += bytes(piece)
            if skip:
                waiting, skip = waiting[skip:], 0
            if len(waiting) >= 1 << 20:
                whole = len(waiting) // _KEY_BYTES_IN_COPY
                yield np.frombuffer(waiting, row, whole)["key"].copy()
                waiting = waiting[whole * _KEY_BYTES_IN_COPY :]
    whole = len(waiting) // _KEY_BYTES_IN_COPY  # the trailer is shorter than a row
    yield np.frombuffer(waiting, row, whole)["key"].copy()
