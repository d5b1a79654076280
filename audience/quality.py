"""How good an upload was, and whether there is enough data to train.

Stage: clean. Reads: what decoding, cleaning and loading counted. Writes: a `QualityReport` (plain data, kept on the
import). Reasons and rules appear by code; their sentences stand in audience/problems.py and audience/cleaning.py.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from django.utils.translation import gettext_noop as _

from audience.decoding import Rejected

_MAX_LINES, _MAX_EXAMPLES, _MAX_WORDS = 10, 3, 20


@dataclass
class ReasonCount:
    """Rows set aside for one reason: how many, the first lines, and how the first ones read."""

    code: str
    count: int = 0
    lines: list[int] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


@dataclass
class ColumnCount:
    """One mapped column: cells without a value, and cells whose text could not be read (then left empty)."""

    field: str
    header: str
    missing: int = 0
    unreadable: int = 0
    missing_share: float = 0.0


@dataclass
class RuleCount:
    """One cleaning rule: rows it touched, and the parameter it ran with."""

    name: str
    count: int
    parameter: str = ""


@dataclass
class QualityReport:
    """The result of an import, for people. Everything is a count unless the name says otherwise."""

    rows: int = 0  # data rows of the file
    accepted: int = 0  # rows that were used
    rejected: int = 0  # rows set aside, by reason in `reasons`
    duplicates: int = 0  # further copies of a row in the same file
    present: int = 0  # rows that were here already
    written: int = 0  # new events, contacts, items or engagement rows
    updated: int = 0  # contacts, items or engagement rows that changed
    reasons: list[ReasonCount] = field(default_factory=list)
    columns: list[ColumnCount] = field(default_factory=list)
    rules: list[RuleCount] = field(default_factory=list)
    rules_version: str = ""
    first_at: str = ""  # ISO 8601, of the accepted rows
    last_at: str = ""
    contacts: int = 0
    new_contacts: int = 0
    items: int = 0
    new_items: int = 0  # added without a title
    unmatched_items: int = 0  # different unknown item ids whose rows were set aside
    unmatched_examples: list[str] = field(default_factory=list)
    unknown_words: dict[str, int] = field(default_factory=dict)  # kinds of action nobody knows
    seconds: float = 0.0  # from start to visible

    def to_json(self) -> dict[str, Any]:
        """Plain data for storage and for the API."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The report stored by `to_json`."""
        lists: dict[str, Any] = {
            "reasons": [ReasonCount(**row) for row in data["reasons"]],
            "columns": [ColumnCount(**row) for row in data["columns"]],
            "rules": [RuleCount(**row) for row in data["rules"]],
        }
        return cls(**data | lists)


class Tally:
    """Counts while an import runs; `report` turns them into the result."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.report = QualityReport(columns=[ColumnCount(name, header) for name, header in columns.items()])
        self._reasons: dict[str, ReasonCount] = {}
        self._columns = {column.field: column for column in self.report.columns}
        self._rules: dict[str, RuleCount] = {}
        self._words: Counter[str] = Counter()
        self._unmatched: dict[str, None] = {}

    def reject(self, rows: Iterable[Rejected]) -> None:
        """Count rows set aside."""
        for row in rows:
            reason = self._reasons.setdefault(row.code, ReasonCount(row.code))
            reason.count += 1
            if len(reason.lines) < _MAX_LINES:
                reason.lines.append(row.line)
            if len(reason.examples) < _MAX_EXAMPLES:
                reason.examples.append(row.raw.replace("\0", "␀"))  # JSON in PostgreSQL holds no NUL

    def miss(self, name: str, missing: int, unreadable: int) -> None:
        """Count empty and unreadable cells of a mapped field."""
        self._columns[name].missing += missing
        self._columns[name].unreadable += unreadable

    def touch(self, rule: str, count: int, parameter: str = "") -> None:
        """Count rows a rule touched."""
        found = self._rules.setdefault(rule, RuleCount(rule, 0))
        found.count += count
        found.parameter = parameter or found.parameter

    def wonder(self, words: Iterable[str]) -> None:
        """Count words for actions that nobody knows."""
        self._words.update(words)

    def unmatched(self, item_ids: Iterable[str]) -> None:
        """Remember unknown items whose rows were set aside."""
        self._unmatched |= dict.fromkeys(item_ids)

    def finish(self) -> QualityReport:
        """The report with its sums."""
        report = self.report
        report.reasons = sorted(self._reasons.values(), key=lambda reason: -reason.count)
        report.rejected = sum(reason.count for reason in report.reasons)
        report.rules = list(self._rules.values())
        report.unknown_words = dict(self._words.most_common(_MAX_WORDS))
        report.unmatched_items = len(self._unmatched)
        report.unmatched_examples = list(self._unmatched)[:_MAX_LINES]
        for column in report.columns:
            column.missing_share = round(column.missing / report.rows, 4) if report.rows else 0.0
        return report


@dataclass(frozen=True)
class Bar:
    """One line of the readiness bar. `label` and `advice` are gettext sources; `%(more)s` is what still lacks."""

    name: str
    label: str
    have: int
    minimum: int
    recommended: int
    advice: str

    @property
    def is_enough(self) -> bool:
        """Whether training may start as far as this is concerned."""
        return self.have >= self.minimum

    @property
    def percent(self) -> int:
        """How near the recommended amount is."""
        return min(100, 100 * self.have // self.recommended)

    @property
    def more(self) -> int:
        """How much is missing: to the minimum, and once that is reached to the recommended amount."""
        return max((self.recommended if self.is_enough else self.minimum) - self.have, 0)


@dataclass(frozen=True)
class Need:
    """How much behaviour a deep model must have, and how much it had better have."""

    minimum: int
    recommended: int


NEEDS = {"events": Need(1_000, 50_000), "contacts": Need(30, 1_000), "items": Need(10, 100), "days": Need(7, 90)}
"""Interactions, contacts with three or more items, items met, days; training itself asks for all but the days."""


def readiness(num_events: int, num_contacts_with_3: int, num_items: int, span_days: int) -> list[Bar]:
    """Whether there is enough behaviour to train on, and what more would help.

    Training (modeling/readiness.py) asks for the same, and also leaves out people who refused to be trained on.
    """
    have = {"events": num_events, "contacts": num_contacts_with_3, "items": num_items, "days": span_days}
    return [
        Bar(name, label, have[name], NEEDS[name].minimum, NEEDS[name].recommended, advice)
        for name, label, advice in _BARS
    ]


_BARS = (
    (
        "events",
        _("Interactions"),
        _("%(more)s more interactions would help: upload a longer period, or connect the tracker."),
    ),
    (
        "contacts",
        _("Followers with three or more items"),
        _("%(more)s more contacts who came back would help: upload older periods of the same people."),
    ),
    (
        "items",
        _("Items met"),
        _("%(more)s more different items would help: upload the behaviour on your other content too."),
    ),
    (
        "days",
        _("Days of behaviour"),
        _("%(more)s more days would help: weekly habits show only over several weeks."),
    ),
)
