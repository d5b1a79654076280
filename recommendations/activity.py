"""How much and when a contact acts, and what stage the relation is in.

Stage: prediction. Reads audience_event of one contact; writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from django.utils.translation import pgettext_lazy

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind
from audience.models import Contact
from common.queries import fetch_prepared
from recommendations.provenance import Provenance
from recommendations.rfm import BRAND_ACTS

NEW_DAYS = 14
ACTIVE_DAYS = 30
AT_RISK_DAYS = 90
WINDOWS_DAYS = (7, 30, 90)
HOURS_DAYS = 180
TOP_WINDOW_HOURS = 3
MIN_ACTS_FOR_HABIT = 5
STAGES = {
    "new": pgettext_lazy("stage of a contact", "New"),
    "active": pgettext_lazy("stage of a contact", "Active"),
    "at_risk": pgettext_lazy("stage of a contact", "At risk"),
    "lost": pgettext_lazy("stage of a contact", "Lost"),
    "silent": pgettext_lazy("stage of a contact", "Never acted"),
}
_COUNTS: LiteralString = """SELECT kind, count(*),
        count(*) FILTER (WHERE occurred_at > %s - interval '7 days'),
        count(*) FILTER (WHERE occurred_at > %s - interval '30 days'),
        count(*) FILTER (WHERE occurred_at > %s - interval '90 days'),
        count(*) FILTER (WHERE source = 1), min(occurred_at), max(occurred_at)
    FROM audience_event WHERE tenant_id = %s AND contact_id = %s AND occurred_at <= %s AND kind <> ALL(%s)
    GROUP BY kind ORDER BY 2 DESC, kind"""
_HOURS: LiteralString = """SELECT (extract(isodow FROM occurred_at AT TIME ZONE %s) - 1)::int,
        extract(hour FROM occurred_at AT TIME ZONE %s)::int, count(*), count(*) FILTER (WHERE source = 1)
    FROM audience_event WHERE tenant_id = %s AND contact_id = %s AND occurred_at <= %s AND kind <> ALL(%s)
        AND occurred_at > %s - interval '180 days'
    GROUP BY 1, 2"""


@dataclass(frozen=True)
class KindCount:
    """How often the contact did one thing."""

    kind: EventKind
    num_all: int
    num_days: dict[int, int]
    """Window in days -> acts within it."""
    num_uploaded: int

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        counts = {f"num_{days}d": num for days, num in self.num_days.items()}
        provenance = Provenance(self.num_all - self.num_uploaded, self.num_uploaded)
        labels = {"kind": self.kind.word, "label": str(self.kind.label)}
        return {**labels, **counts, "num_all": self.num_all, "provenance": provenance.to_dict()}


@dataclass(frozen=True)
class Activity:
    """Acts of the contact (not of the brand), all and lately."""

    by_kind: list[KindCount]
    first_at: datetime | None
    last_at: datetime | None

    def num_acts(self, days: int | None = None) -> int:
        """Acts within the window, or ever."""
        return sum(count.num_days[days] if days else count.num_all for count in self.by_kind)

    @property
    def provenance(self) -> Provenance:
        """Of all acts together."""
        num_uploaded = sum(count.num_uploaded for count in self.by_kind)
        return Provenance(self.num_acts() - num_uploaded, num_uploaded)

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        return {
            **{f"num_{days}d": self.num_acts(days) for days in WINDOWS_DAYS},
            "num_all": self.num_acts(),
            "first_at": self.first_at and self.first_at.isoformat(),
            "last_at": self.last_at and self.last_at.isoformat(),
            "by_kind": [count.to_dict() for count in self.by_kind],
            "provenance": self.provenance.to_dict(),
        }


@dataclass(frozen=True)
class Hours:
    """Acts by hour of the week in the brand's time zone."""

    counts: list[list[int]]
    """Seven days from Monday, 24 hours each."""
    num_uploaded: int

    @property
    def num_acts(self) -> int:
        """All acts in the table."""
        return sum(map(sum, self.counts))

    @property
    def top(self) -> dict[str, Any] | None:
        """The three hours in a row with most acts (the earliest of equals): weekday 0 = Monday, hours, share.

        None with fewer than five acts, which say nothing about habits.
        """
        if self.num_acts < MIN_ACTS_FOR_HABIT:
            return None
        week = [count for day in self.counts for count in day]
        sums = [sum(week[(start + step) % 168] for step in range(TOP_WINDOW_HOURS)) for start in range(168)]
        best = max(range(168), key=lambda start: (sums[start], -start))
        hours = {"weekday": best // 24, "from_hour": best % 24, "to_hour": (best + TOP_WINDOW_HOURS) % 24}
        return {**hours, "share": round(sums[best] / self.num_acts, 4)}

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        provenance = Provenance(self.num_acts - self.num_uploaded, self.num_uploaded)
        return {"counts": self.counts, "top": self.top, "provenance": provenance.to_dict()}


@dataclass(frozen=True)
class Stage:
    """Where the relation stands, and the rule that says so."""

    code: str
    days_since_last_act: float | None
    days_known: float

    @property
    def label(self) -> str:
        """In the active language."""
        return str(STAGES[self.code])

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        days = self.days_since_last_act
        return {
            "code": self.code,
            "label": self.label,
            "days_since_last_act": None if days is None else round(days, 2),
            "days_known": round(self.days_known, 2),
            "thresholds_days": {"new": NEW_DAYS, "active": ACTIVE_DAYS, "at_risk": AT_RISK_DAYS},
        }


def activity_of(contact_id: int, now: datetime) -> Activity:
    """Count the contact's acts up to `now`."""
    params = [now, now, now, current_tenant_id(), contact_id, now, _brand_acts()]
    rows = fetch_prepared(_COUNTS, params)
    counts = [
        KindCount(EventKind(kind), num_all, dict(zip(WINDOWS_DAYS, lately, strict=True)), num_uploaded)
        for kind, num_all, *lately, num_uploaded, _first, _last in rows
    ]
    return Activity(counts, min((row[-2] for row in rows), default=None), max((row[-1] for row in rows), default=None))


def hours_of(contact_id: int, now: datetime, time_zone: str) -> Hours:
    """Acts of the last 180 days by weekday and hour."""
    scope: Sequence[Any] = [time_zone, time_zone, current_tenant_id(), contact_id, now, _brand_acts(), now]
    counts = [[0] * 24 for _day in range(7)]
    num_uploaded = 0
    for weekday, hour, num, uploaded in fetch_prepared(_HOURS, scope):
        counts[weekday][hour] = num
        num_uploaded += uploaded
    return Hours(counts, num_uploaded)


def stage_of(contact: Contact, activity: Activity, now: datetime) -> Stage:
    """New for 14 days from the first sign; else active for 30 days after the last act, at risk until 90, then lost."""
    known_since = min(filter(None, (contact.followed_at, activity.first_at)), default=contact.created_at)
    days_known = max((now - known_since).total_seconds(), 0) / 86_400
    if activity.last_at is None:
        return Stage("new" if days_known <= NEW_DAYS else "silent", None, days_known)
    days = (now - activity.last_at).total_seconds() / 86_400
    if days_known <= NEW_DAYS:
        return Stage("new", days, days_known)
    code = "active" if days <= ACTIVE_DAYS else "at_risk" if days <= AT_RISK_DAYS else "lost"
    return Stage(code, days, days_known)


def _brand_acts() -> list[int]:
    return [int(kind) for kind in BRAND_ACTS]
