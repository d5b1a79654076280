"""Rules: a tree of groups (all or any of, perhaps negated) over conditions, read from JSON and said in words.

Pure; the kinds of conditions stand in conditions.py.

    {"all": [{"on": "gender", "op": "is", "values": ["female"]}, {"any": [...]}, {"not": {...}}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_noop as _

from campaigns.segments.conditions import KINDS, Condition
from campaigns.segments.fields import RuleInvalid, read_fields
from campaigns.segments.sql import Ask, Sql, join

MAX_DEPTH, MAX_CONDITIONS = 5, 50


@dataclass(frozen=True)
class Group:
    """All or any of the parts."""

    mode: str
    """all or any."""
    parts: tuple[Node, ...]

    def sql(self, ask: Ask) -> Sql:
        """The group as a condition on the contact `c`."""
        return join((part.sql(ask) for part in self.parts), "AND" if self.mode == "all" else "OR")

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return {self.mode: [part.to_dict() for part in self.parts]}

    def words(self) -> str:
        """The group for people."""
        glue = pgettext("between conditions", " and ") if self.mode == "all" else pgettext("between conditions", " or ")
        said = [f"({part.words()})" if _is_compound(part) else part.words() for part in self.parts]
        return glue.join(said)


@dataclass(frozen=True)
class Not:
    """Everybody for whom the part does not hold."""

    part: Node

    def sql(self, ask: Ask) -> Sql:
        """The negation as a condition on the contact `c`."""
        return self.part.sql(ask).negated()

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return {"not": self.part.to_dict()}

    def words(self) -> str:
        """The negation for people."""
        return gettext("not (%(part)s)") % {"part": self.part.words()}


Node = Group | Not | Condition
Rule = Group


def read_rule(raw: Any) -> Rule:
    """The rule that JSON describes. Raises RuleInvalid naming the place and the fix."""
    node = _read_node(raw, "1", 1)
    rule = node if isinstance(node, Group) else Group("all", (node,))
    if sum(1 for _one in conditions_of(rule)) > MAX_CONDITIONS:
        raise RuleInvalid(
            _("A rule may have at most %(most)s conditions. Split it into segments."), most=MAX_CONDITIONS
        )
    return rule


def conditions_of(node: Node) -> Iterator[Condition]:
    """Every condition below the node, in order."""
    if isinstance(node, Condition):
        yield node
    for part in node.parts if isinstance(node, Group) else (node.part,) if isinstance(node, Not) else ():
        yield from conditions_of(part)


def _read_node(raw: Any, place: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise RuleInvalid(_("Groups may be nested %(most)s deep. Put the inner ones into a segment."), most=MAX_DEPTH)
    if isinstance(raw, dict) and len(raw) == 1:
        (key, value), *_none = raw.items()
        if key in ("all", "any"):
            return _read_group(key, value, place, depth)
        if key == "not":
            return Not(_read_node(value, place, depth + 1))
    return _read_condition(raw, place)


def _read_group(mode: str, raw: Any, place: str, depth: int) -> Group:
    if not isinstance(raw, list) or not raw:
        raise RuleInvalid(_("Group %(place)s is empty. Add a condition or remove the group."), place=place)
    parts = (_read_node(part, f"{place}.{number}", depth + 1) for number, part in enumerate(raw, start=1))
    return Group(mode, tuple(parts))


def _read_condition(raw: Any, place: str) -> Condition:
    kind = KINDS.get(str(raw.get("on", ""))) if isinstance(raw, dict) else None
    if kind is None:
        raise RuleInvalid(
            _("Condition %(place)s: “on” must be one of %(known)s."), place=place, known=", ".join(sorted(KINDS))
        )
    return Condition(kind, read_fields(kind.fields, raw, place))


def _is_compound(node: Node) -> bool:
    return isinstance(node, Group) and len(node.parts) > 1
