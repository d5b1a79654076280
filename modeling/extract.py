"""One brand's behaviour as frames.

Stage: training. Reads events, items, contacts and consents of the brand in scope by COPY; writes nothing. Contacts who
denied or withdrew the use of their data in training are left out, whatever is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from common.text import sha256_hex

BLOCK_BYTES = 8 * 1024**2

INTEREST_WEIGHTS: dict[EventKind, float] = {
    EventKind.VIEW: 0.5,
    EventKind.CLICK: 0.5,
    EventKind.CLICK_AVATAR: 0.5,
    EventKind.READ: 1.0,
    EventKind.PLAY: 1.0,
    EventKind.READ_COMMENTS: 1.0,
    EventKind.RATE: 1.0,
    EventKind.LIKE: 1.5,
    EventKind.COMMENT: 1.5,
    EventKind.SHARE: 2.0,
    EventKind.FAVOURITE: 2.0,
    EventKind.ADD_TO_CART: 2.0,
    EventKind.LESSON_COMPLETE: 2.0,
    EventKind.COURSE_COMPLETE: 2.0,
    EventKind.PURCHASE: 3.0,
    EventKind.ENROL: 3.0,
}
"""The acts that show interest in an item, and how much predicting each is worth. Histories use exactly these."""
INTEREST_KINDS = tuple(int(kind) for kind in INTEREST_WEIGHTS)

ALLOWED_CONTACTS = """SELECT contact.id FROM audience_contact AS contact
    WHERE contact.tenant_id = %(tenant)s AND NOT EXISTS (
        SELECT FROM audience_consent AS consent
        WHERE consent.tenant_id = contact.tenant_id AND consent.contact_id = contact.id
          AND consent.purpose = 'training' AND consent.state IN ('denied', 'withdrawn'))"""
"""SQL of the contacts whose data may teach a model."""
INTERESTS = f"""FROM audience_event
    WHERE tenant_id = %(tenant)s AND item_id IS NOT NULL AND kind = ANY(%(kinds)s)
      AND contact_id IN ({ALLOWED_CONTACTS})"""
"""SQL of the events that may teach a next-item model; takes `kinds`."""
_ITEM_FIELDS = "id, kind, category, author, array_to_string(tags, ','), price_fen"
_ITEMS = "FROM catalog_item WHERE tenant_id = %(tenant)s"


@dataclass(frozen=True)
class NextItemFrames:
    """What `datasets.write_dataset` takes."""

    interactions: pl.DataFrame
    """user_key, item_key, action, occurred_at (Unix seconds), weight; by user and time."""
    items: pl.DataFrame
    """item_key, kind, category, author, tags, price_fen: the whole catalogue."""
    users: pl.DataFrame
    """user_key of everybody who occurs; nothing else about them is needed, so nothing else is taken."""


def next_item_frames() -> NextItemFrames:
    """The brand's interests and catalogue. Events of items that vanished while reading are left out."""
    events = read_frame(
        f"SELECT contact_id, item_id, kind, (extract(epoch FROM occurred_at) * 1000000)::bigint {INTERESTS}",  # noqa: S608 - only our own names are spliced
        {"kinds": list(INTEREST_KINDS)},
        {"user_key": pl.Int64, "item_key": pl.Int64, "action": pl.Int16, "occurred_micros": pl.Int64},
    )
    text_columns = dict.fromkeys(("kind", "category", "author", "tags"), pl.String)
    items = read_frame(
        f"SELECT {_ITEM_FIELDS} {_ITEMS}", {}, {"item_key": pl.Int64, **text_columns, "price_fen": pl.Int64}
    )
    events = events.join(items, on="item_key", how="semi").sort("user_key", "occurred_micros", "item_key", "action")
    weights = {int(kind): weight for kind, weight in INTEREST_WEIGHTS.items()}
    interactions = events.select(
        "user_key",
        "item_key",
        "action",
        (pl.col("occurred_micros") // 1_000_000).alias("occurred_at"),
        pl.col("action").replace_strict(weights, return_dtype=pl.Float32).alias("weight"),
    )
    items = items.with_columns(pl.col(*text_columns).fill_null(""))
    return NextItemFrames(interactions, items, interactions.select(pl.col("user_key").unique().sort()))


def fingerprint_next_item() -> str:
    """A digest of the rows `next_item_frames` would read, without reading them out: same rows, same digest."""
    events = f"SELECT count(*), coalesce(bit_xor(uuid_hash_extended(source_key, contact_id)), 0) {INTERESTS}"
    rows = f"hashtextextended(concat_ws(chr(31), {_ITEM_FIELDS}), 0)"
    items = f"SELECT count(*), coalesce(bit_xor({rows}), 0) {_ITEMS}"
    return fingerprint([events, items], {"kinds": list(INTEREST_KINDS)})


def fingerprint(queries: list[str], params: Mapping[str, Any]) -> str:
    """SHA-256 over the single rows that the queries give; `%(tenant)s` is the tenant in scope."""
    facts = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query, {"tenant": current_tenant_id(), **params})
            facts.append(cursor.fetchone())
    return sha256_hex(repr(facts))


def read_frame(query: str, params: Mapping[str, Any], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The rows of a SELECT, streamed by COPY in bounded blocks; `%(tenant)s` is the tenant in scope.

    COPY (SELECT ...) obeys row-level security, which COPY of a table refuses to do.
    """
    copy_out = f"COPY ({query}) TO STDOUT (FORMAT csv)"
    operations: Any = connection.ops  # PostgreSQL alone has compose_sql
    statement = operations.compose_sql(copy_out, {"tenant": current_tenant_id(), **params})
    frames, block = [pl.DataFrame(schema=schema)], bytearray()
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in copy:  # whole rows, so a block never ends inside one
            block += row
            if len(block) >= BLOCK_BYTES:
                frames.append(_parse(block, schema))
                block.clear()
    if block:
        frames.append(_parse(block, schema))
    return pl.concat(frames)


def _parse(block: bytearray, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(block), has_header=False, schema=dict(schema))
