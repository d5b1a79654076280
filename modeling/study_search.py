"""The search as a worker does it: ask, fit, write down, until trials or minutes are used up.

Stage: training (optimisation). Reads the study's dataset and trials; writes its trials and its result. Every family
gets the same number of trials and the same share of the budget, and begins with the preset as it is.
Imports Optuna: import it inside a task only.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _

from modeling.models import Trial
from modeling.search import PastTrial, Search
from modeling.search_space import SearchRange
from modeling.study_jobs import Bench

TRYING = _("Settings are tried")
_IMPORTANCE_EVERY = 5


def search(bench: Bench) -> None:
    """Go on with the search until every family's trials or minutes are used up."""
    options = bench.study.options
    bench.stage, bench.num_planned = TRYING, options["num_trials"] * len(options["families"])
    bench.num_done = sum(trial.state != Trial.State.RUNNING for trial in bench.trials())
    while (family := _next_family(bench)) is not None:
        bench.give_way()
        _try_one(bench, family)
        if bench.num_done % _IMPORTANCE_EVERY == 0:
            bench.note(importances=_importances(bench))
    ended_by = "trials" if bench.num_done >= bench.num_planned else "minutes"
    bench.note(importances=_importances(bench), ended_by=ended_by)


def _next_family(bench: Bench) -> str | None:
    """The family with the fewest trials among those with trials and minutes left; one under way goes first."""
    options, trials = bench.study.options, bench.trials()
    running = [trial.family for trial in trials if trial.state == Trial.State.RUNNING]
    counts = {family: sum(trial.family == family for trial in trials) for family in options["families"]}
    open_ones = [
        family for family in counts if counts[family] < options["num_trials"] and _seconds_left(bench, family) > 0
    ]
    return next(iter(running), None) or min(open_ones, key=counts.__getitem__, default=None)


def _try_one(bench: Bench, family: str) -> None:
    trials = [trial for trial in bench.trials() if trial.family == family]
    done = [trial for trial in trials if trial.state != Trial.State.RUNNING]
    search = _search_after(bench, done)
    if len(done) < len(trials):
        trial = trials[-1]
        search.take(trial.settings)
    elif done:
        trial = bench.begin(len(bench.trials()), family, search.ask())
    else:
        trial = bench.begin(len(bench.trials()), family, _preset_settings(bench))
        search.take(trial.settings)

    def fit(recipe: Any, folder: Any, hear: Any, should_stop: Any) -> Any:
        return (
            recipe.with_family(family)
            .with_settings(trial.settings)
            .fit_one(bench.dataset, None, folder, hear, should_stop)
        )

    def report(step: int, value: float) -> bool:
        is_pruned = search.report(step, value)
        trial.attributes = search.attributes
        return is_pruned

    bench.attempt(trial, fit, report, _seconds_left(bench, family))


def _seconds_left(bench: Bench, family: str) -> float:
    """What is left of the family's share of the budget."""
    return bench.seconds_left(family, len(bench.study.options["families"]))


def _preset_settings(bench: Bench) -> dict[str, Any]:
    """The searched settings as the preset, or the person who started the search, has them."""
    return bench.recipe.settings(list(bench.study.options["space"]))


def _search_after(bench: Bench, done: list[Trial]) -> Search:
    """The search that knows the ended trials of one family."""
    options = bench.study.options
    space = {name: SearchRange.from_dict(one) for name, one in options["space"].items()}
    past = [
        PastTrial(one.settings, {int(step): value for step, value in one.steps}, one.state, one.value, one.attributes)
        for one in done
    ]
    return Search(
        space,
        past,
        is_higher_better=bench.objective.is_higher_better,
        pruning=options["pruning"],
        seed=bench.study.seed,
        num_trials=options["num_trials"],
    )


def _importances(bench: Bench) -> dict[str, dict[str, float]]:
    """By family, what each setting has to do with quality."""
    done = [trial for trial in bench.trials() if trial.state in (Trial.State.COMPLETE, Trial.State.PRUNED)]
    by_family = {family: [one for one in done if one.family == family] for family in bench.study.options["families"]}
    return {family: _search_after(bench, trials).importances() for family, trials in by_family.items()}
