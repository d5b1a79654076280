"""The accounts of a brand on WeChat, and what the site keeps to talk to them."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenancy import TenantForeignKey, TenantModel
from common.text import new_code
from connectors.secrets import SealedField


class ConnectedAccount(TenantModel):
    """One public account or mini program of the brand. Secrets are sealed; `connectors.clients` talks to it."""

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription", _("Subscription account")
        SERVICE = "service", _("Service account")
        MINIPROGRAM = "miniprogram", _("Mini program")

    class Route(models.TextChoices):
        SECRET = "secret", _("AppID and AppSecret")
        COMPONENT = "component", _("Authorised by QR code")

    class MessageMode(models.TextChoices):
        PLAIN = "plain", _("Plain text")
        COMPATIBLE = "compatible", _("Compatible")
        SAFE = "safe", _("Encrypted (safe mode)")

    class PushFormat(models.TextChoices):
        XML = "xml", "XML"
        JSON = "json", "JSON"

    class State(models.TextChoices):
        ACTIVE = "active", _("Connected")
        PAUSED = "paused", _("Paused")
        REVOKED = "revoked", _("Authorisation withdrawn")
        DISCONNECTED = "disconnected", _("Disconnected")

    code = models.CharField(max_length=16, default=new_code)
    app_id = models.CharField(max_length=32)
    original_id = models.CharField(max_length=32, blank=True)
    """The `gh_…` id that pushes are addressed to; empty until the first push or authorisation tells it."""
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    is_verified = models.BooleanField(default=False)
    verified_until = models.DateTimeField(null=True)
    route = models.CharField(max_length=10, choices=Route.choices, default=Route.SECRET)
    message_mode = models.CharField(max_length=10, choices=MessageMode.choices, default=MessageMode.SAFE)
    push_format = models.CharField(max_length=4, choices=PushFormat.choices, default=PushFormat.XML)
    app_secret = SealedField(null=True)
    callback_token = SealedField(null=True)
    aes_key = SealedField(null=True)
    aes_key_before = SealedField(null=True)
    """The EncodingAESKey that was valid before the last rotation: pushes in flight still use it."""
    keys_made_at = models.DateTimeField(null=True)
    """When token and EncodingAESKey were last made here; for a while after that the set-up page shows them."""
    is_handing_over = models.BooleanField(default=False)
    """Whether messages are answered with transfer_customer_service, so that the brand's human agents get them."""
    is_simulated = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    daily_limits: Any = models.JSONField(default=dict)
    """Calls per day by API path, as WeChat told them at `limits_asked_at`."""
    limits_asked_at = models.DateTimeField(null=True)
    quota_resets: Any = models.JSONField(default=list)
    """When we had WeChat begin the day's counts anew, as ISO moments: ten a month are allowed."""
    checked_at = models.DateTimeField(null=True)
    """When the platform last confirmed the callback address with our token."""
    first_push_at = models.DateTimeField(null=True)
    last_push_at = models.DateTimeField(null=True)
    disconnected_at = models.DateTimeField(null=True)
    delete_after = models.DateTimeField(null=True)
    """When what the platform gave us is deleted; set by disconnecting and by a withdrawn authorisation."""
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="connected_account_code"),
            models.UniqueConstraint(
                fields=["tenant", "app_id"],
                condition=~models.Q(state="disconnected"),
                name="connected_account_app_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "paused", "revoked", "disconnected"]),
                name="connected_account_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["subscription", "service", "miniprogram"]),
                name="connected_account_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(route__in=["secret", "component"]), name="connected_account_route_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.app_id})"

    @property
    def brand_id(self) -> int:
        """The id of the account's tenant, to enter its scope."""
        return self.tenant_id  # type: ignore[return-value]  # the column is not null

    @property
    def is_active(self) -> bool:
        """Whether jobs may call the platform for this account."""
        return self.state == self.State.ACTIVE


class CallbackAddress(models.Model):
    """Which account a callback address belongs to: read before any scope is entered, like an API key.

    Made when an account is connected and removed when it is disconnected; `app_id` is here at most once, because a
    platform account feeds one brand of an installation only.
    """

    code = models.CharField(max_length=16, primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    account_id = models.BigIntegerField()
    app_id = models.CharField(max_length=32, unique=True)

    def __str__(self) -> str:
        return f"{self.code}: {self.app_id}"


class AccountToken(TenantModel):
    """A token that all workers share for one account: `wechat.tokens.Token`, dumped and sealed, under its key there.

    The row's lock is the turn to fetch a new one (connectors/clients.py).
    """

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="tokens")
    key = models.CharField(max_length=80)
    value = SealedField(null=True)
    expires_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "key"], name="account_token_once")]

    def __str__(self) -> str:
        return f"{self.key} until {self.expires_at}"


class ApiUsage(TenantModel):
    """How many calls of one API path an account has spent on one Beijing day."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    path = models.CharField(max_length=120)
    num_used = models.PositiveIntegerField(default=0)
    is_exhausted = models.BooleanField(default=False)
    """The platform itself has answered 45009: no more calls of this path on this day."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "day", "path"], name="api_usage_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day} {self.path}: {self.num_used}"


class AccountProblem(TenantModel):
    """A kind of refusal an account has met: the last one in full, and how often. Shown with its fix."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="problems")
    code = models.CharField(max_length=60)
    """The platform's errcode, or our own word for a failed transport."""
    path = models.CharField(max_length=120, blank=True)
    message = models.CharField(max_length=300, blank=True)
    context: Any = models.JSONField(default=dict)
    rid = models.CharField(max_length=80, blank=True)
    num_times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "code", "path"], name="problem_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.code} {self.path} x{self.num_times}"
