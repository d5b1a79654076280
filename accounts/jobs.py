"""Long work as rows: start, hint the queue, claim with a lease, beat, publish, end, revive.

The broker carries only ids and may lose or repeat them. A worker owns a job after a conditional update of its row;
every claim gets a new `lease_owner`, and whatever the job publishes is committed together with a check that this claim
still holds (`Lease.publish`), so a worker that was presumed dead cannot publish a second result.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
from celery import current_app, shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from accounts.models import Job
from accounts.tenancy import current_tenant_id, system_scope, tenant_scope
from common.errors import Conflict, FanwiseError, JobCancelled

logger = logging.getLogger(__name__)
DATABASE_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""The connection was lost; COPY raises psycopg's own errors."""
_REHINT_AFTER = timedelta(minutes=3)
_TURN_SECONDS = 2.0
"""How long a job that has to wait for another one stays away."""


class LeaseLost(RuntimeError):
    """Another worker owns the job now; this one must publish nothing."""


class NotItsTurn(Exception):
    """The work must wait, for other work of its brand or for a platform: `run` puts the job back into its queue.

    The worker is free meanwhile; the job stays away for `seconds`, below the three minutes after which it is revived.
    """

    def __init__(self, stage: str, seconds: float = _TURN_SECONDS) -> None:
        super().__init__(stage)
        self.stage, self.seconds = stage, seconds


def start(task: str, queue: str) -> Job:
    """Create a job in the current scope and hint the queue once the transaction commits."""
    tenant_id = current_tenant_id()
    job = Job.objects.create(task=task, queue=queue)
    transaction.on_commit(lambda: _hint(tenant_id, job.pk, task, queue))
    return job


def cancel(job: Job) -> None:
    """Ask the job to stop: at once when it waits, at its next check when it runs. Ended jobs refuse."""
    waiting = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED)
    if waiting.update(state=Job.State.CANCELLED, is_cancel_requested=True, ended_at=Now()):
        return
    if not Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(is_cancel_requested=True):
        raise Conflict("This job has already ended, so there is nothing to cancel.")


def retry(job: Job) -> None:
    """Put a failed or cancelled job back into its queue, with all its attempts anew."""
    ended = Job.objects.filter(pk=job.pk, state__in=[Job.State.FAILED, Job.State.CANCELLED])
    fresh: dict[str, Any] = {"state": Job.State.QUEUED, "attempt": 0, "is_cancel_requested": False, "ended_at": None}
    if not ended.update(**fresh, error_code="", error_template="", error_context={}, hinted_at=Now()):
        raise Conflict("Only a failed or cancelled job can be retried.")
    tenant_id = current_tenant_id()
    transaction.on_commit(lambda: _hint(tenant_id, job.pk, job.task, job.queue))


def _hint(tenant_id: int, job_id: int, task: str, queue: str, **options: Any) -> None:
    """Tell the queue; when the broker is away the row stays `queued` and `revive` hints again."""
    try:
        current_app.send_task(task, args=[tenant_id, job_id], queue=queue, retry=False, **options)
    except BrokerError:
        logger.warning("job_hint_failed", extra={"job": job_id})


class Lease:
    """A claim on a running job: progress, cancel checks, heartbeat and the one moment of publishing."""

    def __init__(self, job: Job, tenant_id: int) -> None:
        self.job = job
        self.tenant_id = tenant_id
        self.is_lost = False
        self._stop = threading.Event()
        self._is_cancel_requested = False
        self._is_published = False

    def progress(self, done: int, total: int, stage: str = "") -> None:
        """Write how far the work is, and raise `JobCancelled` or `LeaseLost` when it must stop."""
        with tenant_scope(self.tenant_id):
            fields = {"progress_done": done, "progress_total": total, "lease_until": _lease_end()}
            self._renew(**fields, **({"stage": stage} if stage else {}))
        self.check()

    def should_stop(self) -> bool:
        """Whether the work must end now (cancelled, or the lease is lost). Cheap: no query."""
        return self.is_lost or self._is_cancel_requested

    def check(self) -> None:
        """Raise `LeaseLost` or `JobCancelled` when the work must end."""
        if self.is_lost:
            raise LeaseLost(self.job.code)
        if self._is_cancel_requested:
            raise JobCancelled

    @contextmanager
    def publish(self) -> Iterator[None]:
        """Make results visible and end the job in one transaction, or neither."""
        self.check()
        with tenant_scope(self.tenant_id):
            held = self._mine().select_for_update().first()
            if held is None:
                raise LeaseLost(self.job.code)
            if held.is_cancel_requested:
                raise JobCancelled
            yield
            self._mine().update(state=Job.State.SUCCEEDED, ended_at=Now(), lease_until=None)
        self._is_published = True

    def end(self, state: Job.State, error: FanwiseError | None = None) -> None:
        """Close the job without results; a lost lease changes nothing."""
        fields: dict[str, Any] = {"state": state, "ended_at": Now(), "lease_until": None}
        if error is not None:
            context = {key: _plain(value) for key, value in error.context.items()}
            fields |= {"error_code": error.code, "error_template": error.template, "error_context": context}
        with tenant_scope(self.tenant_id):
            self._mine().update(**fields)

    def postpone(self, stage: str, seconds: float = _TURN_SECONDS) -> None:
        """Put the job back into its queue, behind what waits there; the attempt does not count."""
        waiting: dict[str, Any] = {"state": Job.State.QUEUED, "attempt": F("attempt") - 1, "lease_until": None}
        with tenant_scope(self.tenant_id):
            is_back = self._mine().filter(is_cancel_requested=False).update(**waiting, stage=stage, hinted_at=Now())
        if is_back:
            _hint(self.tenant_id, self.job.pk, self.job.task, self.job.queue, countdown=seconds)
        else:  # cancelled meanwhile; a lost lease changes nothing
            self.end(Job.State.CANCELLED)

    @property
    def is_published(self) -> bool:
        """Whether `publish` has committed."""
        return self._is_published

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, lease_owner=self.job.lease_owner, state=Job.State.RUNNING)

    def _renew(self, **fields: Any) -> None:
        if not self._mine().update(**fields):
            self.is_lost = True
        elif self._mine().filter(is_cancel_requested=True).exists():
            self._is_cancel_requested = True

    def __enter__(self) -> "Lease":
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"lease-{self.job.code}")
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(settings.JOB_HEARTBEAT_SECONDS):
            try:
                with tenant_scope(self.tenant_id):
                    self._renew(lease_until=_lease_end())
            except DATABASE_AWAY:  # try again at the next beat
                logger.warning("job_heartbeat_failed", extra={"job": self.job.pk})
                connection.close()
        connection.close()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


