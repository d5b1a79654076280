"""What a worker does for a study, so that it may be killed at any moment.

Stage: training (optimisation). Reads the brand's behaviour; writes a dataset and the study's trials. Each finished fit
is a row; the next attempt goes on with the fit that was under way, from that fit's own checkpoint.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop as _

from accounts.jobs import Lease, LeaseLost, NotItsTurn
from accounts.models import Job
from accounts.tenancy import system_scope, tenant_scope
from common.errors import JobCancelled
from modeling.errors import ConfigInvalid, TrainingCancelled, TrainingDiverged
from modeling.models import Study, Trial
from modeling.progress import TrainingPoint
from modeling.recipes import Recipe, recipe_for
from modeling.training_jobs import STAGES, explained, freeze_data
from modeling.trials import OBJECTIVES, Fit

WAITING = _("Other trainings go first")
Report = Callable[[int, float], bool]
"""Takes epoch and validation objective; True stops the fit."""
FitOne = Callable[[Recipe, Path, Callable[[TrainingPoint], None], Callable[[], bool]], Fit]


class Bench:
    """Where a study's fits are made, one after the other."""

    def __init__(self, lease: Lease, study: Study) -> None:
        self.lease, self.study = lease, study
        self.recipe = recipe_for(study)
        self.objective = OBJECTIVES[study.purpose]
        self.directory = study_directory(study)
        self.num_done, self.num_planned, self.stage = 0, 1, STAGES["start"]

    @property
    def dataset(self) -> Path:
        """The frozen data."""
        assert self.study.dataset is not None
        return Path(settings.MODEL_DIR) / self.study.dataset.directory

    def freeze(self) -> None:
        """Make the dataset, unless an earlier attempt did."""
        if self.study.dataset is None:
            self.lease.progress(0, 0, STAGES["extract"])
            freeze_data(self.lease, self.study, self.recipe)

    def trials(self) -> list[Trial]:
        """All trials so far, oldest first."""
        with tenant_scope(self.lease.tenant_id):
            return list(self.study.trials.order_by("number"))

    def seconds_left(self, family: str | None = None, num_families: int = 1) -> float:
        """What is left of the budget, or of one family's share of it."""
        trials = [trial for trial in self.trials() if family in (None, trial.family)]
        return self.study.budget_minutes * 60 / num_families - sum(trial.seconds for trial in trials)

    def begin(self, number: int, family: str, values: dict[str, Any]) -> Trial:
        """The row of a new trial."""
        with tenant_scope(self.lease.tenant_id):
            trial: Trial = Trial.objects.create(study=self.study, number=number, family=family, settings=values)
        return trial

    def save(self, trial: Trial, *fields: str) -> None:
        """Write fields of a trial."""
        with tenant_scope(self.lease.tenant_id):
            trial.save(update_fields=fields)

    def note(self, **results: Any) -> None:
        """Add to the study's result."""
        self.study.result = {**self.study.result, **results}
        with tenant_scope(self.lease.tenant_id):
            self.study.save(update_fields=["result"])

    def show_progress(self) -> None:
        """Write how far the study is; raises JobCancelled and LeaseLost."""
        self.lease.progress(self.num_done, self.num_planned, self.stage)

    def give_way(self) -> None:
        """Between two fits: raise NotItsTurn when other work waits for a worker of this queue."""
        self.show_progress()
        with system_scope():
            waiting = Job.objects.unscoped().filter(state=Job.State.QUEUED, queue=self.lease.job.queue)
            is_waiting = waiting.exclude(pk=self.lease.job.pk).exists()
        if is_waiting:
            raise NotItsTurn(WAITING)

    def attempt(self, trial: Trial, fit: FitOne, report: Report | None, seconds_left: float) -> None:
        """Make one fit and write down how it went; `report` hears its epochs and says whether it is hopeless.

        Raises JobCancelled, LeaseLost and what no other fit would mend.
        """
        attempt = _Attempt(self, trial, report, seconds_left)
        folder = self.directory / str(trial.number)
        try:
            with explained():
                fitted = fit(self.recipe, folder, attempt.hear, attempt.should_stop)
            trial.state, trial.metrics = Trial.State.COMPLETE, _finite(fitted.metrics)
        except TrainingCancelled:
            self.lease.check()
            trial.state = Trial.State.PRUNED
        except (TrainingDiverged, ConfigInvalid) as error:
            trial.state = Trial.State.FAILED
            trial.error_template, trial.error_context = error.template, error.context
        attempt.end()
        shutil.rmtree(folder, ignore_errors=True)
        self.num_done += 1


