"""Contact, item and engagement tables of an upload: stage, compare with what is there, publish.

Stage: collect. Reads: cleaned chunks. Writes: audience_contact and audience_identity, catalog_item, or
audience_engagement; notes what it made and changed in the undo log. An empty cell leaves the stored value as it is
and an unchanged row is not written, so the same file twice changes nothing. Of several rows about one thing the last
counts.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.db import connection

from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id
from audience import parsing
from audience.cleaning import Cleaner
from audience.idmaps import Numbering, contact_ids, new_codes
from audience.layouts import LINE
from audience.models import Import
from audience.spool import Spool
from audience.undo_log import UndoLog
from common.text import sha256_hex, sort_key

_IDENTITY_KINDS = {"openid": "openid", "unionid": "unionid", "phone": "phone_hash"}
_ADD_IDENTITIES = """
INSERT INTO audience_identity (tenant_id, contact_id, kind, account_ref, value, created_at)
SELECT %(tenant)s, c.id, %(kind)s, %(ref)s, r.{column}, now()
FROM import_row r JOIN audience_contact c ON c.tenant_id = %(tenant)s AND c.external_id = r.external_id
WHERE r.{column} IS NOT NULL
ON CONFLICT (tenant_id, kind, account_ref, value) DO NOTHING RETURNING id"""
_COUNT_TAKEN = """
SELECT count(*) FROM import_row r JOIN audience_contact c ON c.tenant_id = %(tenant)s AND c.external_id = r.external_id
JOIN audience_identity i ON i.tenant_id = %(tenant)s AND i.kind = %(kind)s AND i.account_ref = %(ref)s
    AND i.value = r.{column} AND i.contact_id <> c.id"""

_FOLLOW_MERGES = """
UPDATE import_row r SET external_id = m.survivor_id FROM (
    SELECT DISTINCT ON (m.other_external_id) m.other_external_id, c.external_id AS survivor_id
    FROM audience_contactmerge m JOIN audience_contact c ON c.tenant_id = m.tenant_id AND c.id = m.into_id
    WHERE m.tenant_id = %(tenant)s AND m.undone_at IS NULL ORDER BY m.other_external_id, m.id DESC) m
