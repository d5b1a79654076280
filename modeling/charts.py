"""The live curve of a run as ECharts options. Reads training points; pure otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from modeling.labels import kind_label
from modeling.models import Purpose, TrainingPoint, TrainingRun

MAX_POINTS = 400
_QUALITY = {
    Purpose.NEXT_ITEM.value: (("ndcg_at_10", "NDCG@10"), ("hr_at_10", "HR@10")),
    Purpose.ENGAGEMENT.value: (("auc", "AUC"), ("f1", "F1")),
}


def loss_chart(points: Sequence[TrainingPoint]) -> dict[str, Any]:
    """Training loss over epochs, thinned to what a screen can show; within epochs where these last long enough."""
    ends = [point for point in points if point.values["metrics"]]
    within = [point for point in points if not point.values["metrics"]]
    shown = within if len(within) > len(ends) else ends
    series = [
        _line(_("Training loss") + name, [[_epochs(point), round(point.values["loss"], 5)] for point in thin(part)])
        for name, part in _by_network(shown)
    ]
    validation = [
        [point.epoch, round(point.values["metrics"]["log_loss"], 5)]
        for point in ends
        if "log_loss" in point.values["metrics"]
    ]
    if validation:
        series.append(_line(_("Validation loss"), validation))
    return _options(series)


def quality_chart(run: TrainingRun, points: Sequence[TrainingPoint]) -> dict[str, Any]:
    """Validation quality after each epoch, with the best simple model as a line once it is measured."""
    measured = [point for point in points if point.values["metrics"]]
    series = [
        _line(name + of, [[point.epoch, round(point.values["metrics"][key], 5)] for point in part], is_dotted=True)
        for of, part in _by_network(measured)
        for key, name in _QUALITY[run.purpose]
    ]
    simple = _simple_quality(run)
    if simple is not None and measured:
        name = _("best simple model, %(metric)s") % {"metric": _QUALITY[run.purpose][0][1]}
        level = [[0, round(simple, 5)], [measured[-1].epoch, round(simple, 5)]]
        series.append(_line(name, level) | {"lineStyle": {"type": "dashed"}})
    return _options(series)


def thin(points: Sequence[TrainingPoint]) -> Sequence[TrainingPoint]:
    """At most MAX_POINTS of them, evenly, the newest always among them."""
    stride = -(-len(points) // MAX_POINTS) or 1
    return points[::-1][::stride][::-1]


def _simple_quality(run: TrainingRun) -> float | None:
    """Validation value of the best simple model for the chart's first metric, from the finished run."""
    kind = run.result.get("verdict", {}).get("simple_kind")
    key = _QUALITY[run.purpose][0][0]
    found = [model["metrics"]["valid"].get(key) for model in run.result.get("models", []) if model["kind"] == kind]
    return found[0] if found else None


def _by_network(points: Sequence[TrainingPoint]) -> list[tuple[str, Sequence[TrainingPoint]]]:
    """The points of each network with what to add to a line's name: nothing where there is only one network."""
    stages = list(dict.fromkeys(point.values["stage"] for point in points))
    if len(stages) < 2:
        return [("", points)]
    return [
        (f" · {kind_label(stage)}", [point for point in points if point.values["stage"] == stage]) for stage in stages
    ]


def _epochs(point: TrainingPoint) -> float:
    """Epochs done in the run, in fractions."""
    values = point.values
    before, steps_before = values.get("first_epoch", 0), values.get("first_step", 0)
    num_steps = values["num_steps"] - steps_before
    if num_steps <= 0:
        return point.epoch
    return round(before + (point.step - steps_before) / num_steps * (values["num_epochs"] - before), 3)


def _line(name: str, data: list[list[float]], *, is_dotted: bool = False) -> dict[str, Any]:
    is_dotted = is_dotted or len(data) < 2
    return {"type": "line", "name": name, "data": data, "showSymbol": is_dotted, "symbol": "circle", "symbolSize": 6}


def _options(series: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 28, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "left": 0, "right": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": _("epoch"), "nameLocation": "middle", "nameGap": 22, "minInterval": 1},
        "yAxis": {"type": "value", "scale": True},
        "series": series,
    }