def claim(tenant_id: int, job_id: int) -> Lease | None:
    """Take the job when it waits or its holder's lease has expired; None when somebody else has it."""
    owner = f"{socket.gethostname()[:40]}:{uuid4().hex[:16]}"
    is_free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    with tenant_scope(tenant_id):
        taken = Job.objects.filter(is_free, pk=job_id, attempt__lt=settings.JOB_MAX_ATTEMPTS).update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            lease_owner=owner,
            lease_until=_lease_end(),
            started_at=Now(),
        )
        return Lease(Job.objects.get(pk=job_id), tenant_id) if taken else None


def run(tenant_id: int, job_id: int, work: Callable[[Lease], None]) -> None:
    """Claim, do the work, and write down how it ended. Called by every job task."""
    lease = claim(tenant_id, job_id)
    if lease is None:
        logger.info("job_not_free", extra={"job": job_id})
        return
    try:
        with lease:
            work(lease)
        if not lease.is_published:
            lease.end(Job.State.SUCCEEDED)
    except JobCancelled:
        lease.end(Job.State.CANCELLED)
    except NotItsTurn as error:
        lease.postpone(error.stage, error.seconds)
    except LeaseLost:
        logger.warning("job_lease_lost", extra={"job": job_id})
    except FanwiseError as error:
        lease.end(Job.State.FAILED, error)
    except DATABASE_AWAY:  # the lease runs out and `revive` hands the job to the next worker
        logger.exception("job_database_away", extra={"job": job_id})
        connection.close()
    except Exception:  # the task base: an unknown error ends the job visibly, and the log has the trace
        logger.exception("job_failed", extra={"job": job_id})
        lease.end(Job.State.FAILED, UnexpectedError())


class UnexpectedError(FanwiseError):
    """A fault of ours; the log has the details."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Press retry; if it fails again, contact support.")


class WorkerLost(FanwiseError):
    """The job took its worker down on every attempt."""

    code = "worker_lost"

    def __init__(self, attempts: int) -> None:
        super().__init__(
            "The worker was lost %(attempts)s times while doing this. "
            "Retry with less data, or give the worker more memory.",
            attempts=attempts,
        )


def job_task(name: str) -> Callable[[Callable[[Lease], None]], Any]:
    """Turn `work(lease)` into a Celery task `name` that takes (tenant_id, job_id); `start` chooses the queue."""

    def wrap(work: Callable[[Lease], None]) -> Any:
        @shared_task(name=name)
        def task(tenant_id: int, job_id: int) -> None:
            run(tenant_id, job_id, work)

        return task

    return wrap


def revive() -> int:
    """Hint again every job whose holder went silent or whose hint got lost; fail those out of attempts."""
    with system_scope():
        silent = Job.objects.unscoped().filter(state=Job.State.RUNNING, lease_until__lt=Now())
        lost = WorkerLost(settings.JOB_MAX_ATTEMPTS)
        silent.filter(attempt__gte=settings.JOB_MAX_ATTEMPTS).update(
            state=Job.State.FAILED,
            ended_at=Now(),
            error_code=lost.code,
            error_template=lost.template,
            error_context=lost.context,
        )
        unheard = Job.objects.unscoped().filter(state=Job.State.QUEUED, hinted_at__lt=Now() - _REHINT_AFTER)
        due = list((silent | unheard).values_list("tenant_id", "pk", "task", "queue"))
        Job.objects.unscoped().filter(pk__in=[row[1] for row in due]).update(hinted_at=Now())
    for row in due:
        _hint(*row)
    return len(due)
