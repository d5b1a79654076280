"""What is fetched from the platform: passes over its lists, what it tells about followers, its tags and totals."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Job
from accounts.tenancy import TenantForeignKey, TenantModel
from audience.models import Contact
from common.text import new_code
from connectors.models.accounts import ConnectedAccount


class SyncRun(TenantModel):
    """One pass over a list of the platform; `cursor` is where it goes on after a stop."""

    class Kind(models.TextChoices):
        FOLLOWERS = "followers", _("Followers")
        TAGS = "tags", _("Tags")
        ARTICLES = "articles", _("Articles and drafts")
        STATISTICS = "statistics", _("Statistics")
        TEMPLATES = "templates", _("Templates")
        BLACKLIST = "blacklist", _("Blacklist")

    code = models.CharField(max_length=16, default=new_code)
    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="syncs")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    job = TenantForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    cursor: Any = models.JSONField(default=dict)
    counts: Any = models.JSONField(default=dict)
    started_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resume_after = models.DateTimeField(null=True)
    """Set when the day's calls were used up: the pass goes on by itself after this moment."""
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="sync_run_code"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["followers", "tags", "articles", "statistics", "templates", "blacklist"]),
                name="sync_run_kind_known",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "account", "kind", "-created_at"], name="sync_run_newest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.created_at:%F %T}"


class Follower(TenantModel):
    """What the platform told about one person of one account. When they follow and leave stands in their identity."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="followers")
    openid = models.CharField(max_length=64)
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    seen_in = models.BigIntegerField()
    """The last pass whose list named them."""
    told_at = models.DateTimeField(null=True)
    """When the platform was last asked about this person."""
    remark = models.CharField(max_length=100, blank=True)
    tag_ids = ArrayField(models.IntegerField(), default=list)
    scene = models.CharField(max_length=60, blank=True)
    qr_scene = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account", "openid"], name="follower_once")]
        indexes = [
            models.Index(fields=["tenant", "account", "seen_in"], name="follower_seen"),
            models.Index(
                fields=["tenant", "account", "id"], name="follower_untold", condition=models.Q(told_at__isnull=True)
            ),
            models.Index(fields=["tenant", "contact"], name="follower_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.openid}"


class PlatformTag(TenantModel):
    """A tag of an account. One side leads: WeChat's members are copied to the brand's contacts, or the other way."""

    class Leader(models.TextChoices):
        PLATFORM = "platform", _("WeChat leads")
        BRAND = "brand", _("Fanwise leads")

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="tags")
    platform_id = models.IntegerField()
    name = models.CharField(max_length=40)
    num_people = models.IntegerField(default=0)
    leader = models.CharField(max_length=8, choices=Leader.choices, default=Leader.PLATFORM)
    synced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "platform_id"], name="platform_tag_once"),
            models.CheckConstraint(
                condition=models.Q(leader__in=["platform", "brand"]), name="platform_tag_leader_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlatformTotal(TenantModel):
    """A number the platform publishes about all its people together. Never anybody's own behaviour."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="totals")
    report = models.CharField(max_length=20)
    day = models.DateField()
    part = models.CharField(max_length=120, blank=True)
    """What the row is about within the day: an article's msg_id, a source, a message type."""
    measures: Any = models.JSONField()
    is_final = models.BooleanField(default=True)
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "report", "day", "part"], name="platform_total_once")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.report} {self.day} {self.part}"
