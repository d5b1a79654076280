"""The worker's part: extract, fit, publish once, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connections
from django.utils import timezone
from safetensors import safe_open

from accounts import jobs
from accounts.actors import Actor
from accounts.jobs import LeaseLost
from accounts.models import Job
from accounts.tenancy import tenant_scope
from catalog.models import Item
from modeling import runs, training_jobs, versions
from modeling.models import Dataset, ModelVersion, TrainingPoint, TrainingRun
from tests.modeling.behaviour import fill, fill_engagement, work

NEXT_ITEM_KINDS = ["popularity", "item_knn", "transformer", "transformer_knn"]


@pytest.fixture
def run(scope, by, hints):
    """A small next-item run that waits for its worker."""
    fill(60, 20, 18)
    return runs.start(runs.plan("next_item", "debug"), by)[0]


def version_files():
    return sorted(path.name for path in (Path(settings.MODEL_DIR) / "").glob("*/versions/*"))


def expire_lease(run):
    Job.objects.filter(pk=run.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_run_leaves_dataset_curve_log_and_one_version_per_kind(run):
    run = work(run)
    assert (run.job.state, run.job.error_template) == (Job.State.SUCCEEDED, "")
    assert Dataset.objects.get() == run.dataset
    assert run.dataset.counts["num_events"] == 1080
    made = ModelVersion.objects.order_by("number")
    assert [(one.number, one.kind) for one in made] == list(enumerate(NEXT_ITEM_KINDS, start=1))
    assert TrainingPoint.objects.filter(values__metrics__has_key="ndcg_at_10").count() == 2
    assert [entry["text"] for entry in run.log] == [
        "Reading the behaviour",
        "The data is ready, learning begins",
        "Popularity is counted",
        "Item neighbours are counted",
        "The deep model learns",
        "The deep model learns the newest behaviour as well",
        "The models are compared",
    ]
    assert not training_jobs.run_directory(run).exists()
    for version in made:
        versions.verify(version)


def test_without_a_shown_gain_the_best_simple_model_serves(scope, by, hints):
    fill(60, 20, 18, is_shuffled=True)
    run = work(runs.start(runs.plan("next_item", "debug"), by)[0])
    live = versions.live("next_item")
    assert run.result["verdict"]["promote"] is False
    assert live.kind == run.result["verdict"]["simple_kind"] == run.result["chosen_kind"]
    assert run.result["serving"] == "first"
    with pytest.raises(versions.GateRefused):
        versions.promote(ModelVersion.objects.get(kind="transformer"), by)


def test_the_engagement_run_judges_the_network_against_majority_and_logistic(scope, by, hints):
    fill_engagement(200)
    run = work(runs.start(runs.plan("engagement", "debug"), by)[0])
    assert run.job.error_template == ""
    by_kind = {one.kind: one.metrics["test"] for one in ModelVersion.objects.all()}
    assert set(by_kind) == {"majority", "logistic", "engagement_dnn"}
    counted = by_kind["logistic"]
    right, wrong = counted["true_positives"] + counted["true_negatives"], counted["false_positives"]
    assert right + wrong + counted["false_negatives"] == 40
    assert counted["accuracy"] == pytest.approx(right / 40)
    assert (by_kind["majority"]["auc"], by_kind["logistic"]["auc"] > 0.9) == (0.5, True)


def test_a_simple_run_fits_no_deep_model_and_goes_live(scope, by, hints):
    fill(10, 6, 4)
    run = work(runs.start_simple(by))
    assert sorted(ModelVersion.objects.values_list("kind", flat=True)) == ["item_knn", "popularity"]
    assert run.result["verdict"] == {}
    assert versions.live("next_item").kind == run.result["chosen_kind"]


def test_the_same_data_and_configuration_make_one_dataset(run, by):
    first = work(run)
    again = work(runs.start(runs.plan("next_item", "debug"), by, force=True)[0])
    assert again.dataset == first.dataset
    assert Dataset.objects.count() == 1
    assert ModelVersion.objects.count() == 8


def test_a_damaged_dataset_is_written_anew(run, by):
    first = work(run)
    path = Path(settings.MODEL_DIR) / first.dataset.directory / "dataset.json"
    path.write_text("{}")
    again = work(runs.start(runs.plan("next_item", "debug"), by, force=True)[0])
    assert again.job.state == Job.State.SUCCEEDED
    assert json.loads(path.read_text())["version"] == first.dataset.content_hash


def test_of_two_workers_one_works(run):
    lease = jobs.claim(run.tenant_id, run.job_id)
    assert work(run).job.state == Job.State.RUNNING
    assert ModelVersion.objects.count() == 0
    training_jobs.train(lease)
    assert ModelVersion.objects.count() == 4


def test_a_worker_that_was_presumed_dead_publishes_nothing(run, monkeypatch):
    stale = jobs.claim(run.tenant_id, run.job_id)
    expire_lease(run)
    recipe = training_jobs.recipe_for(run)
    outcomes = []
    monkeypatch.setattr(type(recipe), "fit", _recorded(type(recipe).fit, outcomes))
    work(run)
    files = version_files()
    with pytest.raises(LeaseLost):
        training_jobs.train(stale)
    with pytest.raises(LeaseLost):
        training_jobs._publish(stale, TrainingRun.objects.get(pk=run.pk), outcomes[0])
    assert ModelVersion.objects.count() == 4
    assert version_files() == files


def _recorded(fit, outcomes):
    """`fit` whose models survive the clean-up, so that a stale worker can try to publish them."""

    def wrapper(self, dataset, directory, on_progress, should_stop):
        outcomes.append(fit(self, dataset, directory.with_name("kept"), on_progress, should_stop))
        return outcomes[0]

    return wrapper


class Cancelling(training_jobs.Reporter):
    """Somebody presses cancel when the first epoch has ended."""

    def __call__(self, point):
        if point.metrics and not self.run.job.is_cancel_requested:
            runs.cancel(self.run, Actor.system("test"))
        super().__call__(point)


def test_cancel_stops_a_running_training_and_retry_goes_on_from_the_checkpoint(run, by, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training_jobs, "Reporter", Cancelling)
        cancelled = work(run)
    assert cancelled.job.state == Job.State.CANCELLED
    assert ModelVersion.objects.count() == 0
    assert (training_jobs.run_directory(run) / "transformer/checkpoint.safetensors").exists()
    runs.retry(cancelled, by)
    finished = work(run)
    assert finished.job.state == Job.State.SUCCEEDED
    assert "Going on where the last attempt stopped" in [entry["text"] for entry in finished.log]
    assert ModelVersion.objects.count() == 4


def test_points_wait_while_the_database_is_away(run, monkeypatch):
    write, failures = training_jobs.Reporter._write, []

    def flaky(self, point):
        if point.metrics and not failures:
            failures.append(point.step)
            raise OperationalError("the server closed the connection")
        write(self, point)

    monkeypatch.setattr(training_jobs.Reporter, "_write", flaky)
    monkeypatch.setattr(training_jobs.connection, "close", lambda: None)
    assert work(run).job.state == Job.State.SUCCEEDED
    assert TrainingPoint.objects.filter(step=failures[0], values__metrics__has_key="ndcg_at_10").exists()


def test_items_that_vanish_while_training_change_nothing(run):
    Item.objects.all().delete()
    failed = work(run).job
    assert (failed.error_code, failed.error_template[:19]) == ("dataset_too_small", "Too little behaviou")
    assert ModelVersion.objects.count() == 0


WORKER = """
import sys
import django
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
from accounts import jobs
from modeling import training_jobs
jobs.run(int(sys.argv[2]), int(sys.argv[3]), training_jobs.train)
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_mid_epoch_costs_at_most_one_interval_and_makes_one_version_per_kind(
    brand, by, monkeypatch, settings
):
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *args, **kwargs: None)
    with tenant_scope(brand):
        fill(60, 20, 18)
        run, _is_new = runs.start(runs.plan("next_item", "debug", {"max_epochs": 30, "patience": 30}), by)
        run.config["trainer"]["checkpoint_seconds"] = 0.0
        run.save(update_fields=["config"])
    killed_at = _kill_after_epochs(brand, run, 4)
    assert ModelVersion.objects.unscoped().count() == 0
    saved_step = _checkpoint_step(run)
    first_steps = _record_first_step(monkeypatch)
    deadline = time.monotonic() + 10
    while not jobs.revive() and time.monotonic() < deadline:
        time.sleep(0.1)
    finished = work(run)
    assert (finished.job.state, finished.job.attempt) == (Job.State.SUCCEEDED, 2)
    assert killed_at <= saved_step + 1
    assert first_steps[0] in (saved_step, saved_step + 1)
    with tenant_scope(brand):
        assert sorted(ModelVersion.objects.values_list("kind", flat=True)) == sorted(NEXT_ITEM_KINDS)
        steps = set(TrainingPoint.objects.filter(run=run).values_list("step", flat=True))
    unwritten = set(range(1, max(steps) + 1)) - steps
    assert unwritten <= set(range(killed_at + 1, saved_step + 1))


