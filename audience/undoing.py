"""Take an import back: its events go, what it changed is as before, what it made goes unless something else needs it.

Stage: collect. Reads: the undo log of an import. Writes: audience_event, contacts, identities, items, engagement rows.
Rows that somebody changed after the import keep that change.
"""

from collections.abc import Sequence
from typing import Any

from django.core.files.storage import default_storage
from django.db import connection
from django.utils.translation import gettext_noop as _
from psycopg.types.json import Jsonb

from accounts.jobs import Lease
from accounts.locks import Lock, take_turn
from accounts.tenancy import current_tenant_id, tenant_scope
from audience.import_runs import take_turn_or_leave
from audience.models import Import
from audience.undo_log import iterate_log

_RESTORE_AT_ONCE = 1000
_IS_UNTOUCHED = {
    "audience_contact": "t.updated_at <= %(done)s",
    "catalog_item": "t.updated_at <= %(done)s",
    "audience_engagement": "t.batch_id = %(batch)s",
    "audience_identity": "true",
}
_NEEDED_BY = {
    "audience_contact": (
        ("audience_event", "contact_id"),
        ("audience_engagement", "contact_id"),
        ("audience_identity", "contact_id"),
        ("audience_consent", "contact_id"),
    ),
    "catalog_item": (("audience_event", "item_id"),),
}
_ORDER = ("audience_engagement", "audience_identity", "audience_contact", "catalog_item")
"""Rows that point to others are deleted first."""


def run(lease: Lease) -> None:
    """Do the work of an undo job; all of it becomes visible with one commit."""
    with tenant_scope(lease.tenant_id):
        batch = Import.objects.get(job_id=lease.job.pk)
    lease.progress(0, 1, _("Undoing"))
    with tenant_scope(lease.tenant_id):
        take_turn_or_leave()
        for lock in (Lock.CONTACTS, Lock.ITEMS):  # others may count on rows which this undo takes away
            take_turn(lock)
        _delete_events(batch)
        if batch.undo_file:
            _restore(batch)
            _delete_created(batch)
        batch.state = Import.State.UNDONE
        with lease.publish():
            batch.save(update_fields=["state"])
    for name in filter(None, (batch.undo_file,)):
        default_storage.delete(name)


def _delete_events(batch: Import) -> None:
    """The events and their keys, so that a corrected file may bring the same ids again."""
    if batch.first_event_at is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audience_sentiment s USING audience_event e WHERE e.tenant_id = %(tenant)s "
            "AND e.batch_id = %(batch)s AND e.occurred_at BETWEEN %(first)s AND %(last)s "
            "AND s.tenant_id = e.tenant_id AND s.source_key = e.source_key",
            {**_values(batch), "first": batch.first_event_at, "last": batch.last_event_at},
        )
        cursor.execute(
            "WITH gone AS (DELETE FROM audience_event WHERE tenant_id = %(tenant)s AND batch_id = %(batch)s "
            "AND occurred_at BETWEEN %(first)s AND %(last)s RETURNING tenant_id, source_key) "
            "DELETE FROM audience_event_key k USING gone "
            "WHERE k.tenant_id = gone.tenant_id AND k.source_key = gone.source_key",
            {**_values(batch), "first": batch.first_event_at, "last": batch.last_event_at},
        )


def _restore(batch: Import) -> None:
    waiting: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for row in iterate_log(batch.undo_file):
        if "before" in row:
            rows = waiting.setdefault(row["table"], [])
            rows.append((row["id"], row["before"]))
            if len(rows) >= _RESTORE_AT_ONCE:
                _put_back(batch, row["table"], rows)
                rows.clear()
    for table, rows in waiting.items():
        _put_back(batch, table, rows)


def _put_back(batch: Import, table: str, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
    if not rows:
        return
    columns = sorted(rows[0][1])
    sets = ", ".join(f"{name} = b.{name}" for name in columns)
    picked = ", ".join(f"(jsonb_populate_record(NULL::{table}, pair.before)).{name}" for name in columns)
    statement = (
        f"UPDATE {table} t SET {sets} FROM "  # noqa: S608  # names of our own tables and columns
        f"(SELECT pair.id, {picked} FROM unnest(%(ids)s::bigint[], %(befores)s::jsonb[]) AS pair (id, before)) AS b "
        f"WHERE t.tenant_id = %(tenant)s AND t.id = b.id AND {_IS_UNTOUCHED[table]}"
    )
    values = {"ids": [row[0] for row in rows], "befores": [Jsonb(row[1]) for row in rows], **_values(batch)}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _delete_created(batch: Import) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE undo_row (name text, id bigint) ON COMMIT DROP")
        with cursor.copy("COPY undo_row FROM STDIN") as copy:
            for row in iterate_log(batch.undo_file):
                for row_id in row.get("created", ()):
                    copy.write_row((row["table"], row_id))
        cursor.execute("SET LOCAL enable_nestloop = off")  # whole tables are compared; the statistics may say otherwise
        for table in _ORDER:
            values = {"table": table, **_values(batch)}
            for other, column in _NEEDED_BY.get(table, ()):
                cursor.execute(
                    "DELETE FROM undo_row WHERE name = %(table)s AND id IN "  # noqa: S608  # our own names
                    f"(SELECT {column} FROM {other} WHERE tenant_id = %(tenant)s)",
                    values,
                )
            cursor.execute(
                f"DELETE FROM {table} t USING undo_row u WHERE u.name = %(table)s AND t.tenant_id = %(tenant)s "  # noqa: S608 - only our own names are spliced
                f"AND t.id = u.id AND {_IS_UNTOUCHED[table]}",
                values,
            )
        cursor.execute("SET LOCAL enable_nestloop = on")
        cursor.execute("DROP TABLE undo_row")


def _values(batch: Import) -> dict[str, Any]:
    return {"tenant": current_tenant_id(), "batch": batch.pk, "done": batch.done_at}
