"""Studies: many small fits that answer a question before a model is trained for good.

A search tries settings, a learning curve tries fractions of the contacts, a cross-validation tries folds. All of them
look at the validation stage or at development rows only; the test stage stays for the run that follows. A brand has
one study under way at a time, and between two fits a study gives way to whatever else waits for a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from accounts import jobs
from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from accounts.models import Job
from common.errors import Conflict
from modeling import runs
from modeling.errors import ConfigInvalid
from modeling.hyperparameters import search_space
from modeling.models import Study, TrainingRun, Trial
from modeling.recipes import Recipe, families_of, make_recipe
from modeling.trials import OBJECTIVES

TASK, QUEUE = "modeling.study", "training"
PRUNINGS = ("median", "halving", "none")
MAX_MINUTES, MAX_TRIALS = 1440, 500


@dataclass(frozen=True)
class StudyPlan:
    """A checked study, ready to start."""

    kind: Study.Kind
    purpose: str
    preset: str
    changes: dict[str, Any]
    recipe: Recipe
    options: dict[str, Any]
    budget_minutes: int
    seed: int


def plan_search(
    purpose: str,
    preset: str = "quick",
    changes: Mapping[str, Any] | None = None,
    *,
    names: Sequence[str] = (),
    families: Sequence[str] = (),
    num_trials: int = 30,
    budget_minutes: int = 30,
    pruning: str = "median",
    seed: int = 0,
) -> StudyPlan:
    """Check a search over the named settings (default: all that have a range) for each family, the budget shared alike.

    Raises ConfigInvalid, NotEnoughData, LabelHasOneClass.
    """
    space = search_space(purpose)
    families = list(families or families_of(purpose)[:1])
    _refuse_unknown(_("%(names)s cannot be searched; these can: %(known)s."), names, space)
    _refuse_unknown(_("%(names)s cannot be trained for this purpose; these can: %(known)s."), families,
                    families_of(purpose))  # fmt: skip
    _refuse_outside(_("The number of trials must lie between %(low)s and %(high)s."), num_trials, 2, MAX_TRIALS)
    if pruning not in PRUNINGS:
        raise ConfigInvalid(_("Pruning is one of %(known)s."), known=", ".join(PRUNINGS))
    ranges = {name: one.to_dict() for name, one in space.items() if not names or name in names}
    options = {"space": ranges, "families": families, "num_trials": num_trials, "pruning": pruning}
    return _plan(Study.Kind.SEARCH, purpose, preset, changes, options, budget_minutes, seed)


def plan_learning_curve(
    purpose: str,
    preset: str = "quick",
    changes: Mapping[str, Any] | None = None,
    *,
    num_seeds: int = 3,
    budget_minutes: int = 30,
    seed: int = 0,
) -> StudyPlan:
    """Check a learning curve with this many fits per fraction of the contacts; raises like `plan_search`."""
    _refuse_outside(_("The number of repeats must lie between %(low)s and %(high)s."), num_seeds, 2, 10)
    options = {"num_seeds": num_seeds}
    return _plan(Study.Kind.LEARNING_CURVE, purpose, preset, changes, options, budget_minutes, seed)


def plan_cross_validation(
    purpose: str,
    preset: str = "quick",
    changes: Mapping[str, Any] | None = None,
    *,
    num_folds: int = 5,
    budget_minutes: int = 60,
    seed: int = 0,
) -> StudyPlan:
    """Check a cross-validation: folds of followers for classifiers, a walk through time for the next item."""
    _refuse_outside(_("The number of folds must lie between %(low)s and %(high)s."), num_folds, 3, 10)
    options = {"num_folds": num_folds}
    return _plan(Study.Kind.CROSS_VALIDATION, purpose, preset, changes, options, budget_minutes, seed)


def _plan(
    kind: Study.Kind,
    purpose: str,
    preset: str,
    changes: Mapping[str, Any] | None,
    options: dict[str, Any],
    budget_minutes: int,
    seed: int,
) -> StudyPlan:
    _refuse_outside(_("The budget must lie between %(low)s and %(high)s minutes."), budget_minutes, 1, MAX_MINUTES)
    _refuse_outside(_("The seed must lie between %(low)s and %(high)s."), seed, 0, 2**31 - 1)
    recipe = make_recipe(purpose, preset, changes or {})
    recipe.readiness().require()
    return StudyPlan(kind, purpose, preset, dict(changes or {}), recipe, options, budget_minutes, seed)


def _refuse_unknown(sentence: str, names: Sequence[str], known: Any) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigInvalid(sentence, names=", ".join(unknown), known=", ".join(sorted(known)))


def _refuse_outside(sentence: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigInvalid(sentence, low=low, high=high)


_PLANS: dict[str, tuple[Any, tuple[str, ...]]] = {
    Study.Kind.SEARCH.value: (plan_search, ("names", "families", "num_trials", "pruning")),
    Study.Kind.LEARNING_CURVE.value: (plan_learning_curve, ("num_seeds",)),
    Study.Kind.CROSS_VALIDATION.value: (plan_cross_validation, ("num_folds",)),
}
"""Kind -> how it is planned, and what it may be told besides preset, budget and seed."""


def options_of(kind: str) -> tuple[str, ...]:
    """What a kind of study may be told besides preset, budget and seed."""
    return _PLANS[kind][1]


def plan(kind: str, purpose: str, preset: str, changes: Mapping[str, Any] | None, **options: Any) -> StudyPlan:
    """Check a study of any kind; options that its kind does not know raise ConfigInvalid."""
    make, known = _PLANS[kind]
    allowed = (*known, "budget_minutes", "seed")
    _refuse_unknown(_("%(names)s means nothing for this kind of study; these do: %(known)s."), list(options), allowed)
    checked: StudyPlan = make(purpose, preset, changes, **options)
    return checked


def start(plan: StudyPlan, by: Actor) -> Study:
    """Start the study; raises Conflict while another one of the brand is under way."""
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        _refuse_second()
        study: Study = Study.objects.create(
            kind=plan.kind,
            purpose=plan.purpose,
            preset=plan.preset,
            changes=plan.changes,
            config=plan.recipe.config.to_dict(),
            dataset_config=plan.recipe.data_config.to_dict(),
            options=plan.options,
            budget_minutes=plan.budget_minutes,
            seed=plan.seed,
            job=jobs.start(TASK, QUEUE),
            created_by=by.label,
        )
        record(by, "start", "study", study.code, kind=plan.kind.value, purpose=plan.purpose,
               budget_minutes=plan.budget_minutes)  # fmt: skip
    return study


def cancel(study: Study, by: Actor) -> None:
    """Ask the study to stop; what it has found stays. Raises Conflict when it has ended."""
    with transaction.atomic():
        jobs.cancel(study.job)
        record(by, "cancel", "study", study.code)


def retry(study: Study, by: Actor) -> None:
    """Put a failed or cancelled study back into its queue; it goes on after its last finished fit."""
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        _refuse_second()
        jobs.retry(study.job)
        record(by, "retry", "study", study.code)


def train_with(trial: Trial, by: Actor) -> tuple[TrainingRun, bool]:
    """Start the normal training with a trial's settings, or find its result; see `runs.start`."""
    study = trial.study
    if study.kind != Study.Kind.SEARCH or trial.state == Trial.State.FAILED:
        raise Conflict(_("Only a trial of a search that came through can be trained for good."))
    plan = runs.plan(study.purpose, study.preset, settings_of(trial))
    with transaction.atomic():
        run, is_new = runs.start(plan, by)
        record(by, "train_with", "study", study.code, trial=trial.number)
    return run, is_new


def settings_of(trial: Trial) -> dict[str, Any]:
    """All that differs from the preset in a trial, for `runs.plan`."""
    families = {"families": [trial.family]} if len(families_of(trial.study.purpose)) > 1 else {}
    return {**trial.study.changes, **trial.settings, **families}


def best_trials(study: Study) -> list[Trial]:
    """The best trial of each family that has one, the best of all first."""
    objective = OBJECTIVES[study.purpose]
    order = "-value" if objective.is_higher_better else "value"
    found = study.trials.filter(value__isnull=False).exclude(state=Trial.State.RUNNING).order_by(order, "number")
    best: dict[str, Trial] = {}
    for trial in found:
        best.setdefault(trial.family, trial)
    return list(best.values())


def under_way() -> QuerySet[Any]:
    """The brand's studies that wait or run."""
    found: QuerySet[Any] = Study.objects.select_related("job")
    return found.filter(job__state__in=[Job.State.QUEUED, Job.State.RUNNING])


def _refuse_second() -> None:
    other = under_way().first()
    if other is not None:
        raise Conflict(
            _("Another study of this brand is under way (%(code)s). Wait until it has ended, or cancel it."),
            code=other.code,
        )
