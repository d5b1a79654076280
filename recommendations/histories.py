"""The freshest acts of one contact, straight from the database.

Stage: prediction. Reads audience_event; writes nothing. What was committed before the request counts in its answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from common.queries import fetch_prepared
from modeling.extract import INTEREST_KINDS, INTEREST_WEIGHTS
from modeling.histories import History, Int64Array

WINDOW = timedelta(days=90)
"""How far back the first look goes; the bound lets the database skip older month partitions."""
ENOUGH_ACTS = 20
"""With fewer acts in the window the whole past is read."""
MAX_ACTS = 200
OWNING_KINDS = (EventKind.PURCHASE, EventKind.ENROL, EventKind.LESSON_COMPLETE, EventKind.COURSE_COMPLETE)
"""Acts after which an item is never recommended to the contact again (index audience_event_owned)."""
_WEIGHTS = {int(kind): weight for kind, weight in INTEREST_WEIGHTS.items()}
_ACTS: LiteralString = """SELECT item_id, kind, (extract(epoch FROM occurred_at) * 1000000)::bigint FROM audience_event
    WHERE tenant_id = %s AND contact_id = %s AND occurred_at >= %s AND item_id IS NOT NULL AND kind = ANY(%s)
    ORDER BY occurred_at DESC LIMIT %s"""
_OWNED: LiteralString = """SELECT DISTINCT item_id, 0::smallint, 0::bigint FROM audience_event
    WHERE tenant_id = %s AND contact_id = %s AND occurred_at >= %s AND kind IN (12, 14, 15, 16)
        AND item_id IS NOT NULL"""
_BOTH: LiteralString = f"({_ACTS}) UNION ALL ({_OWNED})"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: LiteralString = """SELECT month FROM generate_series(timestamptz '2020-01-01 00:00Z', now(), '1 month') AS month
    WHERE EXISTS (SELECT FROM audience_event WHERE tenant_id = %s AND occurred_at >= month
        AND occurred_at < month + interval '1 month') ORDER BY month LIMIT 1"""
_ANY_BEFORE: LiteralString = """SELECT EXISTS (SELECT FROM audience_event
    WHERE tenant_id = %s AND occurred_at < timestamptz '2020-01-01 00:00Z')"""


@dataclass(frozen=True)
class Behaviour:
    """What a contact did with items lately (newest first), and what the contact owns for good."""

    item_ids: list[int]
    kinds: list[int]
    times_micros: list[int]
    owned: frozenset[int]

    @property
    def met(self) -> set[int]:
        """Items of the acts, and the owned ones: none of them is recommended."""
        return {*self.item_ids, *self.owned}

    def history(self, item_keys_N: Int64Array) -> History:
        """The acts as a model with this item order sees them."""
        kinds = self.kinds[::-1]
        weights = [_WEIGHTS[kind] for kind in kinds]
        times_seconds = [at // 1_000_000 for at in reversed(self.times_micros)]
        return History.from_events(item_keys_N, self.item_ids[::-1], kinds, times_seconds, weights)


def read(contact_id: int, now: datetime, since: datetime = _EVER) -> Behaviour:
    """The contact's newest acts, at most 200: of the last 90 days, or of all time when those are few.

    `since` may be any moment before the brand's first act (`first_month`); it keeps older partitions untouched.
    """
    scope = [current_tenant_id(), contact_id]
    rows = fetch_prepared(_BOTH, [*scope, now - WINDOW, list(INTEREST_KINDS), MAX_ACTS, *scope, since])
    owned = frozenset(item_id for item_id, kind, _at in rows if not kind)
    acts = [row for row in rows if row[1]]
    if len(acts) < ENOUGH_ACTS:
        acts = fetch_prepared(_ACTS, [*scope, since, list(INTEREST_KINDS), MAX_ACTS])
    return _behaviour(acts, owned)


def first_month() -> datetime:
    """The start of the month of the brand's first act; long ago when there is none yet, or one from before 2020."""
    tenant_id = current_tenant_id()
    if fetch_prepared(_ANY_BEFORE, [tenant_id])[0][0]:
        return _EVER
    months = fetch_prepared(_FIRST, [tenant_id])
    return months[0][0] if months else _EVER


def _behaviour(acts: Sequence[tuple[Any, ...]], owned: frozenset[int]) -> Behaviour:
    acts = sorted(acts, key=lambda act: (act[2], act[0], act[1]), reverse=True)  # the order of training, backwards
    return Behaviour([act[0] for act in acts], [act[1] for act in acts], [act[2] for act in acts], owned)
