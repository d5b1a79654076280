"""Doors to the audience from the queue."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from accounts.jobs import Lease, job_task
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from audience import erasures, events, idempotency, imports, spool, undoing

_LEFTOVER_SECONDS = 24 * 3600.0


@job_task("audience.tasks.run_import")
def run_import(lease: Lease) -> None:
    """Import a confirmed upload."""
    imports.run(lease)


@job_task("audience.tasks.undo_import")
def undo_import(lease: Lease) -> None:
    """Take an import back."""
    undoing.run(lease)


@shared_task(name="audience.tasks.ensure_event_partitions", ignore_result=True)
def ensure_event_partitions() -> None:
    """Beat calls this a few times a day, so that live events always find their month."""
    today = timezone.now().date()
    events.ensure_partitions(today - timedelta(days=31), today + timedelta(days=31))


@shared_task(name="audience.tasks.remove_leftovers", ignore_result=True)
def remove_leftovers() -> None:
    """Beat calls this every few hours: what killed workers left in the temporary folder goes after a day."""
    spool.remove_leftovers(_LEFTOVER_SECONDS)


@shared_task(name="audience.tasks.forget_old_answers", ignore_result=True)
def forget_old_answers() -> None:
    """Beat calls this once a day: answers kept for repeated API batches end after a week."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        with tenant_scope(tenant_id):
            idempotency.forget_old()


@shared_task(name="audience.tasks.erase_due", ignore_result=True)
def erase_due() -> None:
    """Beat calls this every hour: contacts whose day of deletion has come are deleted, a batch per transaction."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        while True:
            with tenant_scope(tenant_id):
                if not erasures.erase_due(timezone.now()):
                    break
