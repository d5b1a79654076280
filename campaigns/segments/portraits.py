"""What the people of a segment are like beside all contacts: shares, and whether the difference may be chance.

Stage: execution. Reads contacts; writes nothing.
"""

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audience.models import Contact
from campaigns.segments.queries import fetch
from campaigns.segments.sql import Sql

NUM_TAGS, NUM_REGIONS = 12, 10
SIGNIFICANT_P = 0.01
"""Below this two-sided p a difference counts as more than chance (many are looked at together)."""
_FACTS = {
    "gender": "SELECT c.id, c.gender AS word FROM audience_contact AS c",
    "age_band": "SELECT c.id, c.age_band AS word FROM audience_contact AS c",
    "region": "SELECT c.id, c.region AS word FROM audience_contact AS c",
}
_TAGS = "SELECT c.id, unnest(c.tags) AS word FROM audience_contact AS c"


@dataclass(frozen=True)
class Share:
    """One value's part of the segment and of everybody."""

    label: str
    num: int
    num_segment: int
    num_base: int
    num_all: int

    @property
    def percent(self) -> float:
        """Of the segment, 0..100."""
        return 100 * self.num / self.num_segment if self.num_segment else 0.0

    @property
    def base_percent(self) -> float:
        """Of all contacts, 0..100."""
        return 100 * self.num_base / self.num_all if self.num_all else 0.0

    @property
    def p_value(self) -> float:
        """Two-sided, for the segment's people against the others (two-proportion z test with pooled variance)."""
        num_others = self.num_all - self.num_segment
        if not self.num_segment or num_others <= 0:
            return 1.0
        pooled = self.num_base / self.num_all
        error = sqrt(pooled * (1 - pooled) * (1 / self.num_segment + 1 / num_others))
        difference = self.num / self.num_segment - (self.num_base - self.num) / num_others
        return erfc(abs(difference) / error / sqrt(2)) if error else 1.0

    @property
    def direction(self) -> str:
        """more, less, or empty when it may be chance."""
        if self.p_value >= SIGNIFICANT_P:
            return ""
        return "more" if self.percent > self.base_percent else "less"


@dataclass(frozen=True)
class Facet:
    """All shares of one fact."""

    label: str | Promise
    shares: list[Share]


def portrait_of(sql: Sql) -> list[Facet]:
    """Gender, age, region and tags of the people a query gives, beside everybody's."""
    labels: dict[str, dict[str, Any]] = {
        "gender": dict(Contact.Gender.choices),
        "age_band": dict(Contact.AgeBand.choices),
    }
    names = {"gender": _("Gender"), "age_band": _("Age"), "region": _("Region")}
    counted = {key: _counts(sql, facts) for key, facts in _FACTS.items()}
    facets = [
        Facet(
            names[key],
            [_share(row, str(labels.get(key, {}).get(row[0], row[0] or _("Unknown"))), rows) for row in rows],
        )
        for key, rows in counted.items()
    ]
    facets[2].shares[NUM_REGIONS:] = []
    everybody = counted["gender"]
    tags = _counts(sql, _TAGS)
    facets.append(Facet(_("Tags"), [_share(row, row[0], everybody) for row in tags[:NUM_TAGS]]))
    return [facet for facet in facets if facet.shares]


Row = tuple[str, int, int]
"""A word, how many of the segment carry it, how many of all."""


def _share(row: Row, label: str, everybody: list[Row]) -> Share:
    num_segment, num_all = sum(one[1] for one in everybody), sum(one[2] for one in everybody)
    return Share(label, row[1], num_segment, row[2], num_all)


def _counts(sql: Sql, facts: str) -> list[Row]:
    found = Sql("WITH found AS MATERIALIZED (") + sql
    counts = "SELECT fact.word, count(found.id), count(*) FROM ("
    order = "ORDER BY count(found.id) DESC, count(*) DESC, fact.word LIMIT 200"
    joined = ") AS fact LEFT JOIN found ON found.id = fact.id GROUP BY fact.word "
    return [(row[0], row[1], row[2]) for row in fetch(found + Sql(") " + counts + facts + joined + order))]
