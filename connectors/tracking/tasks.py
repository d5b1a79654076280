"""Doors to the tracker from the queue."""

from datetime import datetime
from typing import Any

from celery import shared_task
from django.db import InterfaceError, OperationalError

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from connectors.tracking import links, visitors


@shared_task(
    name=links.RECORD_TASK,
    ignore_result=True,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=8,
)
def record_click(*, clicked_at: str, **click: Any) -> None:
    """Write down a click that the database was too slow for."""
    links.write(links.Click(clicked_at=datetime.fromisoformat(clicked_at), **click))


@shared_task(name="connectors.tracking.tasks.forget_held_events", ignore_result=True)
def forget_held_events() -> None:
    """Beat calls this once a day: events of devices that nobody named end after 30 days."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True).iterator():
        with tenant_scope(tenant_id):
            visitors.forget_old()
