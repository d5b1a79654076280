"""Conditions on what a contact did: how often, how much, how long ago, in which order.

Stage: execution. Reads, through SQL, audience.Event and catalog.Item.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from audience.kinds import KIND_BY_WORD, EventKind
from campaigns.segments.contact_conditions import SINCE, listed
from campaigns.segments.fields import Choice, Choices, Number, WordList, Words
from campaigns.segments.kinds import ConditionKind, Values
from campaigns.segments.sql import Ask, Sql
from catalog.models import Item

BEHAVIOUR = _("Behaviour")
KIND_OPTIONS: tuple[tuple[str, Words], ...] = tuple((kind.word, kind.label) for kind in EventKind)
MEASURES: tuple[tuple[str, Words], ...] = (
    ("times", pgettext_lazy("measure", "times")),
    ("yuan", pgettext_lazy("measure", "yuan in all")),
    ("seconds", pgettext_lazy("measure", "seconds in all")),
)
_SUMS = {
    "times": "count(*)",
    "yuan": "coalesce(sum(e.amount_fen), 0) / 100.0",
    "seconds": "coalesce(sum(e.dwell_seconds), 0)",
}
COUNTS: tuple[tuple[str, Words], ...] = (
    ("at_least", pgettext_lazy("count", "at least")),
    ("at_most", pgettext_lazy("count", "at most")),
    ("none", pgettext_lazy("count", "never")),
)


def kinds_said(words: tuple[str, ...]) -> str:
    """Kinds of acts for people; the empty tuple means every act."""
    return listed(dict(KIND_OPTIONS)[word] for word in words) if words else gettext("any act")


def _acts(ask: Ask, kinds: tuple[str, ...], since: datetime | None = None) -> Sql:
    """FROM and WHERE of the brand's acts `e` of these kinds (empty: all), from a moment on, of those asked about."""
    found = Sql("FROM audience_event AS e WHERE e.tenant_id = %s AND e.occurred_at <= %s", (ask.tenant_id, ask.now))
    if kinds:
        found += Sql("AND e.kind = ANY(%s)", ([int(KIND_BY_WORD[word]) for word in kinds],))
    if since is not None:
        found += Sql("AND e.occurred_at >= %s", (since,))
    if ask.among is not None:
        found += Sql("AND e.contact_id = ANY(%s)", (list(ask.among),))
    return found


def _on_items(given: Values, ask: Ask) -> Sql:
    """The acts' items are of these kinds, categories, tags or ids; nothing where none is asked."""
    columns = {
        "item_kinds": "kind = ANY(%s)", "categories": "category = ANY(%s)", "item_tags": "tags && %s::varchar[]",
        "items": "external_id = ANY(%s)",
    }  # fmt: skip
    asked = {name: list(given[name]) for name in columns if given.get(name)}
    if not asked:
        return Sql("")
    wanted = " AND ".join(columns[name] for name in asked)
    items = Sql("AND e.item_id IN (SELECT id FROM catalog_item WHERE tenant_id = %s", (ask.tenant_id,))
    return items + Sql(f"AND {wanted})", tuple(asked.values()))


def _events_sql(given: Values, ask: Ask) -> Sql:
    """at_least reads those who did enough; at_most and never are what is left without those who did more."""
    since = ask.now - timedelta(days=given["days"]) if given["days"] else None
    acts = _acts(ask, given["kinds"], since) + _on_items(given, ask)
    if given["op"] == "none":
        return (Sql("c.id IN (SELECT e.contact_id") + acts + Sql(")")).negated()
    sign = ">=" if given["op"] == "at_least" else ">"
    having = Sql(
        f"GROUP BY e.contact_id HAVING {_SUMS[given['measure'] or 'times']} {sign} %s)", (given["value"] or 0,)
    )
    found = Sql("c.id IN (SELECT e.contact_id") + acts + having
    return found if given["op"] == "at_least" else found.negated()


def _items_said(given: Values) -> str:
    kinds = [str(dict(Item.Kind.choices)[word]) for word in given.get("item_kinds", ())]
    words = [*kinds, *given.get("categories", ()), *given.get("item_tags", ()), *given.get("items", ())]
    return pgettext("acts on items", " on %(items)s") % {"items": listed(words)} if words else ""


def _within(days: int | None) -> str:
    return ngettext(" in the last day", " in the last %(days)s days", days) % {"days": days} if days else ""


def _events_words(given: Values) -> str:
    what = {"kinds": kinds_said(given["kinds"]), "items": _items_said(given), "when": _within(given["days"])}
    if given["op"] == "none":
        return gettext("never: %(kinds)s%(items)s%(when)s") % what
    measure = str(dict(MEASURES)[given["measure"] or "times"])
    count = str(dict(COUNTS)[given["op"]])
    amount = {"count": count, "value": f"{given['value'] or 0:g}", "measure": measure}
    return gettext("%(kinds)s%(items)s%(when)s: %(count)s %(value)s %(measure)s") % (what | amount)


