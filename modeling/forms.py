"""Forms of the model pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modeling.hyperparameters import HYPERPARAMETERS, Hyperparameter
from modeling.labels import PRESETS as PRESET_LABELS
from modeling.labels import kind_label
from modeling.models import Purpose
from modeling.recipes import CHOICES, PRESETS, preset_families, preset_values

OUTCOMES: dict[str, tuple[Any, dict[str, Any]]] = {
    "auto": (gettext_lazy("The outcome of the uploaded table; without one, purchases and enrolments"), {}),
    "table": (gettext_lazy("The outcome of the uploaded table"), {"source": "table"}),
    "purchase_enrol": (
        gettext_lazy("Bought or enrolled"),
        {"source": "events", "label_kinds": ["purchase", "enrol"]},
    ),
    "purchase": (gettext_lazy("Bought"), {"source": "events", "label_kinds": ["purchase"]}),
    "enrol": (gettext_lazy("Enrolled"), {"source": "events", "label_kinds": ["enrol"]}),
    "add_to_cart": (gettext_lazy("Added to cart"), {"source": "events", "label_kinds": ["add_to_cart"]}),
    "share": (gettext_lazy("Shared"), {"source": "events", "label_kinds": ["share"]}),
}
"""What "converted" may mean -> the changes of the configuration that say so."""


class NewRunForm(forms.Form):
    """Purpose is given by the address; empty settings keep the preset's value."""

    preset = forms.ChoiceField(label=gettext_lazy("How thorough"), widget=forms.RadioSelect, initial="quick")
    force = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, purpose: str, data: Any = None) -> None:
        super().__init__(data)
        self.purpose = purpose
        preset: Any = self.fields["preset"]
        preset.choices = [(name, PRESET_LABELS[name][0]) for name in PRESETS]
        if purpose == Purpose.ENGAGEMENT:
            choices = [(key, label) for key, (label, _changes) in OUTCOMES.items()]
            self.fields["outcome"] = forms.ChoiceField(
                label=_("What counts as converted"), choices=choices, initial="auto"
            )
        self.fields["families"] = _families_field(purpose)
        values = {name: preset_values(purpose, name) for name in PRESETS}
        for parameter in HYPERPARAMETERS[purpose]:
            self.fields[parameter.name] = _number_field(parameter, values)

    @property
    def settings(self) -> list[forms.BoundField]:
        """The fields of the hyper-parameters."""
        return [self[parameter.name] for parameter in HYPERPARAMETERS[self.purpose]]

    @property
    def has_changes(self) -> bool:
        """Whether any hyper-parameter was filled in or refused."""
        return any(field.value() or field.errors for field in self.settings)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the preset, by name, for `runs.plan`."""
        names = [parameter.name for parameter in HYPERPARAMETERS[self.purpose]]
        numbers = {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] is not None}
        families = self.cleaned_data.get("families")
        return (
            numbers
            | ({"families": families} if families else {})
            | OUTCOMES[self.cleaned_data.get("outcome", "auto")][1]
        )


def _families_field(purpose: str) -> forms.Field:
    """Families to tick; none ticked means those of the preset."""
    presets = [
        f"{PRESET_LABELS[name][0]}: {', '.join(kind_label(family) for family in preset_families(purpose, name))}"
        for name in PRESETS
    ]
    helps = {
        Purpose.NEXT_ITEM.value: _(
            "Each one ticked is trained and measured; the best is blended with the item neighbours. None: %(presets)s."
        ),
        Purpose.ENGAGEMENT.value: _(
            "Each one ticked is trained, calibrated and measured on the same followers; the ensemble joins them. Those "
            "over acts need an outcome of events. None: %(presets)s."
        ),
        Purpose.RANKING.value: _(
            "Each one ticked is trained, calibrated and measured on the same showings; validation chooses the one that "
            "is compared with the simple models. None: %(presets)s."
        ),
    }
    return forms.MultipleChoiceField(
        label=_("Model families"),
        help_text=helps[purpose] % {"presets": "; ".join(presets)},
        required=False,
        choices=[(family, kind_label(family)) for family in CHOICES[purpose]],
        widget=forms.CheckboxSelectMultiple,
    )


def _number_field(parameter: Hyperparameter, values: dict[str, dict[str, Any]]) -> forms.Field:
    """An optional number that shows, as its placeholder, what the presets take."""
    shown = " / ".join(f"{PRESET_LABELS[name][0]}: {values[name][parameter.name]:g}" for name in PRESETS)
    kind: Any = forms.IntegerField if parameter.is_whole else forms.FloatField
    field: forms.Field = kind(
        label=parameter.label,
        help_text=parameter.help_text,
        required=False,
        min_value=parameter.low,
        max_value=parameter.high,
    )
    field.widget.attrs.update(placeholder=shown, step="1" if parameter.is_whole else "any")
    return field
