"""Doors to modeling from the queue. torch is imported when a deep model is trained, not before."""

from celery import shared_task

from accounts.jobs import Lease, job_task
from modeling import content_jobs, runs, studies, study_jobs, training_jobs
from modeling.content_runs import APPLY_TASK, FIT_TASK
from modeling.runs import DEEP_TASK, SIMPLE_TASK


@job_task(DEEP_TASK)
def train(lease: Lease) -> None:
    """Train a deep model beside the simple ones."""
    training_jobs.train(lease)


@job_task(SIMPLE_TASK)
def train_simple(lease: Lease) -> None:
    """Fit the simple models."""
    training_jobs.train(lease)


@job_task(studies.TASK)
def study(lease: Lease) -> None:
    """Search settings, draw a learning curve or cross-validate."""
    study_jobs.work(lease)


@shared_task(name="modeling.tasks.start_simple_after_imports", ignore_result=True)
def start_simple_after_imports() -> int:
    """Beat calls this every few seconds, so that a brand has recommendations right after an upload."""
    return runs.start_simple_after_imports()


@job_task(FIT_TASK)
def fit_content(lease: Lease) -> None:
    """Fit a content model."""
    content_jobs.fit(lease)


@job_task(APPLY_TASK)
def apply_content(lease: Lease) -> None:
    """Have the content models in use read items and comments."""
    content_jobs.apply(lease)


@shared_task(name="modeling.tasks.read_new_content", ignore_result=True)
def read_new_content() -> int:
    """Beat calls this every few minutes, so that new comments get their tone."""
    return content_jobs.start_where_unread()
