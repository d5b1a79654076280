"""The worker's part: extract, fit, publish once, whatever happens in between."""

import pytest
from django.conf import settings

from accounts import jobs
from accounts.models import AuditEntry, Job
from accounts.tenancy import tenant_scope
from modeling import runs, training_jobs, versions
from modeling.models import Dataset, ModelVersion, Purpose, TrainingPoint, TrainingRun
from tests.modeling.behaviour import fill, work


@pytest.fixture
def trained(scope, by, hints):
    fill(60, 12, 8)
    run, _is_new = runs.start(runs.plan("next_item", "debug"), by)
    return work(run)


def test_a_run_leaves_dataset_curve_log_and_one_version_per_kind(trained):
    assert (trained.job.state, trained.job.error_template) == (Job.State.SUCCEEDED, "")
    assert Dataset.objects.get() == trained.dataset
    assert trained.dataset.counts["num_events"] == 480
    made = ModelVersion.objects.order_by("number")
    assert [(one.number, one.kind) for one in made] == [
        (1, "popularity"), (2, "item_knn"), (3, "transformer"), (4, "transformer_knn"),
    ]  # fmt: skip
    assert TrainingPoint.objects.filter(values__metrics__has_key="ndcg_at_10").count() == 2
    assert [entry["text"] for entry in trained.log][:3] == [
        "Reading the behaviour", "Popularity model", "Item neighbours",
    ]  # fmt: skip
    assert not training_jobs.run_directory(trained).exists()
