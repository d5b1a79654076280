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
    Purpose.RANKING.value: (("weighted_uauc", "uAUC"),),
}


def loss_chart(points: Sequence[TrainingPoint]) -> dict[str, Any]:
    """Training loss over epochs, thinned to what a screen can show; within epochs where these last long enough."""
    ends = [point for point in points if point.values["metrics"]]
    within = [point for point in points if not point.values["metrics"]]
    shown = within if len(within) > len(ends) else ends
    validation = [
        (name, _values(part, "log_loss")) for name, part in _by_network(ends) if "log_loss" in part[0].values["metrics"]
    ]
    if len(validation) > 1:  # one curve per network is as much as can be told apart
        return _options([_line(name, values) for name, values in validation], _("Validation loss"))
    validation_lines = [_line(_("Validation loss"), values) for _name, values in validation]
    series = [
        _line(_of(_("Training loss"), name), [[_epochs(point), round(point.values["loss"], 5)] for point in thin(part)])
        for name, part in _by_network(shown)
    ]
    return _options(series + validation_lines)


def quality_chart(run: TrainingRun, points: Sequence[TrainingPoint]) -> dict[str, Any]:
    """Validation quality after each epoch, with the best simple model as a line once it is measured."""
    measured = [point for point in points if point.values["metrics"]]
    networks, metrics = _by_network(measured), _QUALITY[run.purpose]
    if len(networks) > 1:
        series = [_line(of, _values(part, metrics[0][0]), is_dotted=True) for of, part in networks]
    else:
        series = [_line(name, _values(measured, key), is_dotted=True) for key, name in metrics]
    simple = _simple_quality(run)
    if simple is not None and measured:
        name = _("best simple model, %(metric)s") % {"metric": _QUALITY[run.purpose][0][1]}
        level = [[0, round(simple, 5)], [max(_own_epoch(point) for point in measured), round(simple, 5)]]
        series.append(_line(name, level) | {"lineStyle": {"type": "dashed"}})
    return _options(series, metrics[0][1] if len(networks) > 1 else "")


def calibration_chart(bins: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Share that converted against the probability said, bin by bin; a model that means what it says is on the line."""
    percent = [{name: round(100 * value, 2) for name, value in one.items()} for one in bins]
    end = min(100.0, max([one["high"] for one in percent] + [one["predicted"] for one in percent]) * 1.05)

    def line(name: str, key: str, color: str, kind: str = "solid") -> dict[str, Any]:
        style = {"lineStyle": {"type": kind, "width": 1.25, "color": color}, "itemStyle": {"color": color}}
        return _line(name, [[one["predicted"], one[key]] for one in percent]) | style

    observed = _line(_("converted, %"), [[one["predicted"], one["observed"]] for one in percent], is_dotted=True)
    interval = _("95 % interval")
    grey, ideal = "#a9b5ad", _line(_("exactly as said"), [[0, 0], [round(end, 2), round(end, 2)]])
    ideal |= {"lineStyle": {"type": "dashed", "color": "#2f6fed"}, "itemStyle": {"color": "#2f6fed"}}
    series = [observed, ideal, line(interval, "low", grey, "dotted"), line(interval, "high", grey, "dotted")]
    options = _options(series)
    options["xAxis"] |= {"name": _("probability said, %"), "min": 0}
    options["yAxis"] |= {"min": 0}
    return options


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
    """The points of each network with its name: nothing where there is only one network.

    Of several fits of a network with different seeds the first is shown, the one that becomes a version of its own.
    """
    first_parts: dict[str, int] = {}
    for point in points:
        first_parts.setdefault(point.values["stage"], point.values.get("part", 0))
    by_stage = {
        stage: [p for p in points if p.values["stage"] == stage and p.values.get("part", 0) == part]
        for stage, part in first_parts.items()
    }
    return [(kind_label(stage) if len(by_stage) > 1 else "", part) for stage, part in by_stage.items()]


def _of(name: str, network: str) -> str:
    return f"{name} · {network}" if network else name


def _values(points: Sequence[TrainingPoint], key: str) -> list[list[float]]:
    """[epoch of the network, validation value] of each point."""
    return [[_own_epoch(point), round(point.values["metrics"][key], 5)] for point in points]


def _own_epoch(point: TrainingPoint) -> float:
    """Epochs that the point's network has learnt, so that the curves of a run begin at the same place."""
    epoch: float = point.epoch - point.values.get("first_epoch", 0)
    return epoch


def _epochs(point: TrainingPoint) -> float:
    """Epochs that the point's network has learnt, in fractions."""
    values = point.values
    steps_before = values.get("first_step", 0)
    num_steps = values["num_steps"] - steps_before
    if num_steps <= 0:
        return _own_epoch(point)
    num_epochs = values["num_epochs"] - values.get("first_epoch", 0)
    return round((point.step - steps_before) / num_steps * num_epochs, 3)


def _line(name: str, data: list[list[float]], *, is_dotted: bool = False) -> dict[str, Any]:
    is_dotted = is_dotted or len(data) < 2
    return {"type": "line", "name": name, "data": data, "showSymbol": is_dotted, "symbol": "circle", "symbolSize": 6}


def _options(series: list[dict[str, Any]], measure: str = "") -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 52 if measure else 36, "bottom": 28, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "left": 0, "right": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "name": _("epoch"), "nameLocation": "middle", "nameGap": 22, "minInterval": 1},
        "yAxis": {"type": "value", "scale": True, "name": measure, "nameGap": 6},
        "series": series,
    }