def _last_sql(given: Values, ask: Ask) -> Sql:
    """longer_ago: has acted so, but not since."""
    since = ask.now - timedelta(days=given["days"])
    items = _on_items(given, ask)
    recent = Sql("c.id IN (SELECT e.contact_id") + _acts(ask, given["kinds"], since) + items + Sql(")")
    if given["op"] == "within":
        return recent
    ever = Sql("c.id IN (SELECT e.contact_id") + _acts(ask, given["kinds"]) + items + Sql(")")
    return Sql("(") + ever + Sql("AND") + recent.negated() + Sql(")")


def _last_words(given: Values) -> str:
    template = (
        gettext("last %(kinds)s%(items)s within the last %(days)s days")
        if given["op"] == "within"
        else gettext("last %(kinds)s%(items)s more than %(days)s days ago")
    )
    return template % {"kinds": kinds_said(given["kinds"]), "items": _items_said(given), "days": given["days"]}


OUTCOMES: tuple[tuple[str, Words], ...] = (
    ("did", pgettext_lazy("sequence", "and then")),
    ("did_not", pgettext_lazy("sequence", "but then not")),
)
SAME: tuple[tuple[str, Words], ...] = (("", _("on any item")), ("same", _("on the same item")))


def _sequence_sql(given: Values, ask: Ask) -> Sql:
    """An act of the first kinds within `since_days`, followed within `days` by one of the others, or not.

    "But then not" asks only about first acts whose time to be followed is over, so nobody is in it too early.
    """
    first = _acts(ask, given["first"], ask.now - timedelta(days=given["since_days"]))
    then = Sql(
        "EXISTS (SELECT FROM audience_event AS f WHERE f.tenant_id = e.tenant_id AND f.contact_id = e.contact_id "
        "AND f.occurred_at > e.occurred_at AND f.occurred_at <= e.occurred_at + %s AND f.occurred_at <= %s "
        "AND f.kind = ANY(%s)",
        (timedelta(days=given["days"]), ask.now, [int(KIND_BY_WORD[word]) for word in given["then"]]),
    )
    then += Sql("AND f.item_id = e.item_id)") if given["item"] == "same" else Sql(")")
    start = Sql("c.id IN (SELECT e.contact_id") + first
    if given["op"] == "did":
        return start + Sql("AND") + then + Sql(")")
    over = Sql("AND e.occurred_at <= %s AND", (ask.now - timedelta(days=given["days"]),))
    return start + over + then.negated() + Sql(")")


def _sequence_words(given: Values) -> str:
    template = (
        gettext("%(first)s in the last %(since)s days, then %(then)s within %(days)s days %(item)s")
        if given["op"] == "did"
        else gettext("%(first)s in the last %(since)s days, but not %(then)s within %(days)s days %(item)s")
    )
    said: dict[str, Any] = {"first": kinds_said(given["first"]), "then": kinds_said(given["then"])}
    return template % (said | {"since": given["since_days"], "days": given["days"], "item": dict(SAME)[given["item"]]})


KINDS_FIELD = Choices("kinds", is_optional=True, options=KIND_OPTIONS)
ITEM_FIELDS = (
    Choices("item_kinds", _("Kind of item"), is_optional=True, options=tuple(Item.Kind.choices)),
    WordList("categories", _("Category"), is_optional=True),
    WordList("item_tags", _("Tag of the item"), is_optional=True),
    WordList("items", _("Id of the item"), is_optional=True),
)
EVENT_KINDS: tuple[ConditionKind, ...] = (
    ConditionKind(
        "events", BEHAVIOUR, _("Acts, counted"),
        (
            Choices("kinds", options=KIND_OPTIONS),
            Choice("op", options=COUNTS),
            Number("value", is_optional=True, most=1_000_000_000, default=1, is_whole=False),
            Choice("measure", is_optional=True, options=MEASURES),
            Number("days", _("in the last"), is_optional=True, least=1, most=3650, default=30, unit=_("days")),
            *ITEM_FIELDS,
        ),
        _events_sql, _events_words,
    ),
    ConditionKind(
        "last_act", BEHAVIOUR, _("Last act"),
        (
            KINDS_FIELD,
            Choice("op", options=SINCE),
            Number("days", least=1, most=3650, default=7, unit=_("days")),
            *ITEM_FIELDS,
        ),
        _last_sql, _last_words,
    ),
    ConditionKind(
        "sequence", BEHAVIOUR, _("One act after another"),
        (
            Choices("first", options=KIND_OPTIONS),
            Choice("op", options=OUTCOMES),
            Choices("then", options=KIND_OPTIONS),
            Number("days", _("within"), least=1, most=365, default=3, unit=_("days")),
            Choice("item", is_optional=True, options=SAME),
            Number("since_days", _("the first one in the last"), least=1, most=3650, default=30, unit=_("days")),
        ),
        _sequence_sql, _sequence_words,
    ),
)  # fmt: skip
