"""What the platform told us, as it told it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenancy import TenantModel, current_tenant_id
from connectors.models.accounts import ConnectedAccount


class PushReceipt(TenantModel):
    """One push, kept raw before it was acknowledged. A worker applies it later, in the order of `event_at`.

    Brand and account have no constraint in the database: every check would lock their rows once per push. The only
    writer (connectors/receiving.py) takes both ids from the account it has just read.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("Waiting")
        APPLIED = "applied", _("Applied")
        FAILED = "failed", _("Failed")
        IGNORED = "ignored", _("Kept only")

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        default=current_tenant_id,
        editable=False,
        db_constraint=False,
        related_name="+",
    )
    account = models.ForeignKey(
        ConnectedAccount, on_delete=models.CASCADE, db_constraint=False, related_name="pushes", db_index=False
    )
    dedupe_key = models.UUIDField()
    """128-bit digest of what makes the push unique for the platform: MsgId, or sender, time, event and key."""
    kind = models.CharField(max_length=60)
    """MsgType, for events `event.<Event>` in lower case."""
    openid = models.CharField(max_length=64, blank=True)
    body = models.BinaryField()
    """The message after decryption, byte for byte."""
    event_at = models.DateTimeField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RECEIVED)
    applied_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_template = models.TextField(blank=True)
    error_context = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "dedupe_key"], name="push_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["received", "applied", "failed", "ignored"]), name="push_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "-received_at"], name="push_newest"),
            models.Index(
                fields=["tenant", "account", "event_at"], name="push_waiting", condition=models.Q(state="received")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.event_at:%F %T} ({self.state})"