WHERE r.external_id = m.other_external_id AND NOT EXISTS (SELECT 1 FROM audience_contact c
    WHERE c.tenant_id = %(tenant)s AND c.external_id = r.external_id)"""


@dataclass(frozen=True)
class Table:
    """How the rows of one kind of upload are stored. `r` is the staged row, `t` the stored one in all SQL."""

    name: str
    key: str  # the column that says what a row is about
    columns: dict[str, str]  # column -> type, of what a file may fill
    bare: dict[str, str]  # column -> SQL, of a new row where the file says nothing
    lock: Lock  # taken by all who write the table row by row
    merged: str  # the jsonb column that takes the extra columns
    changed: dict[str, str] = field(default_factory=dict)  # column -> SQL, instead of the file's value
    always: dict[str, str] = field(default_factory=dict)  # column -> SQL, written with every change
    aside: tuple[str, ...] = ()  # staged text columns that go elsewhere


CONTACTS = Table(
    name="audience_contact",
    key="external_id",
    columns={
        "external_id": "text",
        **dict.fromkeys(("name", "name_sort", "gender", "age_band", "region", "city"), "text"),
        "tags": "varchar[]",
        "followed_at": "timestamptz",
    },
    bare={
        **dict.fromkeys(("name", "name_sort", "gender", "age_band", "region", "city"), "''"),
        "code": "r.code",
        "tags": "'{}'",
        "is_personalisation_off": "false",
        "created_at": "now()",
        "updated_at": "now()",
    },
    lock=Lock.CONTACTS,
    merged="attributes",
    always={"updated_at": "now()"},
    aside=tuple(_IDENTITY_KINDS),
)
_ITEM_TEXTS = ("title", "text", "url", "category", "author", "picture")
ITEMS = Table(
    name="catalog_item",
    key="external_id",
    columns={
        "external_id": "text",
        **dict.fromkeys((*_ITEM_TEXTS, "kind"), "text"),
        "tags": "varchar[]",
        "price_fen": "bigint",
        "duration_seconds": "integer",
        "published_at": "timestamptz",
    },
    bare={
        **dict.fromkeys(_ITEM_TEXTS, "''"),
        "kind": "%(kind)s",
        "tags": "'{}'",
        "state": "CASE WHEN r.title IS NULL THEN 'draft' ELSE 'active' END",
        "created_at": "now()",
        "updated_at": "now()",
    },
    lock=Lock.ITEMS,
    merged="attributes",
    changed={"state": "CASE WHEN t.state = 'draft' AND t.title = '' AND r.title <> '' THEN 'active' ELSE t.state END"},
    always={"updated_at": "now()"},
)
_ENGAGEMENT_NUMBERS = ("likes", "transfers", "comments", "time_spent")
ENGAGEMENT = Table(
    name="audience_engagement",
    key="contact_id",
    columns={
        "contact_id": "bigint",
        **dict.fromkeys(_ENGAGEMENT_NUMBERS, "double precision"),
        "label": "boolean",
    },
    bare={**dict.fromkeys(_ENGAGEMENT_NUMBERS, "0"), "batch_id": "%(batch)s"},
    lock=Lock.IMPORT,
    merged="extra",
    always={"batch_id": "%(batch)s"},
)


class TableLoader:
    """Takes a file chunk by chunk; `publish` makes all of it visible at once. Subclasses shape the rows."""

    table: Table

    def __init__(self, batch: Import, cleaner: Cleaner, spool: Spool) -> None:
        self._batch = batch
        self._cleaner = cleaner
        self._tally = cleaner.tally
        self._spool = spool

    def shape(self, cleaned: pl.DataFrame) -> pl.DataFrame:
        """A cleaned chunk as columns of the staging table. Pure: it runs ahead in a thread."""
        columns = {
            "line": cleaned[LINE],
            "code": pl.Series(new_codes(cleaned.height), dtype=pl.String),
            "extra": self._extra(cleaned),
            **self._shaped(cleaned),
        }
        return pl.DataFrame([_copyable(values).alias(name) for name, values in columns.items()])

    def add(self, rows: pl.DataFrame) -> None:
        """Take in what `shape` made of the next chunk."""
        self._spool.append(rows)

    def write_next(self) -> bool:
        """Nothing is written before `publish`."""
        return False

    def close(self) -> None:
        """Nothing to end."""

    def settle(self) -> dict[int, str]:
        """No rule needs these files whole."""
        return {}

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        """Write the rows in the running transaction, and complete the report."""
        report = self._tally.report
        take_turn(self.table.lock)
        self._stage(advance)
        self._redirect()
        report.duplicates = self._drop_twins()
        self._tally.touch("duplicates", report.duplicates)
        values = {"tenant": current_tenant_id(), "batch": self._batch.pk, "kind": self._cleaner.options.item_kind}
        report.updated = self._update(values, undo)
        created = self._insert(values)
        undo.note_created(self.table.name, created)
        report.written = len(created)
        report.present = self._spool.num_rows - report.duplicates - report.updated - report.written

    def _stage(self, advance: Callable[[float], None]) -> None:
        columns = {**self.table.columns, **dict.fromkeys(self.table.aside, "text")}
        body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        num_staged = 0
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_row")
            cursor.execute(f"CREATE TEMP TABLE import_row (line bigint, code text, extra jsonb, {body}) ON COMMIT DROP")
            for frame in self._spool.frames():
                rows = self._resolved(frame)
                with cursor.copy(f"COPY import_row ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)") as copy:
                    copy.write(rows.write_csv(include_header=False, quote_style="non_numeric"))
                num_staged += rows.height
                advance(num_staged / self._spool.num_rows)

    def _resolved(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def _redirect(self) -> None:
        """Nothing: most rows are about what they name."""

    def _drop_twins(self) -> int:
        """Keep the last of several rows about one thing; returns how many went."""
        place = f"row_number() OVER (PARTITION BY {self.table.key} ORDER BY line DESC) AS place"
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM import_row USING (SELECT ctid AS twin, {place} FROM import_row) AS ranked "  # noqa: S608 - only our own names are spliced
                "WHERE import_row.ctid = twin AND place > 1"
            )
            num_dropped: int = cursor.rowcount
            cursor.execute("ANALYZE import_row")
        return num_dropped

    def _shaped(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """The staged columns of the table, from the frame's mapped fields."""
        names = [*self.table.columns, *self.table.aside]
        return {name: frame[name] for name in names if name in frame.columns}

    def _extra(self, frame: pl.DataFrame) -> pl.Series:
        """JSON text with the columns kept as the brand's own fields."""
        headers = self._cleaner.extra_columns()
        if not headers:
            return pl.Series(["{}"], dtype=pl.String).new_from_index(0, frame.height)
        tidy = pl.DataFrame([self._own_field(frame[header]) for header in headers])
        return tidy.select(pl.struct(headers).struct.json_encode().alias("extra"))["extra"]

    def _own_field(self, values: pl.Series) -> pl.Series:
        return parsing.without_blanks(values).str.slice(0, 500)

    def _changes(self) -> dict[str, str]:
        """Column -> SQL of its value after the import."""
        table = self.table
        new = {name: f"coalesce(r.{name}, t.{name})" for name in table.columns if name != table.key}
        return new | table.changed | {table.merged: f"t.{table.merged} || jsonb_strip_nulls(r.extra)"}

    def _update(self, values: dict[str, Any], undo: UndoLog) -> int:
        table, new = self.table, self._changes()
        is_same = f"t.tenant_id = %(tenant)s AND t.{table.key} = r.{table.key}"
        is_new = f"ROW({', '.join(f't.{name}' for name in new)}) IS DISTINCT FROM ROW({', '.join(new.values())})"
        before = ", ".join(f"'{name}', t.{name}" for name in {**new, **table.always})
        sets = ", ".join(f"{name} = {sql}" for name, sql in {**new, **table.always}.items())
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT t.id, jsonb_build_object({before}) FROM {table.name} t JOIN import_row r "  # noqa: S608  # constants
                f"ON {is_same} WHERE {is_new} FOR UPDATE OF t",
                values,
            )
            for row_id, row in iter(cursor.fetchone, None):
                undo.note_before(table.name, row_id, json.loads(row))
            cursor.execute(f"UPDATE {table.name} t SET {sets} FROM import_row r WHERE {is_same} AND {is_new}", values)  # noqa: S608 - only our own names are spliced
            return int(cursor.rowcount)

    def _insert(self, values: dict[str, Any]) -> list[int]:
        table = self.table
        columns = {name: f"r.{name}" for name in table.columns} | {table.merged: "jsonb_strip_nulls(r.extra)"}
        columns |= {name: f"coalesce({columns.get(name, 'NULL')}, {sql})" for name, sql in table.bare.items()}
        statement = (
            f"INSERT INTO {table.name} (tenant_id, {', '.join(columns)}) "  # noqa: S608  # constants
            f"SELECT %(tenant)s, {', '.join(columns.values())} FROM import_row r "
            f"ON CONFLICT (tenant_id, {table.key}) DO NOTHING RETURNING id"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return [row[0] for row in cursor.fetchall()]


class ContactLoader(TableLoader):
    """Contacts with their identities; a phone number is stored as its SHA-256 only."""

    table = CONTACTS

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        super().publish(undo, advance)
        report = self._tally.report
        report.contacts, report.new_contacts = self._spool.num_rows - report.duplicates, report.written
        for column, kind in _IDENTITY_KINDS.items():
            if column in self._cleaner.mapping:
                self._add_identities(column, kind, undo)

    def _redirect(self) -> None:
        """A row with the id of a contact that was merged into another is about that one."""
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW_MERGES, {"tenant": current_tenant_id()})

    def _shaped(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        columns = super()._shaped(frame)
        if "name" in columns:
            columns["name_sort"] = columns["name"].map_elements(sort_key, pl.String, skip_nulls=True)
        if "phone" in columns:
            columns["phone"] = _phone_hashes(columns["phone"])
        return columns

    def _add_identities(self, column: str, kind: str, undo: UndoLog) -> None:
        ref = self._cleaner.options.account_ref if kind == "openid" else ""
        values: dict[str, Any] = {"tenant": current_tenant_id(), "kind": kind, "ref": ref}
        with connection.cursor() as cursor:
            cursor.execute(_ADD_IDENTITIES.format(column=column), values)
            undo.note_created("audience_identity", (row[0] for row in cursor.fetchall()))
            cursor.execute(_COUNT_TAKEN.format(column=column), values)
            num_taken = cursor.fetchone()[0]
        if num_taken:
            self._tally.touch("identity_taken", num_taken)


class ItemLoader(TableLoader):
    """Items. One without a title stays a draft; web addresses that are none are left out."""

    table = ITEMS

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        super().publish(undo, advance)
        report = self._tally.report
        report.items, report.new_items = self._spool.num_rows - report.duplicates, report.written

    def _shaped(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        columns = super()._shaped(frame)
        for name in ("url", "picture"):
            if name in columns:
                columns[name] = self._addresses(columns[name])
        if "duration_seconds" in columns:
            columns["duration_seconds"] = columns["duration_seconds"].clip(0, 2**31 - 1).round().cast(pl.Int64)
        return columns

    def _addresses(self, texts: pl.Series) -> pl.Series:
        is_address = texts.str.contains(r"^https?://[^\s/]+\.[^\s]+$")
        num_wrong = int((~is_address).sum())
        if num_wrong:
            self._tally.touch("unreadable", num_wrong)
        return texts.to_frame("t").select(pl.when(is_address).then(pl.col("t")))["t"]


class EngagementLoader(TableLoader):
    """Engagement rows; a file without a contact column gets one contact per line."""

    table = ENGAGEMENT

    def __init__(self, batch: Import, cleaner: Cleaner, spool: Spool) -> None:
        super().__init__(batch, cleaner, spool)
        self._numbers = Numbering()
        self._contacts = contact_ids()

    def settle(self) -> dict[int, str]:
        """Find the contacts, or reserve their ids."""
        self._contacts.learn(self._numbers.texts())
        return {}

    def publish(self, undo: UndoLog, advance: Callable[[float], None]) -> None:
        self._moved = undo.note_ids("audience_contact", self._contacts)
        super().publish(undo, advance)
        report = self._tally.report
        report.contacts, report.new_contacts = self._contacts.num_known, len(self._contacts.new)

    def _resolved(self, frame: pl.DataFrame) -> pl.DataFrame:
        ids = pl.Series("contact_id", self._contacts.ids(frame["contact_id"]))
        return frame.with_columns(ids.replace(self._moved) if self._moved else ids)

    def _shaped(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        if "contact" in frame.columns:
            names = frame["contact"]
        else:
            prefix = f"row-{self._batch.sha256[:6]}-"
            names = frame.select((pl.lit(prefix) + pl.col(LINE).cast(pl.String)).alias("contact"))["contact"]
        return {"contact_id": self._numbers.encode(names)} | super()._shaped(frame)

    def _own_field(self, values: pl.Series) -> pl.Series:
        return parsing.numbers(parsing.without_blanks(values)).alias(values.name)


def _phone_hashes(phones: pl.Series) -> pl.Series:
    """SHA-256 of the digits, without the Chinese country code; null where there are too few digits."""
    digits = phones.str.replace_all(r"\D", "").str.replace(r"^(?:00)?86(1\d{10})$", "$1")
    return digits.map_elements(lambda text: sha256_hex(text) if len(text) >= 5 else None, pl.String, skip_nulls=True)


def _copyable(values: pl.Series) -> pl.Series:
    """A column as COPY reads it: lists as array literals."""
    if not isinstance(values.dtype, pl.List):
        return values
    quoted = pl.element().str.replace_all(r"\\", r"\\\\").str.replace_all('"', '\\"', literal=True)
    literal = values.list.eval(pl.lit('"') + quoted + pl.lit('"')).list.join(",")
    return literal.to_frame("t").select(pl.lit("{") + pl.col("t") + pl.lit("}"))["literal"]
