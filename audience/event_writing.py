"""Write an upload's events into the partitioned table, within one transaction.

Stage: collect. Reads: packed rows (audience/event_packing.py). Writes: audience_event, audience_event_key.

A month that no event has been in yet is filled as a table of its own, by COPY, and attached at the end, which builds
its indexes in one go. Into a month in use COPY is refused (row-level security), so rows go by COPY into a temporary
table and from there by INSERT .. SELECT, in the order of the table's one index. Only rows whose key was certainly not
seen go either way. The few others wait in a second temporary table; at the end the database decides which are new.
"""

import datetime as dt
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.event_packing import FIELDS, KEY_DTYPE, NO_AMOUNT, Columns, Keys, binary_body, by_given, csv_body
from audience.kinds import Source
from audience.sketches import KeyFilter

_PIECE_BYTES = 1 << 17
_ROWS_AT_ONCE = 40_000  # fit into the session's buffers for temporary tables
_FEW = 20_000  # rows that are looked up one by one
OLDEST_MONTH = 12 * 50 - 1
"""Months are counted from 1970-01; everything before 2020 shares one partition and counts as December 2019."""
_ALL = ", ".join(FIELDS)
_CREATE = """
CREATE TEMP TABLE {name} (contact_id bigint NOT NULL, occurred_at timestamptz NOT NULL, source_key uuid NOT NULL,
    kind smallint NOT NULL, item_id bigint NOT NULL, dwell_seconds double precision NOT NULL,
    amount_fen bigint NOT NULL, value double precision NOT NULL, text text) ON COMMIT DROP"""
_INSERT = f"""
INSERT INTO audience_event (tenant_id, contact_id, item_id, batch_id, amount_fen, occurred_at, received_at, source_key,
    dwell_seconds, value, kind, source, text)
SELECT %(tenant)s, contact_id, nullif(item_id, 0), %(batch)s, nullif(amount_fen, {NO_AMOUNT}), occurred_at, now(),
    source_key, CASE WHEN dwell_seconds >= 0 THEN dwell_seconds END, nullif(value, 'NaN'), kind,
    {Source.UPLOAD.value}, text"""  # constants
_INSERT_CERTAIN = f"{_INSERT} FROM import_event"
_INSERT_KEYS = "INSERT INTO audience_event_key SELECT %(tenant)s, source_key FROM import_key ORDER BY source_key"
_SAME = """FROM audience_event AS e WHERE e.tenant_id = %(tenant)s AND e.contact_id = w.contact_id
    AND e.occurred_at = w.occurred_at AND e.source_key = w.source_key"""
_EXISTS = f"EXISTS (SELECT {_SAME}{{more}})"
_EXISTS_ONE_BY_ONE = f"(SELECT true {_SAME}{{more}} LIMIT 1) IS NOT NULL"
"""A subquery that cannot become a join: each row is looked up by the index, whatever the statistics say."""
_FIND_NEW = """
CREATE TEMP TABLE import_new ON COMMIT DROP AS SELECT DISTINCT ON (source_key) * FROM import_waiting AS w
WHERE NOT {exists}"""
_TAKE_FREE_KEYS = """
WITH free AS (INSERT INTO audience_event_key SELECT %(tenant)s, source_key FROM import_new
    ON CONFLICT DO NOTHING RETURNING source_key)"""
_INSERT_NEW = f"{_INSERT} FROM import_new ORDER BY contact_id, occurred_at"
_INSERT_NEW_WITH_KEYS = f"{_TAKE_FREE_KEYS} {_INSERT} FROM import_new JOIN free USING (source_key)"
_COUNT_PRESENT = "SELECT count(*) FROM import_waiting AS w WHERE {exists}"
_OF_OTHERS = " AND e.batch_id IS DISTINCT FROM %(batch)s"
_MOVE = """
UPDATE {table} SET {column} = actual
FROM unnest(%(reserved)s::bigint[], %(actual)s::bigint[]) AS pair (reserved, actual) WHERE {column} = reserved"""
_OF_BATCH = " AND tenant_id = %(tenant)s AND batch_id = %(batch)s"
_CAP = "UPDATE {table} SET dwell_seconds = %(cap)s WHERE dwell_seconds > %(cap)s"
_REMOVE = """
WITH gone AS (DELETE FROM {table} AS e USING import_bot AS b
    WHERE e.contact_id = b.contact_id AND e.occurred_at = b.occurred_at{more} RETURNING e.source_key),
key AS (DELETE FROM import_key AS k USING gone WHERE k.source_key = gone.source_key)
SELECT count(*) FROM gone"""
_SEEN = """
SELECT string_agg(uuid_send(source_key), ''::bytea) FROM audience_event
WHERE tenant_id = %(tenant)s AND source = %(source)s AND occurred_at >= coalesce(%(first)s, '-infinity'::timestamptz)
    AND occurred_at < %(beyond)s
GROUP BY get_byte(uuid_send(source_key), 0)"""
_SEEN_KEYS = """
SELECT string_agg(uuid_send(source_key), ''::bytea) FROM audience_event_key WHERE tenant_id = %(tenant)s
GROUP BY get_byte(uuid_send(source_key), 0)"""


