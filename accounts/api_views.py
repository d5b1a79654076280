"""The base of REST views: a scope per method, one page style, an actor."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from accounts.actors import Actor
from accounts.models import Tenant
from common.pages import CursorPage


class TenantViewSet(GenericViewSet[Any]):
    """Runs inside the key's tenant scope (TenantMiddleware); `required_scopes` names the scope of each method."""

    required_scopes: ClassVar[dict[str, str]] = {}
    pagination_class = CursorPage

    @property
    def actor(self) -> Actor:
        """The API key as the one who acts."""
        return _site_request(self.request).actor  # type: ignore[attr-defined]  # set by ApiMiddleware

    @property
    def tenant(self) -> Tenant:
        """The key's brand."""
        return _site_request(self.request).tenant  # type: ignore[attr-defined]  # set by ApiMiddleware


def _site_request(request: Request) -> object:
    return request._request
