"""Events, row by row and in small batches (API, tracker, our own acts). Stage: collect. Writes audience_event.

Uploaded files go the bulk way (audience/imports.py); both share `source_key`, so an event exists once per brand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind, Source

CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class NewEvent:
    """One event to be written; `source_id` is the sender's own id for it."""

    source: Source
    source_id: str
    contact_id: int
    kind: EventKind
    occurred_at: datetime
    item_id: int | None = None
    dwell_seconds: float | None = None
    amount_fen: int | None = None
    value: float | None = None
    text: str | None = None


def source_key(source: Source, source_id: str) -> UUID:
    """The 128-bit BLAKE2b digest of (source, source id): what makes an event unique within its brand."""
    return UUID(bytes=blake2b(f"{source.value}:{source_id}".encode(), digest_size=16).digest())


def record(events: Iterable[NewEvent]) -> list[bool]:
    """Write the events in the running transaction; True for each new one, False where it was there already.

    Of two senders with the same source id the second waits for the first and then counts as a duplicate.
    """
    rows = list(events)
    if not rows:
        return []
    tenant_id = current_tenant_id()
    keys = [source_key(row.source, row.source_id) for row in rows]
    unused = _take_keys(tenant_id, keys)
    fresh: dict[UUID, NewEvent] = {}
    is_new = []
    for key, row in zip(keys, rows, strict=True):
        is_new.append(key in unused)
        if is_new[-1]:
            unused.remove(key)
            fresh[key] = row
    _insert(tenant_id, fresh)
    return is_new


def _take_keys(tenant_id: int, keys: list[UUID]) -> set[UUID]:
    """Those of the keys that no event had; taken in sorted order, so that two senders cannot block each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audience_event_key SELECT %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING source_key",
            [tenant_id, sorted(set(keys))],
        )
        return {key for (key,) in cursor.fetchall()}


def _insert(tenant_id: int, fresh: dict[UUID, NewEvent]) -> None:
    if not fresh:
        return
    days = [row.occurred_at.date() for row in fresh.values()]
    ensure_partitions(min(days), max(days))
    columns: Sequence[tuple[str, list[object]]] = (
        ("uuid", list(fresh)),
        ("timestamptz", [row.occurred_at for row in fresh.values()]),
        ("bigint", [row.contact_id for row in fresh.values()]),
        ("bigint", [row.item_id for row in fresh.values()]),
        ("smallint", [int(row.kind) for row in fresh.values()]),
        ("smallint", [int(row.source) for row in fresh.values()]),
        ("double precision", [row.dwell_seconds for row in fresh.values()]),
        ("bigint", [row.amount_fen for row in fresh.values()]),
        ("double precision", [row.value for row in fresh.values()]),
        ("text", [row.text for row in fresh.values()]),
    )
    arrays = ", ".join(f"%s::{kind}[]" for kind, _values in columns)
    insert = (
        "INSERT INTO audience_event (tenant_id, source_key, occurred_at, contact_id, item_id, "  # noqa: S608 - only our own names are spliced
        "kind, source, dwell_seconds, amount_fen, value, text) "
        f"SELECT %s, u.* FROM unnest({arrays}) AS u"  # only type names are spliced
    )
    with connection.cursor() as cursor:
        cursor.execute(insert, [tenant_id, *(values for _kind, values in columns)])


def ensure_partitions(first: date, last: date) -> None:
    """Make the month partitions for these days; days more than 40 ahead are refused by the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audience_ensure_partitions(%s::date, %s::date)", [first, last])


def is_plausible(occurred_at: datetime) -> bool:
    """Whether a live event may carry this time: not from the future, not from before WeChat (2011)."""
    return datetime(2011, 1, 21, tzinfo=occurred_at.tzinfo) <= occurred_at <= timezone.now() + CLOCK_SKEW