@dataclass(frozen=True)
class Parcel:
    """Rows on their way: a COPY statement with its data, and whether the staged rows are to be inserted after it."""

    statement: str
    body: bytes | bytearray
    num_rows: int
    is_staged: bool = False
    is_direct: bool = False


class EventWriter:
    """The events of one import on their way into the table. Lives within one transaction.

    `pack` does not touch the database: it runs ahead in a thread, one call at a time.
    """

    def __init__(self, batch_id: int, *, has_own_ids: bool) -> None:
        self._values = {"tenant": current_tenant_id(), "batch": batch_id}
        self._months: set[int] = set()
        self._detached: dict[int, str] = {}  # month -> the new table for it
        self._left: set[int] = set()
        self._has_own_ids = has_own_ids
        self._seen = KeyFilter()  # of the thread that packs
        self._earlier: deque[Keys] = deque()  # on their way into it
        self._num_waiting = 0
        self.num_written = 0
        self.num_present = 0
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_event, import_waiting, import_new, import_key")
            for name in ("import_event", "import_waiting"):
                cursor.execute(_CREATE.format(name=name))
            cursor.execute("CREATE TEMP TABLE import_key (source_key uuid NOT NULL) ON COMMIT DROP")
            if has_own_ids:
                for keys in _keys_found(cursor, _SEEN_KEYS, self._values):
                    self._seen.add(keys)

    def open_month(self, month: int) -> None:
        """Before rows of a month are packed: make its table if there is none, else learn the brand's uploaded keys."""
        if month in self._months:
            return
        first, beyond = _first_of(month), _first_of(month + 1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT audience_detach_month(%s, %s)", [first.date(), self._values["batch"]])
            (name,) = cursor.fetchone()
            if name:
                self._detached[month] = name
            else:
                span = {"first": None if month == OLDEST_MONTH else first, "beyond": beyond}
                values = {**self._values, "source": Source.UPLOAD.value, **span}
                self._earlier.extend(_keys_found(cursor, _SEEN, values))
        self._months.add(month)

    def leave_months(self, current: set[int]) -> set[int]:
        """The new months, but for these, that were not left before: `index_month` is to follow their last parcel."""
        left = self._detached.keys() - self._left - current
        self._left |= left
        return left

    def index_month(self, month: int) -> None:
        """Build the indexes of a new month of which hardly any more rows will come; else `finish` builds them."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT audience_index_month(%s)", [self._detached[month]])

    def pack(self, columns: Columns, month: int) -> Iterator[Parcel]:
        """Rows of one open month (counted from 1970-01), ordered by contact and time, as parcels for `write`."""
        while self._earlier:
            self._seen.add(self._earlier.popleft())
        is_certain = self._seen.add(columns.arrays["source_key"])
        if not is_certain.all():
            yield from _staged("import_waiting", columns.take(~is_certain))
            columns = columns.take(is_certain)
        if self._has_own_ids:
            yield _key_parcel(columns.arrays["source_key"])
        if month in self._detached:
            yield from _direct(self._detached[month], columns)
        else:
            yield from _staged("import_event", columns)

    def write(self, parcel: Parcel) -> None:
        """Send one parcel."""
        _send(parcel.statement, parcel.body)
        if parcel.is_direct:
            self.num_written += parcel.num_rows
        elif parcel.is_staged:
            with connection.cursor() as cursor:
                cursor.execute(_INSERT_CERTAIN, self._values)
                self.num_written += cursor.rowcount
                cursor.execute("TRUNCATE import_event")

    def remove(self, acts: pl.DataFrame) -> None:
        """Take back what was written of the acts with these `contact_id` and `occurred_at`; before `finish`."""
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE import_bot (contact_id bigint, occurred_at timestamptz) ON COMMIT DROP")
            with cursor.copy("COPY import_bot FROM STDIN (FORMAT csv)") as copy:
                copy.write(acts.select("contact_id", "occurred_at").write_csv(include_header=False))
            cursor.execute("ANALYZE import_bot")
            for table in ("audience_event", *self._detached.values()):
                cursor.execute(_REMOVE.format(table=table, more=_OF_BATCH), self._values)
                self.num_written -= cursor.fetchone()[0]
            cursor.execute(_REMOVE.format(table="import_waiting", more=""), self._values)

    def cap(self, dwell_seconds: float) -> int:
        """Cut longer dwell times among what was written to this; before `finish`. Returns how many there were."""
        num_cut, values = 0, {**self._values, "cap": dwell_seconds}
        with connection.cursor() as cursor:
            for table in ("audience_event", *self._detached.values()):
                cursor.execute(_CAP.format(table=table) + _OF_BATCH, values)
                num_cut += cursor.rowcount
            cursor.execute(_CAP.format(table="import_waiting"), values)
            return num_cut + int(cursor.rowcount)

    def finish(self) -> None:
        """Attach the new months, and write those of the waiting rows that are new."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")
            if self._has_own_ids:
                cursor.execute(_INSERT_KEYS, self._values)
            for name in self._detached.values():
                cursor.execute("SELECT audience_attach_month(%s)", [name])
            cursor.execute("SELECT count(*) FROM import_waiting")
            self._num_waiting = cursor.fetchone()[0]
            if self._num_waiting:
                self._write_waiting(cursor)

    def _write_waiting(self, cursor: Any) -> None:
        cursor.execute("ANALYZE import_waiting")
        exists = _EXISTS_ONE_BY_ONE if self._num_waiting <= _FEW else _EXISTS
        if self._num_waiting > _FEW:
            cursor.execute("SET LOCAL enable_nestloop = off")  # the statistics know nothing of rows this new
        cursor.execute(_FIND_NEW.format(exists=exists.format(more="")), self._values)
        cursor.execute(_INSERT_NEW_WITH_KEYS if self._has_own_ids else _INSERT_NEW, self._values)
        num_new = cursor.rowcount
        self.num_written += num_new
        if num_new < self._num_waiting:
            cursor.execute(_COUNT_PRESENT.format(exists=exists.format(more=_OF_OTHERS)), self._values)
            self.num_present = cursor.fetchone()[0]

    def move(self, column: str, moved: dict[int, int]) -> None:
        """Point rows to the contacts or items that somebody else wrote first; before `finish`."""
        if not moved:
            return
        values: dict[str, Any] = {**self._values, "reserved": list(moved), "actual": list(moved.values())}
        with connection.cursor() as cursor:
            for table in ("audience_event", *self._detached.values()):
                cursor.execute(_MOVE.format(table=table, column=column) + _OF_BATCH, values)
            cursor.execute(_MOVE.format(table="import_waiting", column=column), values)


