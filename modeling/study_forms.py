"""The form of a new study."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from modeling.forms import OUTCOMES
from modeling.hyperparameters import HYPERPARAMETERS
from modeling.labels import PRESETS as PRESET_LABELS
from modeling.labels import kind_label
from modeling.models import Purpose, Study
from modeling.recipes import PRESETS, families_of
from modeling.studies import MAX_MINUTES, MAX_TRIALS, StudyPlan, options_of, plan

_PRUNINGS = (
    ("median", _("Stop trials worse than half of the others")),
    ("halving", _("Halve the field again and again (ASHA)")),
    ("none", _("Finish every trial")),
)


class NewStudyForm(forms.Form):
    """Kind and purpose are given by the address; each kind asks for what it needs."""

    preset = forms.ChoiceField(label=_("How thorough"), initial="quick")
    budget_minutes = forms.IntegerField(
        label=_("Minutes of training at most"), min_value=1, max_value=MAX_MINUTES, initial=30
    )
    num_trials = forms.IntegerField(label=_("Trials per model family"), min_value=2, max_value=MAX_TRIALS, initial=30)
    pruning = forms.ChoiceField(label=_("Hopeless trials"), choices=_PRUNINGS, initial="median")
    num_seeds = forms.IntegerField(
        label=_("Repeats"), help_text=_("More repeats give a narrower forecast."), min_value=2, max_value=10, initial=3
    )
    num_folds = forms.IntegerField(label=_("Folds"), min_value=3, max_value=10, initial=5)

    def __init__(self, kind: Study.Kind, purpose: str, data: Any = None) -> None:
        super().__init__(data)
        self.kind, self.purpose = kind, purpose
        preset: Any = self.fields["preset"]
        preset.choices = [(name, PRESET_LABELS[name][0]) for name in PRESETS]
        if purpose == Purpose.ENGAGEMENT:
            choices = [(key, label) for key, (label, _changes) in OUTCOMES.items()]
            self.fields["outcome"] = forms.ChoiceField(
                label=_("What counts as converted"), choices=choices, initial="auto"
            )
        if kind == Study.Kind.SEARCH:
            self._ask_what_to_search()
        for name in {"num_trials", "pruning", "num_seeds", "num_folds"} - set(options_of(kind)):
            del self.fields[name]

    def _ask_what_to_search(self) -> None:
        families = families_of(self.purpose)
        if len(families) > 1:
            self.fields["families"] = forms.MultipleChoiceField(
                label=_("Model families"),
                help_text=_("Each one gets the same share of trials and minutes."),
                choices=[(family, kind_label(family)) for family in families],
                initial=families[:1],
                widget=forms.CheckboxSelectMultiple,
            )
        searched = [(one.name, one.label) for one in HYPERPARAMETERS[self.purpose] if one.search is not None]
        self.fields["names"] = forms.MultipleChoiceField(
            label=_("Settings to try"),
            choices=searched,
            initial=[name for name, _label in searched],
            widget=forms.CheckboxSelectMultiple,
        )

    def plan(self) -> StudyPlan:
        """The checked study; raises ConfigInvalid, NotEnoughData, LabelHasOneClass."""
        given = dict(self.cleaned_data)
        changes = OUTCOMES[given.pop("outcome", "auto")][1]
        return plan(self.kind, self.purpose, given.pop("preset"), changes, **given)
