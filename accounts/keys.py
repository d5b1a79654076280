"""API keys: made once, shown once, checked by digest."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.actors import Actor, record
from accounts.models import ApiKey, Tenant
from common.errors import BadInput

SCOPES = (
    "contacts:read", "contacts:write", "items:read", "items:write", "events:write", "imports:read", "imports:write",
    "models:read", "models:write", "profiles:read", "recommendations:read",
)  # fmt: skip
_SEEN_EVERY = timedelta(minutes=1)


def create(
    tenant: Tenant, name: str, scopes: list[str], by: Actor, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key; the second value is the secret, which is not kept and cannot be shown again."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise BadInput("Choose at least one known scope.", unknown=", ".join(unknown))
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant=tenant, name=name, prefix=prefix, digest=_digest(secret), scopes=sorted(set(scopes)),
        created_by=by.user, expires_at=expires_at,
    )  # fmt: skip
    record(by, "create", "api_key", prefix, name=name, scopes=key.scopes)
    return key, f"fw_{prefix}_{secret}"


def key_of(tenant: Tenant, prefix: str) -> ApiKey:
    """The brand's key with this prefix; 404 for another brand's."""
    return get_object_or_404(ApiKey, tenant=tenant, prefix=prefix)


def revoke(key: ApiKey, by: Actor) -> None:
    """End the key at once; revoking twice changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        record(by, "revoke", "api_key", key.prefix)


def find(token: str) -> ApiKey | None:
    """The live key of this token, or None; notes its use at most once a minute."""
    parts = token.split("_", 2)
    if len(parts) != 3 or parts[0] != "fw":
        return None
    now = timezone.now()
    live = Q(expires_at=None) | Q(expires_at__gt=now)
    key = ApiKey.objects.select_related("tenant").filter(live, prefix=parts[1], revoked_at=None).first()
    if key is None or not hmac.compare_digest(key.digest, _digest(parts[2])):
        return None
    if key.last_used_at is None or now - key.last_used_at > _SEEN_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