class _Attempt:
    """One fit as it runs: its epochs become steps of the trial's row."""

    def __init__(self, bench: Bench, trial: Trial, report: Report | None, seconds_left: float) -> None:
        self.bench, self.trial, self.report = bench, trial, report
        self.known = {step for step, _value in trial.steps}
        self.is_pruned = report is not None and any(report(step, value) for step, value in trial.steps)
        self.base_seconds, self.started = trial.seconds, time.monotonic()
        self.stop_at = self.started + seconds_left

    def hear(self, point: TrainingPoint) -> None:
        """Take one point of the learner's; an epoch's end is reported and written down."""
        if self.bench.lease.is_lost:
            raise LeaseLost(self.bench.lease.job.code)
        value = point.metrics.get(self.bench.objective.metric)
        if value is None or self.report is None:
            return
        if point.epoch not in self.known:
            self.known.add(point.epoch)
            self.trial.steps = [*self.trial.steps, [point.epoch, value]]
            self.is_pruned = self.report(point.epoch, value)
        self._account()
        self.bench.save(self.trial, "steps", "value", "seconds")
        with suppress(JobCancelled):  # the learner asks `should_stop`, saves and ends by itself
            self.bench.show_progress()

    def should_stop(self) -> bool:
        """Whether the fit is cancelled, hopeless or out of time."""
        return self.is_pruned or self.bench.lease.should_stop() or time.monotonic() > self.stop_at

    def end(self) -> None:
        """Write the trial's end."""
        self._account()
        if self.trial.value is None and self.trial.state == Trial.State.PRUNED:
            self.trial.state = Trial.State.FAILED
            self.trial.error_template = _("The budget ended before it did.")
        fields = ("steps", "value", "seconds", "state", "metrics", "attributes", "error_template", "error_context")
        self.bench.save(self.trial, *fields)

    def _account(self) -> None:
        self.trial.seconds = self.base_seconds + time.monotonic() - self.started
        values = [value for _step, value in self.trial.steps]
        whole = self.trial.metrics.get(self.bench.objective.metric)  # of families that know no epochs
        self.trial.value = self.bench.objective.best(values) if values else whole


def _finite(metrics: dict[str, Any]) -> dict[str, Any]:
    """The numbers only, without those that JSON lacks: what could not be measured, like the AUC of one class."""
    nested = {name: _finite(value) if isinstance(value, dict) else value for name, value in metrics.items()}
    return {name: value for name, value in nested.items() if isinstance(value, dict) or _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def study_directory(study: Study) -> Path:
    """Where the fits under way keep their checkpoints."""
    return Path(settings.MODEL_DIR) / f"{study.tenant_id}/studies/{study.code}"


def work(lease: Lease) -> None:
    """Go on with the study until its plan or its budget ends. Raises what `jobs.run` turns into the job's end."""
    from modeling.study_fits import cross_validate, draw_curve
    from modeling.study_search import search  # Optuna

    do = {
        Study.Kind.SEARCH: search,
        Study.Kind.LEARNING_CURVE: draw_curve,
        Study.Kind.CROSS_VALIDATION: cross_validate,
    }

    with tenant_scope(lease.tenant_id):
        study: Study = Study.objects.select_related("dataset").get(job_id=lease.job.pk)
    bench = Bench(lease, study)
    bench.freeze()
    do[Study.Kind(study.kind)](bench)
    shutil.rmtree(study_directory(study), ignore_errors=True)
