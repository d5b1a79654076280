"""Training runs: planned, checked, started, watched, cancelled, retried.

A brand trains one deep model per purpose at a time, so that no brand fills the queue in front of the others. A run of
the same data and configuration is not repeated unless somebody insists: the finished one is offered.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts import jobs
from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from accounts.models import Job
from accounts.tenancy import system_scope, tenant_scope
from common.errors import Conflict
from common.text import sha256_hex
from modeling.models import Purpose, TrainingPoint, TrainingRun
from modeling.recipes import SIMPLE, Recipe, make_recipe
from modeling.training_jobs import run_directory

DEEP_TASK, DEEP_QUEUE = "modeling.train", "training"
SIMPLE_TASK, SIMPLE_QUEUE = "modeling.train_simple", "default"
_IMPORT_TASK = "audience.tasks.run_import"
_LOOK_BACK = timedelta(minutes=3)
_OPEN = (Job.State.QUEUED, Job.State.RUNNING)


@dataclass(frozen=True)
class Plan:
    """A checked configuration, ready to start."""

    purpose: str
    preset: str
    recipe: Recipe

    @property
    def config_hash(self) -> str:
        """Digest of the configuration of models and dataset."""
        return sha256_hex(f"{self.recipe.config.to_json()}{self.recipe.data_config.to_json()}")


def plan(purpose: str, preset: str = "quick", changes: Mapping[str, Any] | None = None) -> Plan:
    """Check configuration and data. Raises ConfigInvalid, NotEnoughData, LabelHasOneClass; `changes` are by name."""
    recipe = make_recipe(purpose, preset, changes or {})
    recipe.readiness().require()
    return Plan(purpose, preset, recipe)


def matching_result(plan: Plan) -> TrainingRun | None:
    """The newest run of the same data and configuration that has finished or is under way."""
    same = TrainingRun.objects.select_related("job").filter(purpose=plan.purpose, config_hash=plan.config_hash)
    same = same.filter(preset=SIMPLE) if plan.preset == SIMPLE else same.exclude(preset=SIMPLE)
    candidates = list(same.filter(job__state__in=[*_OPEN, Job.State.SUCCEEDED]).order_by("-pk"))
    if not candidates:
        return None
    fingerprint = plan.recipe.fingerprint()
    return next((run for run in candidates if run.data_fingerprint == fingerprint or _reads_later(run)), None)


def start(plan: Plan, by: Actor, *, force: bool = False) -> tuple[TrainingRun, bool]:
    """Start the run and return (run, True), or find that its result exists and return (that run, False).

    `force` trains again anyway. Raises Conflict while another deep run of the brand and purpose is under way.
    """
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        same = None if force else matching_result(plan)
        if same is not None:
            return same, False
        _refuse_second(plan.purpose)
        return _create(plan, by, DEEP_TASK, DEEP_QUEUE), True


def start_simple(by: Actor) -> TrainingRun | None:
    """Fit the simple models on what the brand has now, in seconds; None when there is too little.

    A run that still waits, or one that finished on just this data, is returned instead of a second one. Call it after
    the new data is committed, because a waiting run may begin to read at any moment.
    """
    plan = Plan(Purpose.NEXT_ITEM.value, SIMPLE, make_recipe(Purpose.NEXT_ITEM, SIMPLE, {}))
    if not plan.recipe.readiness().is_enough:
        return None
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        return matching_result(plan) or _create(plan, by, SIMPLE_TASK, SIMPLE_QUEUE)


def start_simple_after_imports() -> int:
    """Start the simple run of every brand with an import that ended lately and no simple run since; how many started.

    Imports lie below models and cannot start them; their ended jobs are what this looks at.
    """
    since = timezone.now() - _LOOK_BACK
    with system_scope():
        ended = Job.objects.unscoped().filter(task=_IMPORT_TASK, state=Job.State.SUCCEEDED, ended_at__gt=since)
        latest = dict(ended.values_list("tenant_id").annotate(Max("ended_at")).order_by())
    num_started = 0
    for tenant_id, ended_at in latest.items():
        with tenant_scope(tenant_id):
            if not TrainingRun.objects.filter(preset=SIMPLE, created_at__gt=ended_at).exists():
                run = start_simple(Actor.system("after an import"))
                num_started += run is not None and run.created_at > ended_at
    return num_started


def points_after(run: TrainingRun, step: int) -> list[TrainingPoint]:
    """The points of the live curve beyond `step`, oldest first."""
    return list(TrainingPoint.objects.filter(run=run, step__gt=step).order_by("step"))


def cancel(run: TrainingRun, by: Actor) -> None:
    """Ask the run to stop; its checkpoint stays for a retry. Raises Conflict when it has ended."""
    with transaction.atomic():
        jobs.cancel(run.job)
        record(by, "cancel", "training_run", run.code)


def retry(run: TrainingRun, by: Actor) -> None:
    """Put a failed or cancelled run back into its queue; it goes on from its checkpoint unless that was damaged."""
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        if run.preset != SIMPLE:
            _refuse_second(run.purpose)
        if run.job.error_code == "file_corrupt":
            shutil.rmtree(run_directory(run), ignore_errors=True)
            run.dataset = None
            run.save(update_fields=["dataset"])
        jobs.retry(run.job)
        record(by, "retry", "training_run", run.code)


def under_way() -> QuerySet[Any]:
    """The brand's deep runs that wait or run."""
    found: QuerySet[Any] = TrainingRun.objects.select_related("job").exclude(preset=SIMPLE)
    return found.filter(job__state__in=_OPEN)


def _reads_later(run: TrainingRun) -> bool:
    """Whether the run has yet to read the data, and so will read what is there now."""
    return run.data_fingerprint == "" and run.job.state == Job.State.QUEUED


def _create(plan: Plan, by: Actor, task: str, queue: str) -> TrainingRun:
    run: TrainingRun = TrainingRun.objects.create(
        purpose=plan.purpose,
        preset=plan.preset,
        config=plan.recipe.config.to_dict(),
        dataset_config=plan.recipe.data_config.to_dict(),
        config_hash=plan.config_hash,
        job=jobs.start(task, queue),
        created_by=by.label,
    )
    record(by, "start", "training_run", run.code, purpose=plan.purpose, preset=plan.preset)
    return run


def _refuse_second(purpose: str) -> None:
    other = under_way().filter(purpose=purpose).first()
    if other is not None:
        raise Conflict(
            _("Another training for this purpose is under way (%(code)s). Wait until it has ended, or cancel it."),
            code=other.code,
        )
