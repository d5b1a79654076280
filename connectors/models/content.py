"""What the brand sets and brings out on its accounts: versions of the menu, publications of drafts."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantModel
from common.text import new_code
from connectors.models.accounts import ConnectedAccount


class MenuVersion(TenantModel):
    """A menu that everybody who opened the account's chat saw from `created_at` on."""

    class Origin(models.TextChoices):
        HERE = "here", _("published here")
        FOUND = "found", _("found on WeChat")

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="menus")
    code = models.CharField(max_length=16, default=new_code)
    number = models.PositiveIntegerField()
    origin = models.CharField(max_length=5, choices=Origin.choices, default=Origin.HERE)
    buttons: Any = models.JSONField()
    """As the platform reads them."""
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="menu_version_code"),
            models.UniqueConstraint(fields=["tenant", "account", "number"], name="menu_version_number"),
            models.CheckConstraint(condition=models.Q(origin__in=["here", "found"]), name="menu_version_origin_known"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} v{self.number}"


class Publication(TenantModel):
    """A draft on its way to being published, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SUBMITTING = "submitting", _("being handed over")
        RUNNING = "running", _("WeChat is checking")
        PUBLISHED = "published", _("published")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("outcome unknown")

    UNDER_WAY = (State.WAITING, State.SUBMITTING, State.RUNNING)

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="publications")
    code = models.CharField(max_length=16, default=new_code)
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    media_id = models.CharField(max_length=128)
    """The draft."""
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    publish_id = models.CharField(max_length=40, blank=True)
    article_id = models.CharField(max_length=128, blank=True)
    links: Any = models.JSONField(default=list)
    """Addresses of the published articles, in order."""
    reason = models.CharField(max_length=300, blank=True)
    """Why it was refused or is unknown: an English template, filled from `reason_context`."""
    reason_context: Any = models.JSONField(default=dict)
    num_asked = models.PositiveIntegerField(default=0)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="publication_code"),
            models.UniqueConstraint(
                fields=["tenant", "account", "media_id"], name="publication_once_at_a_time",
                condition=models.Q(state__in=["waiting", "submitting", "running"]),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["waiting", "submitting", "running", "published", "refused", "unknown"]
                ),
                name="publication_state_known",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "account", "-created_at"], name="publication_newest"),
            models.Index(fields=["tenant", "account", "publish_id"], name="publication_publish_id"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    @property
    def is_ended(self) -> bool:
        """Whether it is decided what became of it."""
        return self.state not in self.UNDER_WAY
