"""Doors to recommendations from the queue."""

from celery import shared_task
from django.utils import timezone

from accounts.jobs import Lease, job_task
from recommendations import scoring, trends


@job_task(scoring.TASK)
def score_contacts(lease: Lease) -> None:
    """Score every contact of a brand with its live engagement model."""
    scoring.score_contacts(lease)


@shared_task(name="recommendations.tasks.score_stale_tenants", ignore_result=True)
def score_stale_tenants() -> int:
    """Beat calls this every minute."""
    return scoring.start_where_stale(timezone.now())


@shared_task(name="recommendations.tasks.refresh_trends", ignore_result=True)
def refresh_trends() -> int:
    """Beat calls this every minute."""
    return trends.refresh_wanted(timezone.now())
