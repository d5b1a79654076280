"""QR codes with a parameter, one per channel, shop, employee or course, and who came through them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from common.text import new_code
from connectors.models.accounts import ConnectedAccount


class QrCode(TenantModel):
    """One code of an account. Its `scene` is in the push of everybody who scans it."""

    class Purpose(models.TextChoices):
        CHANNEL = "channel", _("Channel")
        SHOP = "shop", _("Shop")
        EMPLOYEE = "employee", _("Employee")
        COURSE = "course", _("Course")
        OTHER = "other", _("Something else")

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="qr_codes")
    code = models.CharField(max_length=16, default=new_code)
    name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.CHANNEL)
    scene = models.CharField(max_length=64)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    """Put on every contact who comes through the code."""
    ticket = models.CharField(max_length=200)
    url = models.CharField(max_length=300)
    """What the picture says."""
    expires_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="qr_code_code"),
            models.UniqueConstraint(fields=["tenant", "account", "scene"], name="qr_code_scene"),
            models.CheckConstraint(
                condition=models.Q(purpose__in=["channel", "shop", "employee", "course", "other"]),
                name="qr_code_purpose_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.scene})"


class QrArrival(TenantModel):
    """One contact's way through one code: first and last scan, and whether it made them a follower."""

    qr_code = TenantForeignKey(QrCode, on_delete=models.CASCADE, related_name="arrivals")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    num_scans = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    followed_at = models.DateTimeField(null=True)
    """When they began to follow through this code."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "qr_code", "contact"], name="qr_arrival_once")]
        indexes = [models.Index(fields=["tenant", "contact"], name="qr_arrival_contact")]

    def __str__(self) -> str:
        return f"{self.contact_id} through {self.qr_code_id}"
