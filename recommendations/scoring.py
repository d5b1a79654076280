"""How likely each contact is to convert, by the live engagement model, written down for pages and segments.

Stage: prediction. Reads the features that modeling/engagement_extract.py defines and the model's files; writes
ContactScore: all of a brand's scores change in one transaction with the end of the job, or none. Contacts who switched
personalisation off are not scored.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from django.db import connection
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts import jobs
from accounts.jobs import Lease
from accounts.models import Job, Tenant
from accounts.tenancy import current_tenant_id, tenant_scope
from modeling import versions
from modeling.classifiers import Classifier, load_classifier
from modeling.engagement_events import EventSequences
from modeling.engagement_extract import acts_now, features_now
from modeling.histories import FloatArray, Int64Array
from modeling.models import ModelVersion, Purpose
from recommendations.models import ContactScore

TASK, QUEUE = "recommendations.score_contacts", "default"
BATCH = 50_000
RESCORE_AFTER = timedelta(days=1)
READING, SCORING, WRITING = _("Reading what contacts did"), _("Scoring contacts"), _("Storing the scores")
_UPSERT = """INSERT INTO recommendations_contactscore
        (tenant_id, contact_id, purpose, version_id, probability, percentile, scored_at)
    SELECT %(tenant)s, contact.id, 'engagement', %(version)s, score.probability, score.percentile, %(now)s
    FROM unnest(%(contacts)s::bigint[], %(probabilities)s::float8[], %(percentiles)s::float8[])
        AS score(contact_id, probability, percentile)
    JOIN audience_contact AS contact ON contact.tenant_id = %(tenant)s AND contact.id = score.contact_id
    WHERE NOT contact.is_personalisation_off
    ON CONFLICT (tenant_id, contact_id, purpose) DO UPDATE SET version_id = excluded.version_id,
        probability = excluded.probability, percentile = excluded.percentile, scored_at = excluded.scored_at"""


def score_contacts(lease: Lease) -> None:
    """The job: score every contact that has features; older scores of the others are removed."""
    with tenant_scope(lease.tenant_id):
        version = (
            ModelVersion.objects.select_related("dataset").filter(purpose=Purpose.ENGAGEMENT, stage="live").first()
        )
        if version is None:  # retired since the job was started: nothing to say
            return
        lease.progress(0, 0, READING)
        frame = features_now(version.dataset)
        classifier = load_classifier(versions.path_of(version))
        events = acts_now(version.dataset, frame["user_key"].to_numpy()) if classifier.needs_events else None
    probabilities_R = predict(lease, classifier, frame, events)
    lease.progress(len(frame), len(frame), WRITING)
    with lease.publish():
        write_scores(version, frame["user_key"].to_numpy(), probabilities_R, timezone.now())


def predict(lease: Lease, classifier: Classifier, frame: pl.DataFrame, events: EventSequences | None) -> FloatArray:
    """probabilities_R of the frame's rows, batch by batch; stops when the job must."""
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(frame), BATCH):
        rows = frame[start : start + BATCH].select(pl.col(*classifier.feature_names).cast(pl.Float32).fill_null(np.nan))
        taken = None if events is None else events.take(np.arange(start, start + len(rows)))
        parts.append(classifier.probabilities(rows.to_numpy(), taken))
        lease.progress(start + len(rows), len(frame), SCORING)
    return np.concatenate(parts)


def write_scores(version: ModelVersion, contacts_R: Int64Array, probabilities_R: FloatArray, now: datetime) -> None:
    """Replace the brand's scores in the running transaction."""
    percentiles_R = percentiles(probabilities_R)
    for start in range(0, len(contacts_R), BATCH):
        rows = slice(start, start + BATCH)
        params: dict[str, Any] = {
            "tenant": current_tenant_id(),
            "version": version.pk,
            "now": now,
            "contacts": contacts_R[rows].tolist(),
            "probabilities": probabilities_R[rows].astype(np.float64).tolist(),
            "percentiles": percentiles_R[rows].tolist(),
        }
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, params)
    ContactScore.objects.filter(purpose=Purpose.ENGAGEMENT, scored_at__lt=now).delete()


def percentiles(probabilities_R: FloatArray) -> np.ndarray:
    """percentiles_R: share of the rows with a lower probability, 0..100."""
    ranks_R = np.searchsorted(np.sort(probabilities_R), probabilities_R, side="left")
    return ranks_R * (100 / max(len(probabilities_R), 1))


def start_where_stale(now: datetime) -> int:
    """Start scoring in every brand whose live engagement model is newer than its scores, or whose scores are a day old.

    Costs one query per brand; a job that failed is not started again before the day is over or a new model is live.
    """
    return sum(_start_if_stale(tenant_id, now) for tenant_id in Tenant.objects.values_list("pk", flat=True))


def _start_if_stale(tenant_id: int, now: datetime) -> bool:
    with tenant_scope(tenant_id):
        live = ModelVersion.objects.filter(purpose=Purpose.ENGAGEMENT, stage="live")
        since = live.values_list(Greatest("promoted_at", now - RESCORE_AFTER), flat=True).first()
        if since is None or Job.objects.filter(task=TASK, created_at__gte=since).exists():
            return False
        jobs.start(TASK, QUEUE)
        return True
