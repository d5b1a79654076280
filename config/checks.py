"""Deployment checks: the site refuses a database role that row-level security would not bind."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from connectors.secrets import parse_keys

_ROLE = (
    "SELECT rolsuper OR rolbypassrls, EXISTS (SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND relnamespace = 'public'::regnamespace AND relowner = r.oid) FROM pg_roles r WHERE rolname = current_user"
)


@register(Tags.database)
def site_role_is_bound(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """`DATABASE_URL` must log in as a role that is neither superuser nor owner of the tables."""
    if "default" not in (databases or []):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        is_above_rules, is_owner = cursor.fetchone()
    found: list[CheckMessage] = []
    if is_above_rules:
        hint = "Make a role without SUPERUSER and BYPASSRLS for the site and put it into DATABASE_URL."
        found.append(Error("The site's database role is above row-level security.", hint=hint, id="fanwise.E001"))
    if is_owner:
        hint = "Run migrations as the owner (DATABASE_OWNER_URL) and the site as another role (DATABASE_URL)."
        found.append(Error("The site's database role owns the tables.", hint=hint, id="fanwise.E002"))
    return found


@register(Tags.security, deploy=True)
def secrets_are_sealed(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without a master key no secret of a connected account could be stored or read."""
    try:
        parse_keys(tuple(settings.FIELD_ENCRYPTION_KEYS))
    except ImproperlyConfigured as error:
        hint = "Make one: python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
        return [Error(str(error), hint=hint, id="fanwise.E004")]
    return []


@register(Tags.security, deploy=True)
def secret_key_is_random(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A guessable SECRET_KEY would let anybody sign sessions and picture addresses."""
    if len(set(settings.SECRET_KEY)) >= 12 and len(settings.SECRET_KEY) >= 50:
        return []
    return [Error("SECRET_KEY is too simple.", hint="Use 50 or more random characters.", id="fanwise.E003")]
