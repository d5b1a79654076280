"""What a contact cares about, from acts weighted by kind, depth and age.

Stage: prediction. Reads the contact's newest acts joined with their items; writes nothing.
weight(act) = weight of its kind * how deep it went * 0.5 ^ (age / 30 days); a facet's weights are shares of their sum.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from accounts.tenancy import current_tenant_id
from audience.kinds import EventKind, Source
from common.queries import fetch_prepared
from recommendations.provenance import Provenance

ACT_WEIGHTS: dict[EventKind, float] = {
    EventKind.PURCHASE: 5.0,
    EventKind.ENROL: 5.0,
    EventKind.COURSE_COMPLETE: 4.0,
    EventKind.SHARE: 3.0,
    EventKind.COMMENT: 2.5,
    EventKind.LIKE: 2.0,
    EventKind.LESSON_COMPLETE: 2.0,
    EventKind.FAVOURITE: 1.75,
    EventKind.ADD_TO_CART: 1.75,
    EventKind.RATE: 1.5,
    EventKind.READ: 1.5,
    EventKind.PLAY: 1.5,
    EventKind.READ_COMMENTS: 1.0,
    EventKind.CLICK: 0.5,
    EventKind.CLICK_AVATAR: 0.5,
    EventKind.VIEW: 0.3,
}
HALF_LIFE_DAYS = 30.0
MAX_ACTS = 2000
NAMES_PER_FACET = 12
USUAL_SECONDS = 60.0
"""Dwell that counts as complete where the item has no length."""
LEAST_DEPTH = 0.2
UNKNOWN_DEPTH = 0.5
"""Depth of reading or playing when no dwell was sent."""
FACETS = ("tags", "categories", "authors", "kinds")
_ACTS: LiteralString = """SELECT event.kind, event.source, event.occurred_at, event.dwell_seconds, event.value,
        item.duration_seconds, item.tags, item.category, item.author, item.kind
    FROM audience_event AS event JOIN catalog_item AS item
        ON item.tenant_id = event.tenant_id AND item.id = event.item_id
    WHERE event.tenant_id = %s AND event.contact_id = %s AND event.occurred_at <= %s AND event.kind = ANY(%s)
    ORDER BY event.occurred_at DESC LIMIT %s"""


@dataclass(frozen=True)
class Interest:
    """One tag, category, author or kind of item."""

    name: str
    weight: float
    """Share of the facet, 0..1; the shares of all names of the facet add up to 1."""
    num_acts: int
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        facts = {"name": self.name, "weight": round(self.weight, 4), "num_acts": self.num_acts}
        return {**facts, "provenance": self.provenance.to_dict()}


@dataclass(frozen=True)
class Act:
    """One act on an item."""

    kind: int
    source: int
    occurred_at: datetime
    dwell_seconds: float | None
    value: float | None
    duration_seconds: int | None
    tags: list[str]
    category: str
    author: str
    item_kind: str

    def weight(self, now: datetime) -> float:
        """How much the act says about interest today."""
        age_days = max((now - self.occurred_at).total_seconds(), 0.0) / 86_400
        return float(ACT_WEIGHTS[EventKind(self.kind)] * self.depth() * 0.5 ** (age_days / HALF_LIFE_DAYS))

    def depth(self) -> float:
        """0..1: the part that was read or played, or how good a rating of 0 to 5 is; 1 for other acts."""
        if self.kind in (EventKind.READ, EventKind.PLAY):
            if self.dwell_seconds is None:
                return UNKNOWN_DEPTH
            return min(max(self.dwell_seconds / (self.duration_seconds or USUAL_SECONDS), LEAST_DEPTH), 1.0)
        if self.kind == EventKind.RATE and self.value is not None and 0 <= self.value <= 5:
            return max(self.value - 2, 0.0) / 3
        return 1.0

    def names(self) -> Iterator[tuple[str, str]]:
        """(facet, name) pairs the act speaks for."""
        yield from (("tags", tag) for tag in self.tags)
        yield from ((facet, name) for facet, name in (("categories", self.category), ("authors", self.author)) if name)
        yield "kinds", self.item_kind


def interests_of(contact_id: int, now: datetime) -> dict[str, list[Interest]]:
    """Facet -> the contact's strongest interests, from at most 2,000 acts up to `now`."""
    params = [current_tenant_id(), contact_id, now, [int(kind) for kind in ACT_WEIGHTS], MAX_ACTS]
    return weigh([Act(*row) for row in fetch_prepared(_ACTS, params)], now)


def weigh(acts: Iterable[Act], now: datetime) -> dict[str, list[Interest]]:
    """Add up the acts by facet and name; equal weights are ordered by name."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    sources: dict[tuple[str, str], list[int]] = defaultdict(list)
    for act in acts:
        weight = act.weight(now)
        for key in act.names():
            weights[key] += weight
            sources[key].append(act.source)
    return {facet: _strongest(facet, weights, sources) for facet in FACETS}


def _strongest(
    facet: str, weights: dict[tuple[str, str], float], sources: dict[tuple[str, str], list[int]]
) -> list[Interest]:
    own = {key: weight for key, weight in weights.items() if key[0] == facet and weight > 0}
    total = sum(own.values())
    best = sorted(own, key=lambda key: (-own[key], key[1]))[:NAMES_PER_FACET]
    return [_interest(key[1], own[key] / total, sources[key]) for key in best]


def _interest(name: str, share: float, sources: list[int]) -> Interest:
    num_uploaded = sources.count(Source.UPLOAD)
    return Interest(name, share, len(sources), Provenance(len(sources) - num_uploaded, num_uploaded))
