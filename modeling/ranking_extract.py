"""One brand's showings and acts, for models of what is shown.

Stage: training and prediction. Reads events with an item, the catalogue and consents of the brand in scope by COPY;
writes nothing. Views, reads and plays are openings; lessons and finished courses are completions. A brand whose events
hold acts only, without any opening or impression, cannot be learnt from: nobody knows what was shown and left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.db import connection

from accounts.models import Tenant
from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from modeling.extract import ALLOWED_CONTACTS, fingerprint, read_frame
from modeling.ranking_acts import CODES, OPEN
from modeling.ranking_exposures import COLUMNS
from modeling.ranking_items import ITEM_COLUMNS

CODE_BY_KIND: dict[int, int] = {
    **{int(kind): CODES[kind.word] for kind in EventKind if kind.word in CODES},
    **dict.fromkeys((int(EventKind.VIEW), int(EventKind.READ), int(EventKind.PLAY)), CODES[OPEN]),
    **dict.fromkeys((int(EventKind.LESSON_COMPLETE), int(EventKind.COURSE_COMPLETE)), CODES["complete"]),
}
"""Kind of event -> its code in ranking data."""
SHOWN_KINDS = (EventKind.IMPRESSION, EventKind.VIEW, EventKind.READ, EventKind.PLAY)
_ANSWER_KINDS = tuple(kind for kind in CODE_BY_KIND if kind not in SHOWN_KINDS)
_EVENTS = f"""FROM audience_event WHERE tenant_id = %(tenant)s AND item_id IS NOT NULL AND kind = ANY(%(kinds)s)
    AND contact_id IN ({ALLOWED_CONTACTS})"""
_ITEM_FIELDS = """id, kind, category, author, price_fen, duration_seconds,
    extract(epoch FROM coalesce(published_at, created_at))"""
_ITEMS = "FROM catalog_item WHERE tenant_id = %(tenant)s"
MAX_COUNTED = 200_000
"""Events looked at to see whether there is enough."""


@dataclass(frozen=True)
class RankingFrames:
    """What `ranking_datasets.write_ranking_dataset` takes."""

    events: pl.DataFrame
    items: pl.DataFrame


def ranking_frames() -> RankingFrames:
    """The events of contacts who allow training, and the catalogue."""
    schema = {**COLUMNS, "code": pl.Int16}
    columns = "contact_id, item_id, kind, (extract(epoch FROM occurred_at) * 1000000)::bigint, dwell_seconds"
    events = read_frame(
        f"SELECT {columns} {_EVENTS}",
        {"kinds": list(CODE_BY_KIND)},
        schema,
    )
    codes = pl.col("code").replace_strict(CODE_BY_KIND, return_dtype=pl.Int8)
    return RankingFrames(events.with_columns(codes.alias("code")), catalogue_frame())


def catalogue_frame() -> pl.DataFrame:
    """The facts of every item."""
    return read_frame(f"SELECT {_ITEM_FIELDS} {_ITEMS}", {}, ITEM_COLUMNS)


def fingerprint_ranking() -> str:
    """A digest of the rows that `ranking_frames` would read, without reading them out."""
    events = f"SELECT count(*), coalesce(bit_xor(uuid_hash_extended(source_key, contact_id)), 0) {_EVENTS}"
    items = f"SELECT count(*), coalesce(bit_xor(hashtextextended(concat_ws(chr(31), {_ITEM_FIELDS}), 0)), 0) {_ITEMS}"
    return fingerprint([events, items], {"kinds": list(CODE_BY_KIND)})


def count_showings() -> tuple[int, int, int, bool]:
    """Showings, acts and contacts among the brand's oldest events on items, and whether there are more events."""
    query = f"""WITH oldest AS (
            SELECT contact_id, kind FROM audience_event
            WHERE tenant_id = %(tenant)s AND item_id IS NOT NULL AND kind = ANY(%(kinds)s) LIMIT {MAX_COUNTED}),
        sample AS (SELECT * FROM oldest WHERE contact_id IN ({ALLOWED_CONTACTS}))
        SELECT count(*) FILTER (WHERE kind = ANY(%(shown)s)), count(*) FILTER (WHERE kind = ANY(%(answers)s)),
            count(DISTINCT contact_id), (SELECT count(*) FROM oldest) FROM sample"""  # noqa: S608 - only our own names are spliced
    params: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "kinds": list(CODE_BY_KIND),
        "shown": list(map(int, SHOWN_KINDS)),
        "answers": list(_ANSWER_KINDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        num_shown, num_acts, num_contacts, num_looked_at = cursor.fetchone()
    return num_shown, num_acts, num_contacts, num_looked_at == MAX_COUNTED


def utc_offset_seconds() -> int:
    """How far the clock of the brand in scope is ahead of UTC now."""
    zone = Tenant.objects.values_list("time_zone", flat=True).get(pk=current_tenant_id())
    offset = datetime.now(UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0
