"""API keys: made once, shown once, checked by digest."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, LiteralString

from django.db.models.functions import Now
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.actors import Actor, record
from accounts.models import ApiKey, Tenant
from common.errors import BadInput
from common.queries import fetch_prepared

SCOPES = (
    "contacts:read", "contacts:write", "items:read", "items:write", "events:write", "imports:read", "imports:write",
    "models:read", "models:write", "profiles:read", "recommendations:read", "accounts:read", "accounts:write",
    "accounts:connect", "messages:read", "links:read", "links:write",
    "segments:read", "segments:write",
)  # fmt: skip
_SEEN_EVERY = timedelta(minutes=1)
_KEY = ("id", "tenant_id", "name", "prefix", "digest", "scopes", "last_used_at")
"""In the order of the model's fields, as `from_db` wants them; so is _TENANT."""
_TENANT = ("id", "slug", "name", "industry", "time_zone", "is_demo", "created_at")
_FIND: LiteralString = """SELECT key.id, key.tenant_id, key.name, key.prefix, key.digest, key.scopes, key.last_used_at,
        brand.id, brand.slug, brand.name, brand.industry, brand.time_zone, brand.is_demo, brand.created_at
    FROM accounts_apikey AS key JOIN accounts_tenant AS brand ON brand.id = key.tenant_id
    WHERE key.prefix = %s AND key.revoked_at IS NULL AND coalesce(key.expires_at > %s, TRUE)"""


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
    rows = fetch_prepared(_FIND, [parts[1], now])
    key = _key_of_row(rows[0]) if rows else None
    if key is None or not hmac.compare_digest(key.digest, _digest(parts[2])):
        return None
    if key.last_used_at is None or now - key.last_used_at > _SEEN_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _key_of_row(row: tuple[Any, ...]) -> ApiKey:
    """The key with its brand; the columns that no request needs are read when asked for."""
    key = ApiKey.from_db("default", _KEY, row[: len(_KEY)])
    key.tenant = Tenant.from_db("default", _TENANT, row[len(_KEY) :])
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
