"""Doors to modeling from the queue. torch is imported when a deep model is trained, not before."""

from accounts.jobs import Lease, job_task
from modeling import training_jobs
from modeling.runs import DEEP_QUEUE, DEEP_TASK, SIMPLE_QUEUE, SIMPLE_TASK


@job_task(DEEP_TASK, DEEP_QUEUE)
def train(lease: Lease) -> None:
    """Train a deep model beside the simple ones."""
    training_jobs.train(lease)


@job_task(SIMPLE_TASK, SIMPLE_QUEUE)
def train_simple(lease: Lease) -> None:
    """Fit the simple models."""
    training_jobs.train(lease)
