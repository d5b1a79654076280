"""What was predicted for whom."""

from django.db import models

from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from modeling.models import ModelVersion, Purpose


class ContactScore(TenantModel):
    """A contact's predicted probability for a purpose, by the model version that said so."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="scores")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    version = TenantForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scores")
    probability = models.FloatField()
    scored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "contact", "purpose"], name="contact_score_once"),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="contact_score_is_probability"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "purpose", "-probability"], name="contact_score_top")]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.purpose} {self.probability:.3f}"
