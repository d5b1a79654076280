"""Names of kinds, metrics and presets, and numbers as the model pages show them."""

from datetime import UTC, datetime
from typing import Any

from django import template

from common.translation import translated
from modeling import content_labels, labels
from modeling.hyperparameters import HYPERPARAMETERS
from modeling.models import TrainingRun
from modeling.versions import SIMPLE_KINDS

register = template.Library()


@register.filter
def content_kind(kind: str) -> str:
    """The name of a family of content models; nothing for nothing."""
    return content_labels.kind_label(kind)


@register.filter
def vector_part(name: str) -> str:
    """What a part of the item vectors is made from."""
    return str(content_labels.PARTS.get(name, name))


@register.filter
def kind_label(kind: str) -> str:
    """The name of a model kind."""
    return labels.kind_label(kind)


@register.filter
def kind_text(kind: str) -> str:
    """What a model kind does, in one sentence."""
    return str(labels.KINDS[kind][1]) if kind in labels.KINDS else ""


@register.filter
def act_label(act: str) -> str:
    """What an act that may follow a showing is called."""
    return str(labels.ACTS.get(act, act))


@register.filter
def is_deep(kind: str) -> bool:
    """Whether the kind is a neural network."""
    return kind not in SIMPLE_KINDS


@register.filter
def preset_label(preset: str) -> str:
    """The name of a preset."""
    return str(labels.PRESETS[preset][0]) if preset in labels.PRESETS else preset


@register.filter
def decimals(value: Any, places: int = 4) -> str:
    """A measured number; a dash where nothing was measured."""
    return f"{value:.{places}f}" if isinstance(value, int | float) else "–"


@register.filter
def preset_text(preset: str) -> str:
    """What a preset means."""
    return str(labels.PRESETS[preset][1]) if preset in labels.PRESETS else ""


@register.filter
def verdict_text(verdict: dict[str, Any]) -> str:
    """The gate's verdict as sentences."""
    return labels.explain_verdict(verdict)


@register.filter
def calibration_text(kind: str) -> str:
    """How a classifier was calibrated, in one sentence."""
    return translated(labels.CALIBRATIONS.get(kind, ""))


@register.filter
def serving_text(code: str) -> str:
    """What became of a run's best model."""
    return translated(labels.SERVING.get(code, ""))


@register.filter
def from_seconds(seconds: int) -> datetime:
    """Unix seconds as a time."""
    return datetime.fromtimestamp(seconds, UTC)


@register.filter
def settings_of(run: TrainingRun) -> list[tuple[Any, Any]]:
    """Names and values of the run's hyper-parameters."""
    return [(parameter.label, parameter.read(run.config)) for parameter in HYPERPARAMETERS[run.purpose]]


@register.filter
def study_text(kind: str) -> str:
    """What a kind of study is for."""
    return str(labels.STUDIES[kind][0])


@register.filter
def study_icon(kind: str) -> str:
    """The icon of a kind of study."""
    return labels.STUDIES[kind][1]


@register.filter
def setting_label(name: str, purpose: str) -> str:
    """The name of a hyper-parameter."""
    return next((str(one.label) for one in HYPERPARAMETERS[purpose] if one.name == name), name)


@register.filter
def setting(settings: dict[str, Any], name: str) -> str:
    """A hyper-parameter's value, short enough for a table."""
    return f"{settings[name]:.3g}" if name in settings else "–"


@register.filter
def part_of_all(share: float) -> str:
    """A share in percent, with a decimal below ten."""
    return f"{100 * share:.1f}%" if share < 0.1 else f"{100 * share:.0f}%"
