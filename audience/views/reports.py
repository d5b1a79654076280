"""How pages show an upload: its standing in the list, its data-quality report, the readiness bars."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from audience import imports
from audience.models import Import
from audience.presets import PRESETS, Preset
from audience.problems import REASONS, Reason
from audience.quality import Bar, ColumnCount, QualityReport, ReasonCount, RuleCount
from audience.readiness import MAX_COUNTED
from audience.rules import RULES, Rule
from common.translation import translated


@dataclass(frozen=True)
class Sample:
    """A small file that shows how a kind of table may look."""

    preset: Preset
    path: str

    @property
    def label(self) -> str | Promise:
        """The table's name."""
        return self.preset.label

    @property
    def summary(self) -> str | Promise:
        """What its rows are."""
        return self.preset.summary


SAMPLES = [
    Sample(PRESETS["events"], "samples/events.csv"),
    Sample(PRESETS["contacts"], "samples/contacts.csv"),
    Sample(PRESETS["items"], "samples/items.csv"),
    Sample(PRESETS["engagement"], "samples/weixin_data.csv"),
]


@dataclass(frozen=True)
class Standing:
    """A line of the list: the upload, the word and label of where it stands, the kind of table."""

    batch: Import
    state: str
    label: str
    table: str | Promise


def standing(batch: Import) -> Standing:
    """While a job works on the upload (or has failed to import it), the job's state says more than the upload's."""
    job, preset = batch.job, PRESETS.get(batch.preset)
    table = preset.label if preset else ""
    if job and (batch.state == Import.State.CONFIRMED or not job.is_ended):
        is_undoing = batch.state != Import.State.CONFIRMED
        return Standing(batch, job.state, _("Undoing") if is_undoing else job.get_state_display(), table)
    return Standing(batch, batch.state, batch.get_state_display(), table)


@dataclass(frozen=True)
class Readiness:
    """A readiness bar with its words in the reader's language; no advice once everything recommended is there."""

    bar: Bar
    label: str
    have: str
    advice: str


def explained(bar: Bar) -> Readiness:
    """The bar with its words."""
    advice = translated(bar.advice, {"more": f"{bar.more:,}"}) if bar.more else ""
    have = f"{bar.have:,}" + ("+" if bar.have >= MAX_COUNTED else "")
    return Readiness(bar, translated(bar.label), have, advice)


@dataclass(frozen=True)
class Share:
    """One part of all rows of the file: `name` chooses the colour and the words in the template."""

    name: str
    count: int
    percent: float


def report_context(batch: Import) -> dict[str, Any]:
    """Everything the report page shows."""
    report = QualityReport.from_json(batch.report or QualityReport().to_json())
    return {
        "batch": batch,
        "job": batch.job,
        "report": report,
        "preset": PRESETS.get(batch.preset),
        "first_at": _moment(report.first_at),
        "last_at": _moment(report.last_at),
        "shares": _shares(report),
        "reasons": explained_reasons(report.reasons),
        "rules": _rules(report.rules),
        "columns": _columns(report.columns, batch.preset),
        "rows_per_second": round(report.rows / report.seconds) if report.seconds else None,
        "later_with_same_rows": imports.later_with_same_rows(batch) if batch.state == Import.State.DONE else [],
        "has_added_nothing": bool(report.rows) and not report.written and not report.updated,
    }


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _shares(report: QualityReport) -> list[Share]:
    """What the rows of the file became: new or changed, known, repeated, set aside; without empty parts."""
    parts = {
        "new": report.written + report.updated,
        "present": report.present,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
    }
    total = max(sum(parts.values()), 1)
    return [Share(name, count, round(100 * count / total, 2)) for name, count in parts.items() if count > 0]


def explained_reasons(counts: list[ReasonCount]) -> list[tuple[ReasonCount, Reason, list[tuple[int, str]]]]:
    """Each reason with its sentence and the first lines with how they read."""
    return [(count, REASONS[count.code], list(zip(count.lines, count.examples, strict=False))) for count in counts]


def _rules(counts: list[RuleCount]) -> list[tuple[Rule, RuleCount]]:
    """Every rule of today that the report counted."""
    return [(RULES[count.name], count) for count in counts if count.name in RULES]


def _columns(counts: list[ColumnCount], preset_name: str) -> list[tuple[str | Promise, ColumnCount, float]]:
    """Each mapped column: its name, its counts, the missing share in percent; the worst first."""
    preset = PRESETS.get(preset_name)
    labels = {field.name: field.label for field in preset.fields} if preset else {}
    worst_first = sorted(counts, key=lambda column: -column.missing_share)
    return [(labels.get(c.field, c.header), c, round(100 * c.missing_share, 1)) for c in worst_first]
