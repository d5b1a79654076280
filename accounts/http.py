"""A request inside a brand."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from accounts.actors import Actor
from accounts.models import ApiKey, Membership, Tenant, User


class BrandRequest(HttpRequest):
    """What brand pages receive: `TenantMiddleware` has checked the person and entered the scope."""

    user: User
    tenant: Tenant
    membership: Membership
    actor: Actor
    htmx: HtmxDetails
    api_key: ApiKey
    csp_nonce: str


def brand_url(request: BrandRequest, name: str, *args: Any) -> str:
    """The address of a page of the request's brand."""
    return reverse(name, args=[request.tenant.slug, *args])
