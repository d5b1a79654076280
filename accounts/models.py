"""Who may do what for which brand: tenants, users, memberships, API keys, the audit trail and jobs."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from common.text import new_code

GLOBAL_MODELS = {"accounts.Tenant", "accounts.User", "accounts.Membership", "accounts.ApiKey"}
"""Models outside tenant scope: they are read to find out which tenant a request may enter."""


class Tenant(models.Model):
    """A brand. Everything it owns carries its id."""

    class Industry(models.TextChoices):
        RETAIL = "retail", _("Retail")
        EDUCATION = "education", _("Education")
        CONTENT = "content", _("Content")
        OTHER = "other", _("Other")

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    industry = models.CharField(max_length=12, choices=Industry.choices, default=Industry.RETAIL)
    time_zone = models.CharField(max_length=40, default="Asia/Shanghai")
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address, compared without case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who signs in. Rights come from memberships, never from the user."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """What a member may do; the rights stand in accounts/access.py."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MARKETER = "marketer", _("Marketer")
    ANALYST = "analyst", _("Analyst")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """One user's role in one brand."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}@{self.tenant_id}: {self.role}"


class ApiKey(models.Model):
    """An integrator's key: only a prefix and the SHA-256 of the secret are kept."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=40))
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(TenantModel):
    """Who did what, when and from where. The site's database role may add rows, not change or delete them."""

    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_code = models.CharField(max_length=140)
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, db_constraint=False)
    ip = models.GenericIPAddressField(null=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-at"], name="audit_recent")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor} {self.verb} {self.object_type} {self.object_code}"


class Job(TenantModel):
    """Long work: its state, who holds it, how far it is and how it ended. Rules in accounts/jobs.py."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)

    code = models.CharField(max_length=16, default=new_code)
    task = models.CharField(max_length=80)
    queue = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    hinted_at = models.DateTimeField(auto_now_add=True)
    is_cancel_requested = models.BooleanField(default=False)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(default=0)
    stage = models.CharField(max_length=80, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_template = models.TextField(blank=True)
    error_context = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="job_code"),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "succeeded", "failed", "cancelled"]),
                name="job_state_known",
            ),
        ]
        indexes = [
            models.Index(fields=["lease_until"], name="job_open", condition=models.Q(state__in=["queued", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.code} ({self.state})"

    @property
    def is_ended(self) -> bool:
        """Whether the job will not run again."""
        return self.state in self.ENDED

    @property
    def percent(self) -> int:
        """Progress in whole percent; 100 only when the job has succeeded."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return min(99, 100 * self.progress_done // self.progress_total) if self.progress_total else 0
