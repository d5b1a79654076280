"""Scores of all contacts by the live engagement model: right numbers, all at once, started when they are due."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from accounts import jobs
from accounts.models import Job, Tenant
from accounts.tenancy import tenant_scope
from audience.models import Contact, Engagement, Import
from modeling.artifacts import write_artifact
from modeling.classifiers import LogisticClassifier, Standardiser
from modeling.engagement_extract import EngagementExtractConfig
from modeling.models import Dataset, ModelVersion, TrainingRun
from recommendations import scoring
from recommendations.models import ContactScore

FEATURES = ("likes", "transfers", "comments", "time_spent")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hints(monkeypatch):
    sent: list[str] = []
    monkeypatch.setattr(jobs.current_app, "send_task", lambda task, args, queue, retry: sent.append(task))
    return sent


def upload_engagement(*likes: float) -> list[Contact]:
    """One contact per number of likes."""
    batch = Import.objects.create(filename="weixin_data.csv", file="f", size_bytes=1, sha256="0" * 64)
    contacts = [Contact.objects.create(external_id=f"c{place}") for place in range(len(likes))]
    for contact, number in zip(contacts, likes, strict=True):
        Engagement.objects.create(contact=contact, batch=batch, likes=number, label=None)
    return contacts


def go_live(weight: float = 1.0) -> ModelVersion:
    """A logistic model of the likes alone: p = 1 / (1 + exp(-weight * likes))."""
    ModelVersion.objects.filter(stage="live").update(stage="retired")
    still = Standardiser(np.zeros(4, np.float32), np.ones(4, np.float32))
    model = LogisticClassifier(FEATURES, still, np.array([weight, 0, 0, 0], np.float32), 0.0)
    number = ModelVersion.objects.count() + 1
    write_artifact(Path(settings.MODEL_DIR) / str(number), model.to_artifact())
    config = {"extract": EngagementExtractConfig(source="table").to_dict()}
    dataset = Dataset.objects.create(
        purpose="engagement", content_hash=uuid4().hex, directory="d", config=config,
        counts={"feature_names": list(FEATURES)},
    )  # fmt: skip
    job = Job.objects.create(task="modeling.train", queue="training", state="succeeded")
    run = TrainingRun.objects.create(purpose="engagement", dataset=dataset, config_hash="h", job=job)
    return ModelVersion.objects.create(
        number=number, purpose="engagement", kind="logistic", run=run, dataset=dataset, directory=str(number),
        digest="", stage="live", promoted_at=timezone.now(),
    )  # fmt: skip


def work_off() -> list[str]:
    """Run the waiting scoring jobs; returns how they ended."""
    waiting = list(Job.objects.filter(task=scoring.TASK, state="queued"))
    return [_run(job) for job in waiting]


def _run(job: Job) -> str:
    jobs.run(job.tenant_id, job.pk, scoring.score_contacts)
    return str(Job.objects.get(pk=job.pk).state)


def test_every_contact_with_features_gets_a_probability_and_its_place(brand: Tenant, hints) -> None:
    with tenant_scope(brand):
        contacts = upload_engagement(0, 2, -1, 2)
        version = go_live()
    assert scoring.start_where_stale(timezone.now()) == 1
    assert hints == [scoring.TASK]
    with tenant_scope(brand):
        job = Job.objects.get(task=scoring.TASK)
    jobs.run(brand.pk, job.pk, scoring.score_contacts)
    with tenant_scope(brand):
        assert Job.objects.get(pk=job.pk).state == "succeeded"
        scores = {score.contact_id: score for score in ContactScore.objects.all()}
        expected = {0: (0.5, 25.0), 1: (0.880797, 50.0), 2: (0.268941, 0.0), 3: (0.880797, 50.0)}
        for place, (probability, percentile) in expected.items():
            score = scores[contacts[place].pk]
            assert (score.probability, score.percentile) == (pytest.approx(probability, abs=1e-6), percentile)
            assert score.version_id == version.pk


def test_a_new_live_model_replaces_every_score_and_removes_those_it_cannot_give(brand: Tenant, hints) -> None:
    with tenant_scope(brand):
        contacts = upload_engagement(1, 1, 1)
        go_live()
        scoring.start_where_stale(timezone.now())
        assert work_off() == ["succeeded"]
        Engagement.objects.filter(contact=contacts[0]).delete()
        Contact.objects.filter(pk=contacts[1].pk).update(is_personalisation_off=True)
        second = go_live(weight=0.0)
        assert scoring.start_where_stale(timezone.now()) == 1
        assert work_off() == ["succeeded"]
        left = ContactScore.objects.values_list("contact_id", "version_id", "probability")
        assert list(left) == [(contacts[2].pk, second.pk, 0.5)]


def test_scoring_starts_once_per_live_model_and_day(brand: Tenant, other_brand: Tenant, hints) -> None:
    now = timezone.now()
    assert scoring.start_where_stale(now) == 0
    with tenant_scope(brand):
        upload_engagement(1)
        go_live()
    assert [scoring.start_where_stale(now) for _beat in range(3)] == [1, 0, 0]
    with tenant_scope(brand):
        work_off()
    assert scoring.start_where_stale(timezone.now()) == 0
    assert scoring.start_where_stale(timezone.now() + timedelta(hours=23)) == 0
    assert scoring.start_where_stale(timezone.now() + timedelta(hours=25)) == 1
    with tenant_scope(other_brand):
        assert not Job.objects.exists()


def test_a_damaged_model_ends_the_job_and_keeps_the_scores(brand: Tenant, hints) -> None:
    with tenant_scope(brand):
        upload_engagement(1)
        first = go_live()
        scoring.start_where_stale(timezone.now())
        work_off()
        broken = go_live()
        (Path(settings.MODEL_DIR) / broken.directory / "weights.safetensors").write_bytes(b"?")
        scoring.start_where_stale(timezone.now())
        assert work_off() == ["failed"]
        assert Job.objects.filter(task=scoring.TASK).order_by("-pk")[0].error_code == "file_corrupt"
        assert [score.version_id for score in ContactScore.objects.all()] == [first.pk]


def test_percentiles_count_the_lower_ones() -> None:
    assert scoring.percentiles(np.array([0.2, 0.9, 0.2, 0.5], np.float32)).tolist() == [0.0, 75.0, 0.0, 50.0]
    assert scoring.percentiles(np.empty(0, np.float32)).tolist() == []
