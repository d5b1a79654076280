"""Is there enough data to learn from, and what more would help. Reads the brand in scope; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_noop as _

from accounts.tenancy import current_tenant_id
from audience.quality import NEEDS
from common.errors import FanwiseError, NotEnoughData
from modeling.engagement_extract import EngagementExtractConfig, count_labels
from modeling.errors import LabelHasOneClass
from modeling.extract import ALLOWED_CONTACTS, INTEREST_KINDS
from modeling.models import Purpose
from modeling.ranking_extract import count_showings

MAX_COUNTED = 200_000
"""Events looked at, the oldest ones; beyond that there is enough, and counting all would only cost time."""
MIN_ITEMS_PER_CONTACT = 3


@dataclass(frozen=True)
class Requirement:
    """One line of the readiness bar. `label` is an English source string."""

    label: str
    have: int
    needed: int
    recommended: int
    is_at_least: bool = False
    """Whether counting stopped there, because it was enough."""

    @property
    def is_met(self) -> bool:
        """Whether training is possible as far as this line goes."""
        return self.have >= self.needed

    @property
    def percent(self) -> int:
        """How near to the recommended amount, 0 to 100."""
        return min(100, 100 * self.have // self.recommended)


@dataclass(frozen=True)
class Readiness:
    """What a purpose needs against what the brand has."""

    purpose: str
    lines: tuple[Requirement, ...]
    problem: FanwiseError | None = None
    """A hindrance that more rows of the same kind would not mend."""

    @property
    def is_enough(self) -> bool:
        """Whether training may start."""
        return self.problem is None and all(line.is_met for line in self.lines)

    def require(self) -> None:
        """Raise the reason why training may not start: NotEnoughData or LabelHasOneClass."""
        if self.problem is not None:
            raise self.problem
        for line in self.lines:
            if not line.is_met:
                raise NotEnoughData(_SHORTAGES[line.label], have=line.have, needed=line.needed)


_SHORTAGES = {
    _("Interactions"): _(
        "There are %(have)s interactions with items; training needs %(needed)s. Upload more behaviour."
    ),
    _("Followers with three or more items"): _(
        "%(have)s followers met three or more different items; training needs %(needed)s. "
        "Upload behaviour over a longer time or of more followers."
    ),
    _("Items met"): _(
        "The behaviour touches %(have)s different items; training needs %(needed)s. Upload behaviour with more items."
    ),
    _("Showings: views, reads, plays"): _(
        "It is on record %(have)s times that somebody viewed, read, played or was shown an item; training needs "
        "%(needed)s. Acts alone do not tell what was shown and left alone: upload views, reads or impressions too."
    ),
    _("Acts on items"): _(
        "There are %(have)s acts such as likes, shares and purchases on items; training needs %(needed)s. "
        "Upload more behaviour."
    ),
    _("Followers who met items"): _(
        "%(have)s followers met an item; training needs %(needed)s. Upload behaviour of more followers."
    ),
    _("Followers with behaviour and outcome"): _(
        "The outcome is known for %(have)s followers; training needs %(needed)s. Upload a larger table."
    ),
    _("Followers who converted"): _(
        "%(have)s followers converted; training needs %(needed)s. Upload rows of more followers who did."
    ),
    _("Followers who did not convert"): _(
        "%(have)s followers did not convert; training needs %(needed)s. Upload rows of more followers who did not."
    ),
}


def of(purpose: str) -> Readiness:
    """The readiness of the brand in scope for a deep model with its default data."""
    if purpose == Purpose.NEXT_ITEM:
        return of_next_item(is_simple=False)
    if purpose == Purpose.RANKING:
        return of_ranking()
    return of_engagement(EngagementExtractConfig())


def of_ranking() -> Readiness:
    """Readiness for the models of what is shown."""
    num_shown, num_acts, num_contacts, is_more = count_showings()
    lines = (
        Requirement("Showings: views, reads, plays", num_shown, 1_000, 50_000, is_more),
        Requirement("Acts on items", num_acts, 200, 5_000, is_more),
        Requirement("Followers who met items", num_contacts, 30, 1_000, is_more),
    )
    return Readiness(Purpose.RANKING, lines)


def of_next_item(*, is_simple: bool) -> Readiness:
    """Readiness for the next-item models; the simple ones need hardly anything."""
    counts, is_more = _count_interests()
    asked = [NEEDS[name] for name in ("events", "contacts", "items")]
    needs = (9, 3, 3) if is_simple else [need.minimum for need in asked]
    labels = ("Interactions", "Followers with three or more items", "Items met")
    recommended = [need.recommended for need in asked]
    rows = zip(labels, counts, needs, recommended, strict=True)
    return Readiness(Purpose.NEXT_ITEM, tuple(Requirement(*row, is_more) for row in rows))


def _count_interests() -> tuple[tuple[int, int, int], bool]:
    """Interactions, contacts with enough different items and items met; whether there is more than was counted."""
    query = f"""WITH oldest AS (
            SELECT contact_id, item_id FROM audience_event
            WHERE tenant_id = %(tenant)s AND item_id IS NOT NULL AND kind = ANY(%(kinds)s) LIMIT {MAX_COUNTED}),
        sample AS MATERIALIZED (SELECT * FROM oldest WHERE contact_id IN ({ALLOWED_CONTACTS})),
        people AS (
            SELECT FROM (SELECT DISTINCT contact_id, item_id FROM sample) AS met
            GROUP BY contact_id HAVING count(*) >= {MIN_ITEMS_PER_CONTACT})
        SELECT (SELECT count(*) FROM sample), (SELECT count(*) FROM people),
               (SELECT count(DISTINCT item_id) FROM sample), (SELECT count(*) FROM oldest)"""  # noqa: S608 - only our own names are spliced
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": current_tenant_id(), "kinds": list(INTEREST_KINDS)})
        num_events, num_contacts, num_items, num_looked_at = cursor.fetchone()
    return (num_events, num_contacts, num_items), num_looked_at == MAX_COUNTED


def of_engagement(extract: EngagementExtractConfig) -> Readiness:
    """Readiness for the engagement models on the rows that `extract` means."""
    num_rows, num_positive = count_labels(extract.resolved())
    num_negative = num_rows - num_positive
    lines = (
        Requirement("Followers with behaviour and outcome", num_rows, 150, 5_000),
        Requirement("Followers who converted", num_positive, 15, 500),
        Requirement("Followers who did not convert", num_negative, 15, 500),
    )
    return Readiness(Purpose.ENGAGEMENT, lines, _one_class(num_rows, num_positive))


def _one_class(num_rows: int, num_positive: int) -> FanwiseError | None:
    if not num_rows or 0 < num_positive < num_rows:
        return None
    return LabelHasOneClass(
        _(
            "All %(rows)s followers have the same outcome, so there is nothing to tell apart. "
            "Upload rows of both kinds: followers who converted and followers who did not."
        ),
        rows=num_rows,
    )
