"""Recency, frequency and money of a contact, scored 1 to 5 by where the brand's other contacts stand.

Stage: prediction. Reads audience_event of the last year; keeps the brand's quintile borders in the cache for an hour.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from audience.models import Contact

MAX_CONTACTS = 20_000
"""Brands with more contacts are measured on an even sample of about this many."""
BRAND_ACTS = (EventKind.MESSAGE_OUT, EventKind.IMPRESSION)
"""What the brand did, not the contact."""
PAYING = (EventKind.PURCHASE, EventKind.ENROL)
_KEPT_SECONDS = 3600
_FACTS = """max(occurred_at) AS last_at,
        count(*) FILTER (WHERE occurred_at > %(now)s - interval '90 days') AS num_acts,
        coalesce(sum(CASE WHEN kind = ANY(%(paying)s) THEN amount_fen WHEN kind = %(refund)s THEN -amount_fen END), 0)
            AS money_fen
    FROM audience_event
    WHERE tenant_id = %(tenant)s AND kind <> ALL(%(brand_acts)s)
        AND occurred_at > %(now)s - interval '365 days' AND occurred_at <= %(now)s"""
_OF_CONTACT = f"SELECT {_FACTS} AND contact_id = %(contact)s"
_BORDERS = f"""WITH person AS (
        SELECT contact_id, {_FACTS} AND contact_id IN (
            SELECT id FROM audience_contact WHERE tenant_id = %(tenant)s AND id %% %(share)s = 0)
        GROUP BY contact_id)
    SELECT count(*),
        percentile_disc(array[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY extract(epoch FROM %(now)s - last_at) / 86400),
        percentile_disc(array[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY num_acts),
        percentile_disc(array[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY money_fen)
    FROM person"""  # noqa: S608  # constant text


@dataclass(frozen=True)
class Borders:
    """What separates the fifths of the brand's contacts who acted within a year."""

    num_contacts: int
    recency_days: list[float]
    num_acts: list[float]
    money_fen: list[float]


@dataclass(frozen=True)
class Rfm:
    """The three numbers and their scores; scores are None without an act within a year."""

    recency_days: float | None
    """Days since the last act."""
    num_acts_90d: int
    money_fen_365d: int
    """Paid minus refunded."""
    recency_score: int | None
    frequency_score: int | None
    money_score: int | None
    num_contacts: int
    """How many contacts the scores compare with."""

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        return asdict(self)


def rfm_of(contact_id: int, now: datetime) -> Rfm:
    """The contact's numbers of the last year, against the brand's present fifths."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_CONTACT, _params(now) | {"contact": contact_id})
        last_at, num_acts, money_fen = cursor.fetchone()
    if last_at is None:
        return Rfm(None, 0, 0, None, None, None, 0)
    recency_days = (now - last_at).total_seconds() / 86_400
    borders = borders_of_brand(now)
    return Rfm(
        recency_days=recency_days,
        num_acts_90d=num_acts,
        money_fen_365d=int(money_fen),
        recency_score=6 - score(recency_days, borders.recency_days),
        frequency_score=score(num_acts, borders.num_acts),
        money_score=score(money_fen, borders.money_fen),
        num_contacts=borders.num_contacts,
    )


def score(value: float, borders: list[float]) -> int:
    """1 to 5: one more for each border the value lies above."""
    return 1 + sum(value > border for border in borders)


def borders_of_brand(now: datetime) -> Borders:
    """The brand's fifths, at most an hour old."""
    key = f"rfm-borders:{current_tenant_id()}"
    kept = cache.get(key)
    if kept is not None:
        return Borders(**json.loads(kept))
    share = Contact.objects.count() // MAX_CONTACTS + 1
    with connection.cursor() as cursor:
        cursor.execute(_BORDERS, _params(now) | {"share": share})
        num_contacts, *columns = cursor.fetchone()
    borders = Borders(num_contacts, *([float(border) for border in column or []] for column in columns))
    cache.set(key, json.dumps(asdict(borders)), _KEPT_SECONDS)
    return borders


def _params(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "tenant": current_tenant_id(),
        "paying": [int(kind) for kind in PAYING],
        "refund": int(EventKind.REFUND),
        "brand_acts": [int(kind) for kind in BRAND_ACTS],
    }
