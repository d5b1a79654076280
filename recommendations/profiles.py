"""用户画像: everything known of one contact in numbers, each with where it comes from.

Stage: prediction. Reads the contact's acts, uploaded engagement rows and predicted scores; writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from audience.models import Contact, Engagement
from modeling.models import Purpose
from recommendations.activity import Activity, Hours, Stage, activity_of, hours_of, stage_of
from recommendations.interests import FACETS, Interest, interests_of
from recommendations.models import ContactScore
from recommendations.provenance import Provenance
from recommendations.rfm import Rfm, rfm_of

ENGAGEMENT_NUMBERS = ("likes", "transfers", "comments", "time_spent")


@dataclass(frozen=True)
class PredictedScore:
    """A probability that a model version gave to the contact."""

    purpose: str
    probability: float
    percentile: float
    """Share of the brand's scored contacts with a lower probability, 0..100."""
    band: str
    """high, medium or low."""
    model_kind: str
    scored_at: datetime
    provenance: Provenance

    @property
    def label(self) -> str:
        """What is predicted, in the active language."""
        return str(Purpose(self.purpose).label)

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        return {
            "purpose": self.purpose,
            "label": self.label,
            "probability": round(self.probability, 6),
            "percentile": round(self.percentile, 1),
            "band": self.band,
            "model_kind": self.model_kind,
            "scored_at": self.scored_at.isoformat(),
            "provenance": self.provenance.to_dict(),
        }


@dataclass(frozen=True)
class UploadedNumbers:
    """The contact's row of an uploaded engagement table."""

    numbers: dict[str, float]
    label: bool | None
    filename: str

    @property
    def provenance(self) -> Provenance:
        """Uploaded, always."""
        return Provenance(num_uploaded=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        facts = {"numbers": self.numbers, "label": self.label, "filename": self.filename}
        return {**facts, "provenance": self.provenance.to_dict()}


@dataclass(frozen=True)
class Profile:
    """One contact at one moment."""

    contact: Contact
    as_of: datetime
    stage: Stage
    activity: Activity
    interests: dict[str, list[Interest]]
    """tags, categories, authors, kinds -> strongest first."""
    rfm: Rfm
    hours: Hours
    time_zone: str
    scores: list[PredictedScore]
    uploaded: UploadedNumbers | None

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API: external_id, as_of, stage, activity, interests, rfm, hours, scores, uploaded.

        Every part carries `provenance`: {"origin": observed | uploaded | mixed | modelled | nothing, ...}.
        """
        basis = self.activity.provenance.to_dict()
        return {
            "external_id": self.contact.external_id,
            "as_of": self.as_of.isoformat(),
            "stage": {**self.stage.to_dict(), "provenance": basis},
            "activity": self.activity.to_dict(),
            "interests": {facet: [interest.to_dict() for interest in self.interests[facet]] for facet in FACETS},
            "rfm": {**self.rfm.to_dict(), "provenance": basis},
            "hours": {**self.hours.to_dict(), "time_zone": self.time_zone},
            "scores": [score.to_dict() for score in self.scores],
            "uploaded": self.uploaded and self.uploaded.to_dict(),
        }


def profile_of(contact: Contact, now: datetime | None = None) -> Profile:
    """The contact's profile as of `now`, from everything committed so far."""
    now = now or timezone.now()
    activity = activity_of(contact.pk, now)
    time_zone = contact.tenant.time_zone
    return Profile(
        contact=contact,
        as_of=now,
        stage=stage_of(contact, activity, now),
        activity=activity,
        interests=interests_of(contact.pk, now),
        rfm=rfm_of(contact.pk, now),
        hours=hours_of(contact.pk, now, time_zone),
        time_zone=time_zone,
        scores=_scores_of(contact),
        uploaded=_uploaded_of(contact),
    )


def _scores_of(contact: Contact) -> list[PredictedScore]:
    rows = ContactScore.objects.filter(contact=contact).select_related("version").order_by("purpose")
    return [
        PredictedScore(
            purpose=row.purpose,
            probability=row.probability,
            percentile=row.percentile,
            band=row.band,
            model_kind=row.version.kind,
            scored_at=row.scored_at,
            provenance=Provenance(version_code=row.version.code, version_number=row.version.number),
        )
        for row in rows
    ]


def _uploaded_of(contact: Contact) -> UploadedNumbers | None:
    row = Engagement.objects.filter(contact=contact).select_related("batch").first()
    if row is None:
        return None
    extra = {name: value for name, value in row.extra.items() if isinstance(value, int | float)}
    own = {name: getattr(row, name) for name in ENGAGEMENT_NUMBERS}
    return UploadedNumbers({**own, **extra}, row.label, row.batch.filename)
