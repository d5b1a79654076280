"""Content models of a brand: started, published, put in use, gone back to, cancelled, retried.

Stage: training. Reads and writes ContentModel. A brand fits one content model per task at a time. A finished one is put
in use at once, and a second job then applies what is in use to all items and comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_noop as _

from accounts import jobs
from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from accounts.models import Job
from accounts.tenancy import current_tenant_id
from common.errors import BadInput, Conflict
from modeling.artifacts import MODEL_FILE, load_artifact
from modeling.content.configs import PRESETS
from modeling.content_models import ContentModel
from modeling.errors import FileCorrupt
from modeling.storage import hash_file

FIT_TASK, APPLY_TASK = "modeling.fit_content", "modeling.apply_content"
QUEUE = "training"
_OPEN = (Job.State.QUEUED, Job.State.RUNNING)
Task = ContentModel.Task


def start(task: str, by: Actor, *, preset: str = "quick", accept_above: float | None = None) -> ContentModel:
    """Start a fit. Raises BadInput, and Conflict while another one of the task is under way."""
    if task not in Task.values or preset not in PRESETS:
        raise BadInput(_("Choose one of the known tasks and presets."))
    if accept_above is not None and not 0.5 <= accept_above <= 1:
        raise BadInput(_("Accept without asking from a probability between 0.5 and 1, or leave it empty."))
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        if under_way(task) is not None:
            raise Conflict(_("This is being learnt already. Wait until it has ended, or cancel it."))
        model: ContentModel = ContentModel.objects.create(
            task=task,
            preset=preset,
            accept_above=accept_above,
            job=jobs.start(FIT_TASK, QUEUE),
            created_by=by.label,
        )
        record(by, "start", "content_model", model.code, purpose=task, preset=preset)
    return model


def under_way(task: str) -> ContentModel | None:
    """The fit of the task that waits or runs."""
    found = ContentModel.objects.select_related("job").filter(task=task, job__state__in=_OPEN)
    model: ContentModel | None = found.first()
    return model


def live(task: str) -> ContentModel | None:
    """The model in use."""
    model: ContentModel | None = ContentModel.objects.filter(task=task, is_live=True).first()
    return model


def path_of(model: ContentModel) -> Path:
    """The artifact's directory."""
    return Path(settings.MODEL_DIR) / model.directory


def verify(model: ContentModel) -> None:
    """Compare every file with what was registered; raises FileCorrupt."""
    file = path_of(model) / MODEL_FILE
    if not model.directory or not file.exists() or hash_file(file) != model.digest:
        raise FileCorrupt(
            _("The files of version %(number)s are missing or changed, so it cannot be used. Train again."),
            number=model.number or 0,
        )
    load_artifact(path_of(model))


def publish(model: ContentModel, directory: str, kind: str, result: dict[str, Any]) -> None:
    """Register the files as the task's newest version and put it in use, in the running transaction."""
    take_turn(Lock.MODEL_VERSIONS)
    last = ContentModel.objects.filter(task=model.task).aggregate(last=Max("number"))["last"] or 0
    model.number, model.kind, model.result, model.directory = last + 1, kind, result, directory
    model.digest = hash_file(path_of(model) / MODEL_FILE)
    model.save(update_fields=["number", "kind", "result", "directory", "digest"])
    _switch(model)


def use(model: ContentModel, by: Actor) -> None:
    """Put a finished model in use instead of the present one. Raises Conflict and FileCorrupt."""
    with transaction.atomic():
        take_turn(Lock.MODEL_VERSIONS)
        model.refresh_from_db()
        if model.is_live:
            raise Conflict(_("This version is in use already."))
        verify(model)
        _switch(model)
        record(by, "promote", "content_model", model.code, number=model.number, purpose=model.task)


def _switch(model: ContentModel) -> None:
    ContentModel.objects.filter(task=model.task, is_live=True).update(is_live=False)
    model.is_live = True
    model.save(update_fields=["is_live"])
    start_applying()


def start_applying() -> Job:
    """Have what is in use applied to everything there is; a job that still waits will do."""
    waiting: Job | None = Job.objects.filter(task=APPLY_TASK, state=Job.State.QUEUED).first()
    return waiting or jobs.start(APPLY_TASK, QUEUE)


def cancel(model: ContentModel, by: Actor) -> None:
    """Ask the fit to stop. Raises Conflict when it has ended."""
    with transaction.atomic():
        jobs.cancel(model.job)
        record(by, "cancel", "content_model", model.code)


def retry(model: ContentModel, by: Actor) -> None:
    """Put a failed or cancelled fit back into its queue. Raises Conflict while another one of the task is under way."""
    with transaction.atomic():
        take_turn(Lock.TRAINING_START)
        if under_way(model.task) is not None:
            raise Conflict(_("This is being learnt already. Wait until it has ended, or cancel it."))
        jobs.retry(model.job)
        record(by, "retry", "content_model", model.code)


def directory_of(code: str) -> str:
    """Where a version's files go, below settings.MODEL_DIR."""
    return f"{current_tenant_id()}/content/{code}"
