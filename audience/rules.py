"""The cleaning rules: one visible, versioned list. The code that applies them stands in audience/cleaning.py.

Change what a rule does and `RULES_VERSION` goes up; every report names the version it was made with.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RULES_VERSION = "1"

MAX_ID_CHARS = 128
MAX_TEXT_CHARS = 2000
MAX_DWELL_SECONDS = 86_400.0
MIN_DWELL_VALUES = 200
"""Fewer dwell times than this have no meaningful upper quantile, so none is cut."""


@dataclass(frozen=True)
class Rule:
    """What is done to which rows. `option` is the setting that tunes it, '' when it has none."""

    name: str
    title: str | Promise
    description: str | Promise
    option: str = ""


_RULES = (
    Rule(
        "missing",
        _("Missing values"),
        _("Rows without contact or time are set aside. Other empty cells stay empty and are counted per column."),
    ),
    Rule(
        "unreadable",
        _("Unreadable values"),
        _("Numbers, durations and amounts that cannot be read are left empty; unreadable times set the row aside."),
    ),
    Rule(
        "impossible_times",
        _("Impossible times"),
        _("Rows from the future (more than one day ahead) or from before the earliest time are set aside."),
        "earliest",
    ),
    Rule("negative", _("Negative values"), _("Negative dwell times and amounts are left empty.")),
    Rule(
        "dwell_day",
        _("Dwell beyond a day"),
        _("Dwell times above 24 hours are cut to 24 hours before anything else is computed."),
    ),
    Rule(
        "dwell_quantile",
        _("Extreme dwell times"),
        _("Dwell times above the chosen quantile of the file are cut to it (winsorised); under 200 values none are."),
        "dwell_quantile",
    ),
    Rule(
        "duplicates",
        _("Duplicates"),
        _("Of rows that agree in everything or share the id of their act, one is kept. Known rows add nothing."),
    ),
    Rule(
        "bot_rate",
        _("Robots"),
        _("When a contact acts more often in one minute than a person can, the rows of that minute are set aside."),
        "max_events_per_minute",
    ),
    Rule(
        "identity_taken",
        _("Identities of somebody else"),
        _("An OpenID, UnionID or phone that already belongs to another contact stays with that contact."),
    ),
    Rule(
        "long_text",
        _("Long texts"),
        _("Texts are cut to 2,000 characters, names and titles to what their field holds."),
    ),
)
RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}