def _keys_found(cursor: Any, query: str, values: dict[str, Any]) -> Iterator[Keys]:
    cursor.execute(query, values)
    for (keys,) in iter(cursor.fetchone, None):
        yield np.frombuffer(bytes(keys), KEY_DTYPE)


def _first_of(month: int) -> dt.datetime:
    return dt.datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)


def _staged(table: str, columns: Columns) -> Iterator[Parcel]:
    is_staged = table == "import_event"
    for start in range(0, len(columns), _ROWS_AT_ONCE):
        plain, texted = columns.take(np.arange(start, min(start + _ROWS_AT_ONCE, len(columns)))).split_texts()
        if len(texted):
            statement = f"COPY {table} ({_ALL}, text) FROM STDIN (FORMAT csv)"
            yield Parcel(statement, csv_body(texted, keeps_stand_ins=True), len(texted), is_staged)
        if len(plain):
            statement = f"COPY {table} ({_ALL}) FROM STDIN (FORMAT binary)"
            yield Parcel(statement, binary_body(plain, list(FIELDS)), len(plain), is_staged)


def _direct(table: str, columns: Columns) -> Iterator[Parcel]:
    plain, texted = columns.split_texts()
    if len(texted):
        body = csv_body(texted, keeps_stand_ins=False)
        yield Parcel(f"COPY {table} ({_ALL}, text) FROM STDIN (FORMAT csv)", body, len(texted), is_direct=True)
    for names, part in by_given(plain):
        statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT binary)"
        yield Parcel(statement, binary_body(part, names), len(part), is_direct=True)


def _key_parcel(keys: Keys) -> Parcel:
    columns = Columns({"source_key": keys, "kind": np.zeros(len(keys), np.int16)}, None)
    return Parcel("COPY import_key FROM STDIN (FORMAT binary)", binary_body(columns, ["source_key"]), len(keys))


def _send(statement: str, body: bytes | bytearray) -> None:
    view = memoryview(body)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(view), _PIECE_BYTES):
            copy.write(view[start : start + _PIECE_BYTES])
