"""Doors to accounts from the queue."""

from celery import shared_task

from accounts import jobs


@shared_task(name="accounts.tasks.revive_lost_jobs", ignore_result=True)
def revive_lost_jobs() -> int:
    """Beat calls this every few seconds."""
    return jobs.revive()
