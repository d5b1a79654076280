"""Models side by side, measured on the same split; what the pages of runs and versions show. Reads rows only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from audience.models import Contact
from catalog.models import Item
from modeling import charts
from modeling.labels import METRICS, Metric
from modeling.models import ModelVersion, Purpose, TrainingPoint, TrainingRun
from modeling.ranking_acts import VALUES
from modeling.versions import SIMPLE_KINDS, is_allowed_live, live, previous


@dataclass(frozen=True)
class Cell:
    """One number of the table."""

    value: float | None
    is_best: bool
    interval: tuple[float, float] | None = None
    """95 %, where it was measured."""


@dataclass(frozen=True)
class Line:
    """One version's line of the table."""

    version: ModelVersion
    cells: list[Cell]
    seconds: float | None
    is_promotable: bool


@dataclass(frozen=True)
class Table:
    """Versions measured on one split of one dataset."""

    metrics: tuple[Metric, ...]
    lines: list[Line]
    run: TrainingRun

    @property
    def split(self) -> str:
        """The name of the split; empty where there is only one."""
        return str(self.run.result.get("split", ""))


def table_of(versions: Iterable[ModelVersion]) -> Table:
    """A table of versions that were measured on the same split; test values, the best of each column marked."""
    listed = list(versions)
    metrics = METRICS[listed[0].purpose]
    columns = [_column(metric, listed) for metric in metrics]
    lines = [
        Line(version, list(cells), _seconds(version), version.stage != "live" and is_allowed_live(version))
        for version, *cells in zip(listed, *columns, strict=True)
    ]
    return Table(metrics, lines, listed[0].run)


def tables(purpose: str) -> list[Table]:
    """All versions of a purpose, one table per dataset and split, the newest first."""
    groups: dict[tuple[Any, ...], list[ModelVersion]] = {}
    for version in ModelVersion.objects.filter(purpose=purpose).select_related("run", "dataset"):
        groups.setdefault((version.dataset_id, version.run.result.get("split")), []).append(version)
    return [table_of(versions) for versions in groups.values()]


def _column(metric: Metric, versions: list[ModelVersion]) -> list[Cell]:
    values = [version.metrics["test"].get(metric.key) for version in versions]
    intervals = [version.metrics.get("intervals", {}).get(metric.key) for version in versions]
    known = [value for value in values if value is not None]
    best = (max if metric.is_higher_better else min)(known) if len(known) > 1 else None
    return [
        Cell(value, best is not None and value == best, tuple(interval) if interval else None)
        for value, interval in zip(values, intervals, strict=True)
    ]


def _seconds(version: ModelVersion) -> float | None:
    models = version.run.result.get("models", [])
    return next((model["seconds"] for model in models if model["kind"] == version.kind), None)


@dataclass(frozen=True)
class Confusion:
    """How often a classifier was right and wrong on the test rows."""

    kind: str
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def confusion_of(versions: Iterable[ModelVersion], wanted_kind: str = "") -> Confusion | None:
    """The confusion of the classifier of the wanted kind, else of the first deep one; None for recommenders."""
    names = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    found = [version for version in versions if names[0] in version.metrics["test"]]
    if not found:
        return None
    wanted = [version for version in found if version.kind == wanted_kind]
    chosen = (wanted or [version for version in found if version.kind not in SIMPLE_KINDS] or found[-1:])[0]
    return Confusion(chosen.kind, *(int(chosen.metrics["test"][name]) for name in names))


@dataclass(frozen=True)
class ActLine:
    """How well one act is foretold on the test showings; None where nothing could be measured."""

    act: str
    num_positive: int
    num_rows: int
    uauc: float | None
    auc: float | None
    log_loss: float | None
    ece: float | None
    value: float
    """What the act is worth when recommendations are put in order."""


def acts_of(version: ModelVersion) -> list[ActLine]:
    """The lines of a ranker's acts; none for other models."""
    figures: dict[str, dict[str, Any]] = version.metrics["test"].get("acts", {})
    names = ("uauc", "auc", "log_loss", "ece")
    return [
        ActLine(
            act=act,
            num_positive=int(one["num_positive"]),
            num_rows=int(one["num_rows"]),
            **{name: one[name] for name in names},
            value=VALUES[act],
        )
        for act, one in figures.items()
    ]


@dataclass(frozen=True)
class CalibrationPlot:
    """How far a classifier means what it says, on the test rows."""

    kind: str
    method: str
    """Key of `calibration.KINDS`."""
    ece: float
    ece_before: float
    chart: dict[str, Any]

    @property
    def is_changed(self) -> bool:
        """Whether a calibrator changes what the classifier says."""
        return self.method not in ("none", "stacking")


def calibration_of(versions: Iterable[ModelVersion], wanted_kind: str = "") -> CalibrationPlot | None:
    """The plot of the classifier of the wanted kind, else of the first deep one; None where nothing was calibrated."""
    found = [version for version in versions if "calibration" in version.metrics]
    if not found:
        return None
    by_kind = {version.kind: version for version in found}
    deep = [version for version in found if version.kind not in SIMPLE_KINDS]
    version = by_kind.get(wanted_kind) or (deep or found)[0]
    facts = version.metrics["calibration"]
    chart = charts.calibration_chart(facts["bins"])
    return CalibrationPlot(version.kind, facts["kind"], version.metrics["test"]["ece"], facts["ece_before"], chart)


@dataclass(frozen=True)
class PurposeCard:
    """What serves for one purpose."""

    purpose: Purpose
    live: ModelVersion | None
    previous: ModelVersion | None
    metrics: list[tuple[Metric, float | None]]

    @property
    def verdict(self) -> dict[str, Any]:
        """The gate's verdict in the run of the live version."""
        verdict: dict[str, Any] = self.live.run.result.get("verdict", {}) if self.live else {}
        return verdict


def card_of(purpose: Purpose) -> PurposeCard:
    """The live version of a purpose with its test metrics."""
    version = live(purpose)
    values = version.metrics["test"] if version else {}
    return PurposeCard(
        purpose, version, previous(purpose), [(metric, values.get(metric.key)) for metric in METRICS[purpose]]
    )


@dataclass(frozen=True)
class SampleList:
    """What the model would have shown one follower; `is_new` marks what it did not show an epoch before."""

    contact: Contact | None
    items: list[tuple[Item | None, bool]]


@dataclass(frozen=True)
class Samples:
    """The sample lists after one epoch, and the epochs there are."""

    epoch: int
    epochs: list[int]
    lists: list[SampleList]


def samples_of(points: Iterable[TrainingPoint], wanted_epoch: str) -> Samples | None:
    """What the sample followers would have been shown after an epoch (default: the last), with people and titles."""
    by_epoch = {int(point.epoch): point.values["samples"] for point in points if point.values.get("samples")}
    if not by_epoch:
        return None
    epochs = sorted(by_epoch)
    epoch = int(wanted_epoch) if wanted_epoch.isdecimal() and int(wanted_epoch) in by_epoch else epochs[-1]
    earlier = [number for number in epochs if number < epoch]
    before = {one["user_key"]: one["item_keys"] for one in by_epoch[earlier[-1]]} if earlier else {}
    contacts = Contact.objects.in_bulk([one["user_key"] for one in by_epoch[epoch]])
    items = Item.objects.in_bulk({key for one in by_epoch[epoch] for key in one["item_keys"]})
    lists = [
        SampleList(
            contacts.get(one["user_key"]),
            [(items.get(key), key not in before.get(one["user_key"], [key])) for key in one["item_keys"]],
        )
        for one in by_epoch[epoch]
    ]
    return Samples(epoch, epochs, lists)
