"""What the Live page shows: lines of events with what became of them, in the reader's language. Reads the live ring."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Tenant
from audience.kinds import KIND_BY_WORD, Source
from common.translation import translated
from connectors.tracking import keys, live, tallies
from connectors.tracking.collector import ACCEPTED, DUPLICATE, HELD

MAX_LINES = 80
GROUPS: dict[str, Any] = {
    "": pgettext_lazy("events", "All"),
    "recorded": _("Recorded"),
    "held": _("Waiting for a name"),
    "refused": _("Refused"),
}
_GROUP_OF = {ACCEPTED: "recorded", HELD: "held", DUPLICATE: "recorded"}
_WORDS: dict[str, tuple[str | Promise, str]] = {
    ACCEPTED: (_("Recorded"), "green"),
    HELD: (_("Waiting for a name"), "azure"),
    DUPLICATE: (_("Repeated"), "secondary"),
    "no_consent": (_("No consent"), "yellow"),
    "opted_out": (_("Opted out"), "yellow"),
    "bot": (_("Search engine"), "secondary"),
    "origin_not_listed": (_("Place not listed"), "red"),
    "kind_unknown": (_("Unknown kind"), "red"),
    "kind_not_public": (_("Only from a server"), "red"),
    "too_old": (_("Too old"), "red"),
    "too_large": (_("Too large"), "red"),
    "too_many": (_("Too many requests"), "red"),
    "bad_json": (_("Not readable"), "red"),
    "bad_body": (_("Not readable"), "red"),
}
_REFUSED = (_("Refused"), "red")


@dataclass(frozen=True)
class Line:
    """One event, or one request refused as a whole."""

    at: datetime
    is_new: bool
    kind: int | None
    word: str
    """The kind as it was sent."""
    about: str
    who: str
    contact_code: str
    place: str
    source: str
    label: str
    colour: str
    code: str
    reason: str
    dwell_seconds: float | None = None


@dataclass(frozen=True)
class Total:
    """How often something happened today."""

    label: str
    colour: str
    num: int


def lines(tenant: Tenant, *, group: str = "", kind: str = "", source: str = "", seen: int = 0) -> list[Line]:
    """The newest lines that match; `seen` is the newest entry the reader has had."""
    found: list[Line] = []
    for entry in live.entries(tenant.pk):
        is_refused_whole = "code" in entry
        rows = [{"word": entry["code"], **entry}] if is_refused_whole else entry["lines"]
        for row in rows:
            is_wanted = (not group or _GROUP_OF.get(row["word"], "refused") == group) and kind in ("", row.get("kind"))
            if is_wanted and source in ("", str(entry.get("source", ""))):
                found.append(_line(entry, row, is_new=0 < seen < entry["number"]))
        if len(found) >= MAX_LINES:
            break
    return found[:MAX_LINES]


def _line(entry: dict[str, Any], row: dict[str, Any], *, is_new: bool) -> Line:
    label, colour = _WORDS.get(row["word"], _REFUSED)
    contact = entry.get("contact") or {}
    source = entry.get("source")
    return Line(
        at=datetime.fromisoformat(entry["at"]),
        is_new=is_new,
        kind=KIND_BY_WORD.get(row.get("kind", "")),
        word=row.get("kind", ""),
        about=row.get("about", ""),
        who=contact.get("name") or entry.get("visitor", ""),
        contact_code=contact.get("code", ""),
        place=entry["place"],
        source=str(Source(source).label) if source else "",
        label=str(label),
        colour=colour,
        code=row["word"],
        reason=translated(row.get("template", ""), row.get("context")),
        dwell_seconds=row.get("dwell_seconds"),
    )


def totals_today(tenant: Tenant) -> list[Total]:
    """What the collector did today with all keys of the brand, the usual outcomes first."""
    subjects = [f"key:{key.code}" for key in keys.of_brand(tenant)]
    counted: Counter[str] = sum(tallies.totals_of(subjects, tallies.today()).values(), Counter())
    shown = [ACCEPTED, HELD, DUPLICATE, *sorted(counted.keys() - {ACCEPTED, HELD, DUPLICATE})]
    return [Total(f"{_WORDS.get(word, (word, ''))[0]}", _WORDS.get(word, _REFUSED)[1], counted[word]) for word in shown]
