"""Names, shares and colours of recommendations and profiles."""

from typing import Any

from django import template
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from catalog.models import Item
from modeling.labels import kind_label
from recommendations.activity import Hours
from recommendations.portraits import HABITS
from recommendations.provenance import Provenance
from recommendations.rfm import Rfm

register = template.Library()

_SOURCES = {
    "counts": _("Counted from recent acts"),
    "newest": _("Newest items"),
    "content": _("Same subject"),
    "profile": _("Profile"),
    "peers": _("People alike"),
    **dict.fromkeys(HABITS, _("Habit")),
}
_ORIGINS = {
    "observed": (_("observed"), "green", "ti-radar-2"),
    "uploaded": (_("uploaded"), "azure", "ti-upload"),
    "mixed": (_("observed and uploaded"), "teal", "ti-arrows-join"),
    "modelled": (_("modelled"), "purple", "ti-brain"),
    "nothing": (_("no data yet"), "secondary", "ti-circle-dashed"),
}
_REASON_ICONS = {
    "because_of": "ti-history",
    "popular_week": "ti-flame",
    "popular": "ti-flame",
    "new": "ti-sparkles",
    "latest": "ti-sparkles",
    "new_for_you": "ti-sparkles",
    "similar_to": "ti-arrows-shuffle",
    "similar_content": "ti-tags",
    "for_you": "ti-heart",
    "profile": "ti-user-heart",
    "peers": "ti-users",
    "habit": "ti-repeat",
}
_STAGES = {"new": "azure", "active": "green", "at_risk": "orange", "lost": "red", "silent": "secondary"}
_BANDS = {
    "high": (pgettext_lazy("band of a score", "high"), "green"),
    "medium": (pgettext_lazy("band of a score", "medium"), "azure"),
    "low": (pgettext_lazy("band of a score", "low"), "secondary"),
}
_FACETS = {
    "tags": _("Tags"),
    "categories": _("Categories"),
    "authors": _("Authors"),
    "kinds": _("Kinds"),
}
HEAT_LEVELS = 6


@register.filter
def source_label(source: str) -> str:
    """What ordered an item: the name of a model kind or of a rule."""
    return str(_SOURCES[source]) if source in _SOURCES else kind_label(source)


@register.filter
def is_rule(source: str) -> bool:
    """Whether a rule ordered the item, whose score says nothing to people."""
    return source in _SOURCES


@register.filter
def match_band(match: float) -> str:
    """How well an item matches among all that the model weighed: high, medium or low."""
    return "high" if match >= 2 / 3 else "medium" if match >= 1 / 3 else "low"


@register.filter
def reason_icon(code: str) -> str:
    """The icon class of a reason."""
    return _REASON_ICONS[code]


@register.filter
def percent(share: float | None) -> str:
    """A share for people: 0.374 -> `37 %`; small ones with a decimal; empty for None."""
    if share is None:
        return ""
    value = share * 100
    return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"


@register.filter
def origin_label(provenance: Provenance) -> str:
    """Where a number comes from, in words."""
    return str(_ORIGINS[provenance.origin][0])


@register.filter
def origin_colour(provenance: Provenance) -> str:
    """The colour word of an origin."""
    return _ORIGINS[provenance.origin][1]


@register.filter
def origin_icon(provenance: Provenance) -> str:
    """The icon class of an origin."""
    return _ORIGINS[provenance.origin][2]


@register.filter
def stage_colour(code: str) -> str:
    """The colour word of a lifecycle stage."""
    return _STAGES[code]


@register.filter
def band_label(band: str) -> str:
    """The name of a score's band."""
    return str(_BANDS[band][0])


@register.filter
def band_colour(band: str) -> str:
    """The colour word of a score's band."""
    return _BANDS[band][1]


@register.filter
def facet_label(facet: str) -> str:
    """The name of a facet of interests."""
    return str(_FACETS[facet])


@register.filter
def item_kind_label(kind: str) -> str:
    """The name of an item kind."""
    return str(Item.Kind(kind).label)


@register.filter
def split_words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


@register.filter
def weekday(number: int) -> str:
    """The name of a weekday; 0 is Monday."""
    return str(WEEKDAYS[number])


@register.filter
def of_most(weight: float, interests: list[Any]) -> int:
    """Length of a bar in percent of the facet's strongest interest."""
    return round(100 * weight / interests[0].weight)


@register.filter
def heat_rows(hours: Hours) -> list[dict[str, Any]]:
    """Rows of the heat map: weekday and for each hour its count and a level from 0 (nothing) to 6 (most)."""
    most = max(map(max, hours.counts)) or 1
    return [
        {
            "weekday": str(WEEKDAYS_ABBR[day]),
            "cells": [
                {"hour": hour, "num": num, "level": -(-num * HEAT_LEVELS // most)} for hour, num in enumerate(row)
            ],
        }
        for day, row in enumerate(hours.counts)
    ]


@register.filter
def rfm_rows(rfm: Rfm) -> list[dict[str, Any]]:
    """The three scores with what they mean, for a table of dots."""
    rows = [
        ("recency", _("Recency"), rfm.recency_score, None if rfm.recency_days is None else int(rfm.recency_days)),
        ("frequency", _("Frequency"), rfm.frequency_score, rfm.num_acts_90d),
        ("money", _("Money"), rfm.money_score, rfm.money_fen_365d),
    ]
    return [
        {
            "code": code,
            "label": label,
            "score": score,
            "value": value,
            "dots": [dot <= (score or 0) for dot in range(1, 6)],
        }
        for code, label, score, value in rows
    ]
