"""What is said between an account and a person, and what decides whether the account may speak."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from common.text import new_code
from connectors.models.accounts import ConnectedAccount


class Conversation(TenantModel):
    """One person and one account: what `connectors.routes` needs to know, and the newest message for lists.

    Following stands in the person's identity; how much of a window is used is counted from the messages.
    """

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="conversations")
    openid = models.CharField(max_length=64)
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    openings: Any = models.JSONField(default=dict)
    """When the person last did what opens a window: trigger -> ISO moment."""
    consents: Any = models.JSONField(default=dict)
    """Subscriptions by template id: `num_left` (null: for ever) and `given_at`."""
    refusals: Any = models.JSONField(default=list)
    """What the platform refused about this person: `errcode`, `at`, `template_id`."""
    last_at = models.DateTimeField(null=True)
    last_text = models.CharField(max_length=120, blank=True)
    is_last_ours = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "openid"], name="conversation_once")]
        indexes = [
            models.Index(fields=["tenant", "account", "-last_at"], name="conversation_newest"),
            models.Index(fields=["tenant", "contact"], name="conversation_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.openid}"


class MessageLog(TenantModel):
    """One message, in or out. A message of ours is written before it is sent, and sent at most once."""

    class Direction(models.TextChoices):
        IN = "in", _("Received")
        OUT = "out", _("Sent by us")

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        PENDING = "pending", _("Waiting to be sent")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        REFUSED = "refused", _("Not sent")
        UNKNOWN = "unknown", _("Perhaps sent")

    code = models.CharField(max_length=16, default=new_code)
    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    channel = models.CharField(max_length=24, blank=True)
    """`connectors.wechat.reachability.Channel` of a message of ours."""
    kind = models.CharField(max_length=20)
    """The platform's MsgType; `notice` for subscription notices."""
    text = models.TextField(blank=True)
    payload: Any = models.JSONField(default=dict)
    template_id = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField()
    """When it was said, by the account's clock."""
    state = models.CharField(max_length=8, choices=State.choices)
    why_code = models.CharField(max_length=60, blank=True)
    why_template = models.TextField(blank=True)
    why_context: Any = models.JSONField(default=dict)
    msg_id = models.CharField(max_length=64, blank=True)
    rid = models.CharField(max_length=80, blank=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    """When a worker took it to send it: whoever takes it next does not send it again."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="message_log_code"),
            models.UniqueConstraint(
                fields=["tenant", "conversation", "msg_id"],
                condition=models.Q(direction="in") & ~models.Q(msg_id=""),
                name="message_log_heard_once",
            ),
            models.CheckConstraint(condition=models.Q(direction__in=["in", "out"]), name="message_log_direction_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=["received", "pending", "sending", "sent", "refused", "unknown"]),
                name="message_log_state_known",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "conversation", "-at"], name="message_log_newest"),
            models.Index(fields=["tenant", "created_at"], name="message_log_oldest"),
            models.Index(
                fields=["tenant", "created_at"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="message_log_waiting",
            ),
            models.Index(fields=["tenant", "msg_id"], condition=~models.Q(msg_id=""), name="message_log_msg_id"),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.kind} {self.at:%F %T} ({self.state})"

    @property
    def is_under_way(self) -> bool:
        """Whether what becomes of it is still to come."""
        return self.state in (self.State.PENDING, self.State.SENDING)


class Broadcast(TenantModel):
    """A mass message that the platform finished, as it told us. To whom it went it does not tell."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="broadcasts")
    msg_id = models.CharField(max_length=64)
    status = models.CharField(max_length=40)
    num_total = models.IntegerField(default=0)
    num_sent = models.IntegerField(default=0)
    num_failed = models.IntegerField(default=0)
    ended_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "msg_id"], name="broadcast_once")]
        indexes = [models.Index(fields=["tenant", "account", "-ended_at"], name="broadcast_newest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.msg_id} {self.status}"
