"""Learning curves and cross-validations as a worker does them: a planned list of fits, then what they say together.

Stage: training (optimisation). Reads the study's dataset and trials; writes its trials and its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_noop as _

from modeling.cross_validation import Fold, summarise
from modeling.learning_curve import MIN_SIZES, forecast
from modeling.models import Trial
from modeling.progress import OnProgress, ShouldStop
from modeling.recipes import Outcome, Recipe
from modeling.study_jobs import Bench, FitOne
from modeling.training_jobs import explained
from modeling.trials import CURVE_METRICS, Fit, Sample

MEASURING = _("Parts of the data are learnt")
FOLDING = _("Folds are learnt and measured")
SHARES = (0.0625, 0.125, 0.25, 0.5, 0.75)
"""Fractions of the contacts, the first four of those that are large enough."""
MIN_CONTACTS = 16


def draw_curve(bench: Bench) -> None:
    """Fit fractions of the contacts with several seeds and carry the curve on. Raises DatasetTooSmall."""
    num_full = _count_contacts(bench)
    shares = choose_shares(num_full)
    planned = [{"share": share, "seed": seed} for seed in range(bench.study.options["num_seeds"]) for share in shares]

    def fit_of(settings: dict[str, Any]) -> FitOne:
        def fit(recipe: Recipe, folder: Path, hear: OnProgress, should_stop: ShouldStop) -> Fit:
            sample = Sample(settings["share"], bench.study.seed + settings["seed"])
            return recipe.fit_one(bench.dataset, sample, folder, hear, should_stop)

        return fit

    bench.stage = MEASURING
    _make_fits(bench, planned, fit_of)
    qualities: dict[int, list[float]] = {}
    metric = CURVE_METRICS[bench.study.purpose]
    for trial in _complete(bench):
        if metric in trial.metrics:
            qualities.setdefault(round(num_full * trial.settings["share"]), []).append(trial.metrics[metric])
    with explained():
        said = forecast(qualities, num_full, seed=bench.study.seed)
    bench.note(forecast=said.to_dict(), metric=metric, num_full=num_full)


def choose_shares(num_contacts: int) -> tuple[float, ...]:
    """Up to four fractions, the small ones first, none with fewer than MIN_CONTACTS contacts if three are left."""
    large = [share for share in SHARES if num_contacts * share >= MIN_CONTACTS]
    return tuple(large[:4]) if len(large) >= MIN_SIZES else SHARES[-MIN_SIZES:]


def cross_validate(bench: Bench) -> None:
    """Fit and measure every model on every fold; mean and standard error of each metric."""
    num_folds = bench.study.options["num_folds"]

    def fit_of(settings: dict[str, Any]) -> FitOne:
        fold = Fold(settings["fold"], num_folds, bench.study.seed)

        def fit(recipe: Recipe, folder: Path, hear: OnProgress, should_stop: ShouldStop) -> Fit:
            return Fit(_metrics_of(recipe.fit_fold(bench.dataset, fold, folder, hear, should_stop)))

        return fit

    bench.stage = FOLDING
    _make_fits(bench, [{"fold": number} for number in range(num_folds)], fit_of)
    bench.note(summary=summarise([trial.metrics for trial in _complete(bench)]))


def _metrics_of(outcome: Outcome) -> dict[str, Any]:
    return {
        version.kind: {name: value for name, value in version.metrics["test"].items() if isinstance(value, float)}
        for version in outcome.versions
    }


def _make_fits(bench: Bench, planned: Sequence[dict[str, Any]], fit_of: Any) -> None:
    """Make the planned fits that are not made yet, while the budget lasts; one under way goes on."""
    known = {trial.number: trial for trial in bench.trials()}
    bench.num_planned = len(planned)
    bench.num_done = sum(trial.state != Trial.State.RUNNING for trial in known.values())
    for number, settings in enumerate(planned):
        if number in known and known[number].state != Trial.State.RUNNING:
            continue
        seconds_left = bench.seconds_left()
        if seconds_left <= 0:
            return
        bench.give_way()
        trial = known.get(number) or bench.begin(number, "", settings)
        bench.attempt(trial, fit_of(settings), None, seconds_left)


def _complete(bench: Bench) -> list[Trial]:
    return [trial for trial in bench.trials() if trial.state == Trial.State.COMPLETE]


def _count_contacts(bench: Bench) -> int:
    """Contacts that teach when all do."""
    assert bench.study.dataset is not None
    counts = bench.study.dataset.counts
    return int(counts.get("num_train") or counts["num_users"])
