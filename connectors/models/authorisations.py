"""Authorisation by QR code: our own component on the Open Platform, and what account owners granted it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Tenant
from accounts.tenancy import TenantForeignKey, TenantModel
from connectors.models.accounts import ConnectedAccount
from connectors.secrets import SealedField


class OpenPlatform(models.Model):
    """The state of this installation's component (one per component AppID): last ticket, current token."""

    app_id = models.CharField(max_length=32, unique=True)
    ticket = SealedField(null=True)
    ticket_at = models.DateTimeField(null=True)
    token = SealedField(null=True)
    """The component's own token: `wechat.tokens.Token`, dumped."""
    token_expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.app_id


class StartedAuthorisation(models.Model):
    """Which brand an authorisation was started for: the platform's push names only its single-use code."""

    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the pre_auth_code."""
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    started_by = models.CharField(max_length=200)
    auth_code = SealedField(null=True)
    """What WeChat gave for it, until it is exchanged."""
    app_id = models.CharField(max_length=32, blank=True)
    """The account that was connected; empty until then."""
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.created_at:%F %T}"


class Authorisation(TenantModel):
    """What the owner of an account granted our component; the refresh token that proves it lies in `AccountToken`."""

    account = TenantForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="authorisations")
    permission_sets = ArrayField(models.PositiveSmallIntegerField(), default=list)
    authorised_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "account"], name="authorisation_once")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.permission_sets}"
