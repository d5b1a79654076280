"""Figures of content models as pages show them. Reads results of fits; pure otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modeling import content_runs
from modeling.content.lexicon import TONES
from modeling.content_models import ContentModel

KINDS: dict[str, Any] = {
    "text_cnn": gettext_lazy("TextCNN"),
    "text_transformer": gettext_lazy("Small Transformer"),
    "picture_cnn": gettext_lazy("Small CNN"),
    "logistic": gettext_lazy("Logistic regression"),
    "nearest": gettext_lazy("Nearest neighbours"),
    "word_list": gettext_lazy("Word list"),
    "item_vectors": gettext_lazy("Item vectors"),
}
PARTS: dict[str, Any] = {
    "text": gettext_lazy("Text"),
    "picture": gettext_lazy("Picture"),
    "features": gettext_lazy("Category, author, tags and price"),
}
_TEXTS: dict[str, Any] = {
    "tags": gettext_lazy(
        "Learns from items that have a category and tags, and suggests them for items that have none."
    ),
    "sentiment": gettext_lazy("Tells complaints from praise in comments and messages, so that nobody is left waiting."),
    "pictures": gettext_lazy(
        "Learns from labelled pictures what is on them, and suggests tags for items with a picture."
    ),
    "vectors": gettext_lazy("Makes new items comparable by what they say and show, before anybody has met them."),
}
_ICONS = {"tags": "ti-tags", "sentiment": "ti-mood-smile", "pictures": "ti-photo", "vectors": "ti-vector"}
_COLOURS = {"negative": "#d63939", "neutral": "#9aa5a0", "positive": "#2fb344"}


@dataclass(frozen=True)
class Card:
    """One task on the content page."""

    task: Any
    text: str
    icon: str
    live: ContentModel | None
    under_way: ContentModel | None
    figures: list[tuple[str, str]]


def card_of(task: ContentModel.Task) -> Card:
    """The task with what is in use for it."""
    live = content_runs.live(task)
    figures = figures_of(live) if live else []
    return Card(task, str(_TEXTS[task]), _ICONS[task], live, content_runs.under_way(task), figures)


def kind_label(kind: str) -> str:
    """What a family is called."""
    return str(KINDS.get(kind, kind))


def figures_of(model: ContentModel) -> list[tuple[str, str]]:
    """Names and values of the figures that matter, measured on held-out rows."""
    result = model.result
    if model.task == ContentModel.Task.VECTORS:
        return [(_("Items with a vector"), str(result["num_with_vector"])), (_("Numbers each"), str(result["width"]))]
    if result.get("measured_on") == "weak":
        return [(_("Accuracy"), _("not measured yet"))]
    if model.kind == "word_list":
        return [(_("Accuracy"), _percent(result.get("word_list_accuracy")))]
    test = result["models"][0]["test"]
    shown = [
        (_("Accuracy"), test.get("accuracy")),
        (_("F1, classes"), test.get("macro_f1")),
        (_("F1, tags"), test.get("tag_f1")),
    ]
    return [(name, _percent(value)) for name, value in shown if value is not None]


def rows_of(model: ContentModel) -> list[dict[str, Any]]:
    """The compared models, the best on validation rows first, with their figures on test rows."""
    return [
        {
            "kind": kind_label(one["kind"]),
            "is_chosen": one["kind"] == model.kind,
            "accuracy": _percent(one["test"].get("accuracy")),
            "macro_f1": _percent(one["test"].get("macro_f1")),
            "tag_f1": _percent(one["test"].get("tag_f1")),
            "tag_precision": _percent(one["test"].get("tag_precision")),
            "calibration_error": _percent(
                one["test"].get("calibration_error", one["test"].get("tag_calibration_error"))
            ),
        }
        for one in model.result.get("models", [])
    ]


def tone_quality(model: ContentModel | None) -> str:
    """How good the tones are, in one sentence."""
    if model is None:
        return ""
    result = model.result
    if result.get("measured_on") != "labels":
        return _("Not measured yet: label at least 20 texts and train again.")
    test = result["models"][0]["test"] if result["models"] else {"accuracy": result["word_list_accuracy"]}
    facts = {"accuracy": _percent(test["accuracy"]), "num": result.get("num_labels", 0)}
    return _("Right in %(accuracy)s of held-out labelled texts (%(num)s labels in all).") % facts


def tone_chart(days: list[str], counts: dict[str, list[int]]) -> dict[str, Any]:
    """Remarks by tone and day as ECharts options."""
    names = {"negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive")}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 36, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": days},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {"type": "bar", "stack": "tone", "name": names[tone], "data": counts[tone], "color": _COLOURS[tone]}
            for tone in TONES
        ],
    }


def _percent(value: float | None) -> str:
    return "–" if value is None or value != value else f"{100 * value:.1f} %"
