"""Write an upload's events into the partitioned table, within one transaction and without waiting for its end.

Stage: collect. Reads: packed rows (audience/event_packing.py). Writes: audience_event, audience_event_key.

COPY cannot write into a table under row-level security, so each chunk goes by binary COPY into a temporary table and
from there by INSERT .. SELECT. Rows whose key was certainly not seen go in directly, in the order of the table's one
index. The few others wait in a second temporary table; at the end the database decides exactly which of them are new.
"""

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.event_packing import COPY_HEAD, COPY_TAIL, FIELDS, KEY_DTYPE, NO_AMOUNT, Keys, Rows, chosen
from audience.kinds import Source
from audience.sketches import KeyFilter

BRAND_LOCK = 0x46570002
"""First key of the advisory lock that imports of one brand take, one after the other."""

_PIECE_BYTES = 1 << 17
_ROWS_AT_ONCE = 40_000  # fit into the session's buffers for temporary tables
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
_FIND_NEW = """
CREATE TEMP TABLE import_new ON COMMIT DROP AS SELECT DISTINCT ON (source_key) * FROM import_waiting AS w
WHERE NOT EXISTS (SELECT FROM audience_event AS e WHERE e.tenant_id = %(tenant)s AND e.contact_id = w.contact_id
    AND e.occurred_at = w.occurred_at AND e.source_key = w.source_key)"""
_TAKE_FREE_KEYS = """
WITH free AS (INSERT INTO audience_event_key SELECT %(tenant)s, source_key FROM import_new
    ON CONFLICT DO NOTHING RETURNING source_key)"""
_INSERT_NEW = f"{_INSERT} FROM import_new ORDER BY contact_id, occurred_at"
_INSERT_NEW_WITH_KEYS = f"{_TAKE_FREE_KEYS} {_INSERT} FROM import_new JOIN free USING (source_key)"
_COUNT_PRESENT = """
SELECT count(*) FROM import_waiting AS w WHERE EXISTS (SELECT FROM audience_event AS e WHERE e.tenant_id = %(tenant)s
    AND e.contact_id = w.contact_id AND e.occurred_at = w.occurred_at AND e.source_key = w.source_key
    AND e.batch_id IS DISTINCT FROM %(batch)s)"""
_MOVE = """
UPDATE {table} SET {column} = actual
FROM unnest(%(reserved)s::bigint[], %(actual)s::bigint[]) AS pair (reserved, actual) WHERE {column} = reserved"""
_OF_BATCH = " AND tenant_id = %(tenant)s AND batch_id = %(batch)s"
_SEEN = """
SELECT string_agg(uuid_send(source_key), ''::bytea) FROM audience_event
WHERE tenant_id = %(tenant)s AND source = %(source)s AND occurred_at BETWEEN %(first)s AND %(last)s
GROUP BY get_byte(uuid_send(source_key), 0)"""
_SEEN_KEYS = """
SELECT string_agg(uuid_send(source_key), ''::bytea) FROM audience_event_key WHERE tenant_id = %(tenant)s
GROUP BY get_byte(uuid_send(source_key), 0)"""


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
            cursor.execute("DROP TABLE IF EXISTS import_event, import_waiting, import_new")
            for name in ("import_event", "import_waiting"):
                cursor.execute(_CREATE.format(name=name))

    def remember_present(self, first: dt.datetime, last: dt.datetime) -> None:
        """Learn the keys of the brand's uploaded events in this time, and those it has had with ids of their own."""
        values: dict[str, Any] = {**self._values, "source": Source.UPLOAD.value, "first": first, "last": last}
        with connection.cursor() as cursor:
            for query in (_SEEN, _SEEN_KEYS) if self._has_own_ids else (_SEEN,):
                cursor.execute(query, values)
                for (keys,) in iter(cursor.fetchone, None):
                    self._seen.add(np.frombuffer(bytes(keys), KEY_DTYPE))

    def find_certain(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """True for each key that no event of the brand has had, and no earlier row of the file. Pure."""
        return self._seen.add(keys)

    def write(self, rows: Rows, texts: pl.Series | None, is_certain: npt.NDArray[np.bool_]) -> None:
        """Write rows in the order of contact and time; those that are not certainly new wait for `finish`."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            self._write_part(rows[part], texts[part] if texts is not None else None, is_certain[part])

    def _write_part(self, rows: Rows, texts: pl.Series | None, is_certain: npt.NDArray[np.bool_]) -> None:
        num_certain = int(is_certain.sum())
        self.num_rows += len(rows)
        self._num_waiting += len(rows) - num_certain
        self._copy("import_waiting", rows, texts, ~is_certain)
        if not num_certain:
            return
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
            cursor.execute("SET LOCAL enable_nestloop = off")  # the planner has no statistics of rows this new
            cursor.execute("ANALYZE import_waiting")
            cursor.execute(_FIND_NEW, self._values)
            cursor.execute(_INSERT_NEW_WITH_KEYS if self._has_own_ids else _INSERT_NEW, self._values)
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
                _copy_texts(table, chosen(rows, is_texted), texts.filter(is_texted))
                is_wanted = is_wanted & ~is_texted
        if is_wanted.any():
            wanted = chosen(rows, is_wanted).view(np.uint8).data
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
