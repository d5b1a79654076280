"""The REST door: which key is knocking, may it do this, and how often."""

import logging
import time
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis import RedisError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiKey
from common import rates

logger = logging.getLogger(__name__)


class KeyHolder:
    """What DRF calls the user: an API key that was accepted."""

    is_authenticated = True
    is_active = True

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = key.pk


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer fw_…`. The middleware has looked the key up and entered its tenant's scope."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        key: ApiKey | None = getattr(request._request, "api_key", None)
        if key is not None:
            return KeyHolder(key), key
        if request.headers.get("Authorization"):
            raise AuthenticationFailed(
                _("This API key is unknown, expired or revoked. Make a new one under Settings, API keys.")
            )
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """A view names the scope per method in `required_scopes`; a method without one is refused."""

    message = _("This API key lacks the scope for this call.")

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        if request.method not in view.allowed_methods:
            return True  # the view answers 405
        scopes: dict[str, str] = view.required_scopes
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        return scopes.get(str(method)) in request.auth.scopes


class KeyRateThrottle(BaseThrottle):
    """A limit per key and clock minute, counted for all processes together; the answer then is 429 with Retry-After."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return True
        try:
            return rates.allows(f"api:{request.auth.prefix}", settings.API_RATE_PER_MINUTE)
        except RedisError:  # a broken counter must not close the API
            logger.exception("api_rate_not_counted")
            return True

    def wait(self) -> float:
        return 60 - time.time() % 60


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the contract describes the key."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "fw_<prefix>_<secret>"}
