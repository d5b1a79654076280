"""Jobs: claimed once, beaten, published once, cancelled, revived."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import jobs
from accounts.jobs import LeaseLost
from accounts.models import Job
from accounts.tenancy import tenant_scope
from catalog.models import Item
from common.errors import BadInput, Conflict, JobCancelled


@pytest.fixture
def job(brand, mocker_hints):
    with tenant_scope(brand):
        return jobs.start("tests.work", "default")


@pytest.fixture
def mocker_hints(monkeypatch):
    """The hints sent to the queue, instead of a broker."""
    sent = []
    hint = lambda task, args, queue, retry, **_options: sent.append((task, args, queue))  # noqa: E731  # short
    monkeypatch.setattr(jobs.current_app, "send_task", hint)
    return sent


def fresh(job):
    with tenant_scope(job.tenant_id):
        return Job.objects.get(pk=job.pk)


def age_lease(job):
    with tenant_scope(job.tenant_id):
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_hinted_after_commit_only(brand, mocker_hints):
    with tenant_scope(brand):
        job = jobs.start("tests.work", "training")
        assert mocker_hints == []
    assert mocker_hints == [("tests.work", [brand.pk, job.pk], "training")]


def test_a_job_is_claimed_once(job):
    assert jobs.claim(job.tenant_id, job.pk) is not None
    assert jobs.claim(job.tenant_id, job.pk) is None
    assert fresh(job).attempt == 1


def test_an_expired_lease_may_be_claimed_and_the_old_holder_publishes_nothing(job):
    old = jobs.claim(job.tenant_id, job.pk)
    age_lease(job)
    new = jobs.claim(job.tenant_id, job.pk)
    with pytest.raises(LeaseLost), old.publish():
        Item.objects.create(external_id="twice")
    with new.publish():
        Item.objects.create(external_id="once")
    with tenant_scope(job.tenant_id):
        assert list(Item.objects.values_list("external_id", flat=True)) == ["once"]
    assert fresh(job).state == Job.State.SUCCEEDED


def test_an_error_while_publishing_leaves_nothing(job):
    lease = jobs.claim(job.tenant_id, job.pk)
    with pytest.raises(ZeroDivisionError), lease.publish():
        assert Item.objects.create(external_id="half").pk / 0
    with tenant_scope(job.tenant_id):
        assert Item.objects.count() == 0
    assert fresh(job).state == Job.State.RUNNING


def test_work_that_returns_is_done(job):
    jobs.run(job.tenant_id, job.pk, lambda lease: lease.progress(5, 10, "Counting"))
    done = fresh(job)
    assert (done.state, done.progress_done, done.percent, done.stage) == ("succeeded", 5, 100, "Counting")


def test_an_expected_error_is_kept_for_the_reader(job):
    def work(lease):
        raise BadInput("Column %(name)s is missing.", name="user")

    jobs.run(job.tenant_id, job.pk, work)
    failed = fresh(job)
    assert (failed.state, failed.error_code, failed.error_context) == ("failed", "bad_input", {"name": "user"})


def test_an_unknown_error_fails_the_job_without_its_text(job, caplog):
    def work(lease):
        raise ValueError("secret")

    jobs.run(job.tenant_id, job.pk, work)
    assert (fresh(job).state, fresh(job).error_code) == ("failed", "internal_error")
    assert "secret" not in fresh(job).error_template


def test_a_waiting_job_is_cancelled_at_once(job):
    with tenant_scope(job.tenant_id):
        jobs.cancel(job)
    jobs.run(job.tenant_id, job.pk, lambda lease: pytest.fail("must not run"))
    assert fresh(job).state == Job.State.CANCELLED


def test_a_running_job_is_cancelled_at_its_next_step(job):
    steps = []

    def work(lease):
        steps.append(1)
        with tenant_scope(job.tenant_id):
            jobs.cancel(job)
        with pytest.raises(JobCancelled):
            lease.progress(1, 2)
        lease.check()

    jobs.run(job.tenant_id, job.pk, work)
    assert (steps, fresh(job).state) == ([1], Job.State.CANCELLED)


def test_an_ended_job_cannot_be_cancelled(job):
    jobs.run(job.tenant_id, job.pk, lambda lease: None)
    with tenant_scope(job.tenant_id), pytest.raises(Conflict):
        jobs.cancel(job)


def test_a_failed_job_can_be_retried(job):
    jobs.run(job.tenant_id, job.pk, lambda lease: 1 / 0)
    with tenant_scope(job.tenant_id):
        jobs.retry(fresh(job))
    jobs.run(job.tenant_id, job.pk, lambda lease: None)
    assert (fresh(job).state, fresh(job).error_code) == ("succeeded", "")


def test_revive_hints_silent_jobs_and_gives_up_after_the_last_attempt(job, mocker_hints, settings):
    jobs.claim(job.tenant_id, job.pk)
    assert jobs.revive() == 0
    for _attempt in range(settings.JOB_MAX_ATTEMPTS - 1):
        age_lease(job)
        mocker_hints.clear()
        assert jobs.revive() == 1
        assert mocker_hints == [("tests.work", [job.tenant_id, job.pk], "default")]
        assert jobs.claim(job.tenant_id, job.pk) is not None
    age_lease(job)
    assert jobs.revive() == 0
    assert (fresh(job).state, fresh(job).error_code) == ("failed", "worker_lost")


def test_revive_hints_a_job_whose_hint_was_lost(job, mocker_hints):
    mocker_hints.clear()
    with tenant_scope(job.tenant_id):
        Job.objects.filter(pk=job.pk).update(hinted_at=timezone.now() - timedelta(hours=1))
    assert (jobs.revive(), len(mocker_hints)) == (1, 1)
    assert jobs.revive() == 0


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_keeps_a_long_step_alive(brand, mocker_hints, settings):
    settings.JOB_HEARTBEAT_SECONDS, settings.JOB_LEASE_SECONDS = 0.1, 1
    with tenant_scope(brand):
        job = jobs.start("tests.work", "default")
    seen = []

    def work(lease):
        threading.Event().wait(1.5)
        seen.append(jobs.claim(brand.pk, job.pk))

    jobs.run(brand.pk, job.pk, work)
    connection.close()
    assert seen == [None]
    assert fresh(job).state == Job.State.SUCCEEDED


def test_work_whose_turn_has_not_come_waits_in_the_queue(job, mocker_hints):
    def work(lease):
        raise jobs.NotItsTurn("Waiting for another import")

    jobs.run(job.tenant_id, job.pk, work)
    waiting = fresh(job)
    assert (waiting.state, waiting.attempt, waiting.stage) == ("queued", 0, "Waiting for another import")
    assert mocker_hints[-1] == ("tests.work", [job.tenant_id, job.pk], "default")
    jobs.run(job.tenant_id, job.pk, lambda lease: None)
    assert fresh(job).state == "succeeded"


def test_waiting_work_that_was_cancelled_ends(job, mocker_hints):
    def work(lease):
        with tenant_scope(job.tenant_id):
            jobs.cancel(fresh(job))
        raise jobs.NotItsTurn("Waiting for another import")

    num_hints = len(mocker_hints)
    jobs.run(job.tenant_id, job.pk, work)
    assert (fresh(job).state, len(mocker_hints)) == ("cancelled", num_hints)
