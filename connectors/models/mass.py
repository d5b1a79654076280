"""Mass sends: what goes to whom, and the calls it takes. A batch is one call of the platform, made once."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantModel
from common.text import new_code
from connectors.models.accounts import ConnectedAccount


class MassSend(TenantModel):
    """A mass send: drafted by one person, sent by one press, followed until all its batches are decided."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        IMAGE = "image", _("Picture")
        DRAFT = "draft", _("Articles")

    class Audience(models.TextChoices):
        ALL = "all", _("all followers")
        PLATFORM_TAG = "tag", _("followers with WeChat's tag")
        CONTACTS = "contacts", _("followers with the tag")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        QUEUED = "queued", _("waiting")
        SENDING = "sending", _("being sent")
        PARKED = "parked", _("waits for tomorrow's calls")
        DONE = "done", _("handed to WeChat")
        FAILED = "failed", _("stopped")

    UNDER_WAY = (State.QUEUED, State.SENDING)

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="mass_sends")
    code = models.CharField(max_length=16, default=new_code)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    text = models.TextField(blank=True)
    media_id = models.CharField(max_length=128, blank=True)
    """The draft or the picture."""
    title = models.CharField(max_length=200)
    audience = models.CharField(max_length=8, choices=Audience.choices)
    tag_id = models.IntegerField(null=True)
    """WeChat's number of the tag, for PLATFORM_TAG."""
    tag = models.CharField(max_length=40, blank=True)
    """The name of the tag: WeChat's, or the brand's own."""
    state = models.CharField(max_length=7, choices=State.choices, default=State.DRAFT)
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+", null=True)
    num_people = models.PositiveIntegerField(default=0)
    """How many were meant when it was pressed."""
    reason = models.CharField(max_length=300, blank=True)
    """Why it stopped: an English template, filled from `reason_context`."""
    reason_context: Any = models.JSONField(default=dict)
    resume_after = models.DateTimeField(null=True)
    """Set while it is parked: it goes on by itself after this moment."""
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    pressed_by = models.CharField(max_length=200, blank=True)
    pressed_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="mass_send_code"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["text", "image", "draft"]), name="mass_send_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(audience__in=["all", "tag", "contacts"]), name="mass_send_audience_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "queued", "sending", "parked", "done", "failed"]),
                name="mass_send_state_known",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "account", "-created_at"], name="mass_send_newest")]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it or will have it soon."""
        return self.state in self.UNDER_WAY


class MassBatch(TenantModel):
    """One call of a mass send. `client_msg_id` is committed before the call, so WeChat recognises a repetition."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being handed over")
        SENT = "sent", _("handed over")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("outcome unknown")

    send = TenantForeignKey(MassSend, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    openids = ArrayField(models.CharField(max_length=64), default=list)
    """Empty when everybody or a tag is meant, and after they were forgotten."""
    num_people = models.PositiveIntegerField()
    client_msg_id = models.CharField(max_length=64, default=new_code)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    called_at = models.DateTimeField(null=True)
    """The first call that may have arrived; null while none can have."""
    num_tried = models.PositiveIntegerField(default=0)
    msg_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    reason_context: Any = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "send", "number"], name="mass_batch_number"),
            models.UniqueConstraint(fields=["tenant", "client_msg_id"], name="mass_batch_client_msg_id"),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "sending", "sent", "refused", "unknown"]),
                name="mass_batch_state_known",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "msg_id"], name="mass_batch_msg_id", condition=~models.Q(msg_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.send_id} #{self.number} ({self.state})"
