"""Conditions that can never hold together, found without asking the data. Pure."""

from collections.abc import Iterator
from itertools import combinations

from django.utils.translation import gettext

from campaigns.segments.kinds import Condition
from campaigns.segments.rules import Group, Node, Not

_FACTS = ("gender", "age_band", "region", "city")


def contradictions(node: Node) -> list[str]:
    """A sentence for every pair of conditions within one "all" group that excludes the other, and every empty share."""
    return list(dict.fromkeys(_found(node)))


def _found(node: Node) -> Iterator[str]:
    if isinstance(node, Condition):
        if node.kind.key == "bucket" and node.values["first"] >= node.values["last"]:
            yield gettext("Nobody is in it: %(words)s") % {"words": node.words()}
        return
    if isinstance(node, Not):
        yield from _found(node.part)
        return
    for part in node.parts:
        yield from _found(part)
    if node.mode == "all":
        for one, other in combinations(_flat(node), 2):
            if _exclude(one, other) or _exclude(other, one):
                yield gettext("These two can never hold together: %(one)s; %(other)s") % {
                    "one": one.words(), "other": other.words(),
                }  # fmt: skip


def _flat(group: Group) -> Iterator[Condition]:
    for part in group.parts:
        if isinstance(part, Condition):
            yield part
        elif isinstance(part, Group) and part.mode == "all":
            yield from _flat(part)


def _exclude(one: Condition, other: Condition) -> bool:
    if one.kind.key != other.kind.key:
        return False
    mine, theirs, key = one.values, other.values, one.kind.key
    if key in _FACTS:
        both_is = mine["op"] == theirs["op"] == "is" and not set(mine["values"]) & set(theirs["values"])
        is_and_not = mine["op"] == "is" and theirs["op"] == "is_not" and set(mine["values"]) <= set(theirs["values"])
        return both_is or is_and_not
    if key == "tags":
        excluded = theirs["op"] == "none"
        wanted, banned = set(mine["values"]), set(theirs["values"])
        return excluded and (
            (mine["op"] == "all" and bool(wanted & banned)) or (mine["op"] == "any" and wanted <= banned)
        )
    if key == "events":
        return _counts_exclude(one, other)
    if key in ("follows", "consent", "personalisation", "segment"):
        rest = [name for name in mine if name != "op"]
        return mine["op"] != theirs["op"] and all(mine[name] == theirs[name] for name in rest)
    return False


def _counts_exclude(one: Condition, other: Condition) -> bool:
    """at least a, against at most b < a or never, of the same acts."""
    mine, theirs = one.values, other.values
    same = [name for name in mine if name not in ("op", "value", "measure")]
    if mine["op"] != "at_least" or any(mine[name] != theirs[name] for name in same):
        return False
    if theirs["op"] == "none":
        return bool((mine["value"] or 0) > 0)
    is_same_measure = (mine["measure"] or "times") == (theirs["measure"] or "times")
    return theirs["op"] == "at_most" and is_same_measure and (mine["value"] or 0) > (theirs["value"] or 0)
