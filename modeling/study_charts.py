"""Studies as ECharts options and sentences. Reads trials and results; pure otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from modeling.hyperparameters import HYPERPARAMETERS
from modeling.labels import METRICS, kind_label
from modeling.models import Study, Trial
from modeling.trials import OBJECTIVES


def metric_label(purpose: str, metric: str) -> str:
    """The name of a metric."""
    return str(next((one.label for one in METRICS[purpose] if one.key == metric), metric))


def best_so_far_chart(study: Study, trials: Sequence[Trial]) -> dict[str, Any]:
    """Every trial's value and the best of its family so far, by trial."""
    objective = OBJECTIVES[study.purpose]
    series: list[dict[str, Any]] = []
    for family in study.options["families"]:
        values = [(one.number + 1, one.value) for one in trials if one.family == family and one.value is not None]
        best = [
            [number, _round(objective.best([v for _n, v in values[: n + 1]]))] for n, (number, _v) in enumerate(values)
        ]
        points = [[number, _round(value)] for number, value in values]
        series.append({"type": "line", "name": kind_label(family), "data": best, "step": "end", "symbol": "none"})
        series.append({"type": "scatter", "name": _("each trial"), "data": points, "symbolSize": 6,
                       "itemStyle": {"opacity": 0.5}})  # fmt: skip
    return _axes(_("trial"), metric_label(study.purpose, objective.metric), series)


def importance_chart(study: Study, importances: dict[str, float]) -> dict[str, Any]:
    """Share of the differences in quality that each setting explains, the largest on top."""
    names = {one.name: str(one.label) for one in HYPERPARAMETERS[study.purpose]}
    ordered = sorted(importances.items(), key=lambda item: item[1])
    return {
        "grid": {"left": 8, "right": 48, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "show": False},
        "yAxis": {"type": "category", "data": [names.get(name, name) for name, _value in ordered]},
        "series": [{"type": "bar", "data": [round(100 * value, 1) for _name, value in ordered],
                    "label": {"show": True, "position": "right", "formatter": "{c}%"}}],
    }  # fmt: skip


def slice_charts(study: Study, trials: Sequence[Trial]) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, label and chart of each searched setting: its value against the quality that came of it."""
    charts = []
    metric = metric_label(study.purpose, OBJECTIVES[study.purpose].metric)
    for parameter in HYPERPARAMETERS[study.purpose]:
        if parameter.name not in study.options["space"]:
            continue
        points = [[one.settings[parameter.name], _round(one.value)] for one in trials
                  if one.value is not None and parameter.name in one.settings]  # fmt: skip
        options = _axes("", metric, [{"type": "scatter", "data": points, "symbolSize": 7}])
        options["xAxis"]["type"] = "log" if study.options["space"][parameter.name]["is_log"] else "value"
        charts.append((parameter.name, str(parameter.label), options))
    return charts


def forecast_chart(study: Study, trials: Sequence[Trial]) -> dict[str, Any]:
    """The fitted curve with its interval, the small fits, all the data and twice as much."""
    said, full = study.result["forecast"], study.result["num_full"]
    sizes = [round(size) for size in said["sizes"]]
    band = [_round(high - low) for low, high in zip(said["lows"], said["highs"], strict=True)]
    hidden = {"lineStyle": {"opacity": 0}, "symbol": "none", "stack": "interval", "tooltip": {"show": False}}
    points = [[round(full * one.settings["share"]), _round(one.metrics[study.result["metric"]])]
              for one in trials if study.result["metric"] in one.metrics]  # fmt: skip
    marks = [{"xAxis": full, "name": _("all data")}, {"xAxis": 2 * full, "name": _("twice")}]
    series: list[dict[str, Any]] = [
        {"type": "line", "data": _pairs(sizes, said["lows"]), **hidden},
        {"type": "line", "name": _("interval (95 %)"), "data": _pairs(sizes, band), **hidden,
         "areaStyle": {"opacity": 0.18}},
        {"type": "line", "name": _("forecast"), "data": _pairs(sizes, said["values"]), "symbol": "none",
         "markLine": {"symbol": "none", "label": {"formatter": "{b}"}, "data": marks}},
        {"type": "scatter", "name": _("small fits"), "data": points, "symbolSize": 7},
    ]  # fmt: skip
    options = _axes(_("followers"), metric_label(study.purpose, study.result["metric"]), series)
    options["xAxis"] |= {"type": "log", "min": sizes[0], "max": sizes[-1]}
    options["legend"]["data"] = [_("interval (95 %)"), _("forecast"), _("small fits")]
    return options


def explain_forecast(result: dict[str, Any]) -> str:
    """What more data would bring, in one sentence; points are hundredths of the metric."""
    gain = {name: f"{100 * value:.1f}" for name, value in result["forecast"]["gain"].items()}
    sentences = {
        "more_helps": _("Twice the data would bring about +%(value)s points (%(low)s to %(high)s)."),
        "hardly": _("Twice the data would hardly bring anything: at most +%(high)s points."),
        "cannot_tell": _(
            "It cannot be told what twice the data would bring: between +%(low)s and +%(high)s points. "
            "More repeats would narrow it down."
        ),
    }
    return sentences[result["forecast"]["answer"]] % gain


def _pairs(xs: Sequence[float], ys: Sequence[float]) -> list[list[float]]:
    return [[x, _round(y)] for x, y in zip(xs, ys, strict=True)]


def _round(value: float | None) -> float:
    return round(value or 0.0, 5)


def _axes(x_name: str, y_name: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 44, "bottom": 28 if x_name else 8, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "show": len(series) > 1},
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "value", "name": x_name, "nameLocation": "middle", "nameGap": 22, "scale": True},
        "yAxis": {"type": "value", "scale": True, "name": y_name, "nameTextStyle": {"align": "left"}},
        "series": series,
    }
