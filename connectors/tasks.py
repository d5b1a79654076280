"""Doors to connectors from the queue."""

from celery import shared_task
from django.utils import timezone

from accounts.jobs import Lease, job_task
from accounts.models import Tenant
from connectors import (
    authorisations,
    deletion,
    limits,
    mass_sends,
    messages,
    publications,
    receipts,
    release_tests,
)
from connectors.sync import runs


@shared_task(name="connectors.tasks.apply_pushes", ignore_result=True)
def apply_pushes(tenant_id: int, account_id: int) -> int:
    """Apply what waits for one account; hinted when a push has arrived."""
    return receipts.apply_waiting(tenant_id, account_id)


@shared_task(name="connectors.tasks.sweep_pushes", ignore_result=True)
def sweep_pushes() -> int:
    """Beat calls this every few seconds: pushes whose hint got lost are applied."""
    return receipts.sweep()


@shared_task(name="connectors.tasks.forget_old_pushes", ignore_result=True)
def forget_old_pushes() -> None:
    """Beat calls this a few times a day: raw pushes are kept for PUSH_KEEP_DAYS, messages for MESSAGE_KEEP_DAYS."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        receipts.forget_old(tenant_id, timezone.now())
        messages.forget_old(tenant_id, timezone.now())
        mass_sends.forget_old(tenant_id, timezone.now())


@shared_task(name="connectors.tasks.send_message", ignore_result=True)
def send_message(tenant_id: int, message_id: int) -> None:
    """Send one message that waits; a second call for the same message does nothing."""
    messages.deliver(tenant_id, message_id)


@shared_task(name="connectors.tasks.sweep_messages", ignore_result=True)
def sweep_messages() -> int:
    """Beat calls this a few times a minute: messages whose hint got lost are sent, broken-off sends are given up."""
    return messages.sweep()


@shared_task(name="connectors.tasks.delete_disconnected", ignore_result=True)
def delete_disconnected() -> None:
    """Beat calls this every hour: what disconnected accounts left behind is deleted when its day has come."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        deletion.delete_due(tenant_id, timezone.now())


@job_task(runs.TASK)
def run_sync(lease: Lease) -> None:
    """Fetch one list of an account."""
    runs.work(lease)


@job_task(publications.TASK)
def publish_draft(lease: Lease) -> None:
    """Publish a draft, or ask how far it is."""
    publications.work(lease)


@job_task(mass_sends.TASK)
def send_mass(lease: Lease) -> None:
    """Hand a mass send to WeChat, batch after batch."""
    mass_sends.work(lease)


@shared_task(name="connectors.tasks.keep_up", ignore_result=True)
def keep_up() -> None:
    """Beat calls this every few minutes: what is parked goes on, each account and its limits are fetched once a day."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        runs.keep_up(tenant_id)
        mass_sends.keep_up(tenant_id, timezone.now())
        for account_id in limits.due(tenant_id, timezone.now()):
            ask_limits.delay(tenant_id, account_id)


@shared_task(name="connectors.tasks.ask_limits", ignore_result=True)
def ask_limits(tenant_id: int, account_id: int) -> None:
    """Ask WeChat for the real limits of one account, if that is due still."""
    limits.ask_due(tenant_id, account_id, timezone.now())


@shared_task(name=release_tests.TASK, ignore_result=True)
def answer_release_check(openid: str, auth_code: str) -> None:
    """Answer Tencent's tester through the API, which it awaits within seconds."""
    release_tests.answer_by_api(openid, auth_code)


@shared_task(name="connectors.tasks.finish_authorisation", ignore_result=True)
def finish_authorisation(started_id: int) -> None:
    """Connect the account of a noticed authorisation, if the administrator's return has not done it yet."""
    authorisations.finish(started_id)


@shared_task(name="connectors.tasks.finish_authorisations", ignore_result=True)
def finish_authorisations() -> None:
    """Beat calls this every minute: authorisations whose hint got lost; codes that have died are dropped."""
    authorisations.finish_waiting()