def _kill_after_epochs(brand, run, num_epochs):
    """Run the job in a process of its own and kill it when that many epochs are written; the last step written."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "MODEL_DIR": str(settings.MODEL_DIR),
        "JOB_LEASE_SECONDS": "1",
        "JOB_HEARTBEAT_SECONDS": "0.3",
    }
    arguments = [connections["default"].settings_dict["NAME"], str(brand.pk), str(run.job_id)]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, *arguments], cwd=settings.BASE_DIR, env=environment)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.poll() is None:
        with tenant_scope(brand):
            points = list(TrainingPoint.objects.filter(run=run).values_list("step", "epoch"))
        if points and points[-1][1] >= num_epochs:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            return points[-1][0]
        time.sleep(0.02)
    raise AssertionError(f"the worker ended by itself: {worker.poll()}")


def _checkpoint_step(run):
    with safe_open(training_jobs.run_directory(run) / "transformer/checkpoint.safetensors", framework="np") as file:
        return json.loads(file.metadata()["state"])["step"]


def _record_first_step(monkeypatch):
    steps = []

    class Recording(training_jobs.Reporter):
        def __call__(self, point):
            if point.loss is not None:
                steps.append(point.step)
            super().__call__(point)

    monkeypatch.setattr(training_jobs, "Reporter", Recording)
    return steps
