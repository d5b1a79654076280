"""What was predicted for whom."""

from django.db import models

from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from modeling.models import ModelVersion, Purpose

HIGH_FROM, MEDIUM_FROM = 90.0, 60.0
"""Percentiles from which a score's band is high (best tenth) and medium."""


class ContactScore(TenantModel):
    """A contact's predicted probability for a purpose, by the model version that said so."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="scores")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    version = TenantForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scores")
    probability = models.FloatField()
    percentile = models.FloatField()
    """Share of the contacts scored with this one that got a lower probability, 0..100."""
    scored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "contact", "purpose"], name="contact_score_once"),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="contact_score_is_probability"
            ),
            models.CheckConstraint(
                condition=models.Q(percentile__gte=0, percentile__lte=100), name="contact_score_is_percentile"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "purpose", "-probability"], name="contact_score_top")]

    @property
    def band(self) -> str:
        """high (best tenth of the scored contacts), medium (next three tenths) or low."""
        return "high" if self.percentile >= HIGH_FROM else "medium" if self.percentile >= MEDIUM_FROM else "low"

    def __str__(self) -> str:
        return f"{self.contact_id} {self.purpose} {self.probability:.3f}"
