"""From a request to a tenant scope, in one place."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils import timezone

from accounts import keys
from accounts.access import RIGHTS
from accounts.actors import Actor
from accounts.models import Membership
from accounts.tenancy import tenant_scope

API_PREFIX = "/api/v1/"
ID_IN_QUERY = "-"
"""`/api/v1/items/-/?external_id=a/b`: the way to ids that no address can hold (with a slash, `.` or `..`)."""
HOOKS_PREFIX = "/hooks/"
"""Addresses that platforms call: signed by them, so sessions, forms and people have no part in it."""
_FORM_BYTES = 1024**2
"""What the form around an upload may take."""
_SAFE = ("GET", "HEAD", "OPTIONS")


class ApiMiddleware:
    """Answer API calls (`/api/v1/…`), with a live key inside its tenant's scope, and platforms' calls (`/hooks/…`).

    It stands before everything that only pages need (sessions, forms, people): a call knows nothing but its key, and
    is answered in a tenth less time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        """Refuse what no view could use; answer a call, pass a page on."""
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise Http404  # no id and no search holds NUL, and PostgreSQL refuses it
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_MAX_BYTES + _FORM_BYTES:
            return HttpResponse(status=413)  # before a byte of it is kept
        if not request.path_info.startswith((API_PREFIX, HOOKS_PREFIX)):
            return self.get_response(request)
        request.resolver_match = resolve(request.path_info)
        response = self._answer(request, *request.resolver_match)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response

    def _answer(
        self, request: Any, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase:
        scheme, _sep, token = request.headers.get("Authorization", "").partition(" ")
        key = keys.find(token.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            return view(request, *args, **kwargs)  # which asks for a key
        if kwargs.get("external_id") == ID_IN_QUERY and "external_id" in request.GET:
            kwargs = {**kwargs, "external_id": request.GET["external_id"]}
        request.api_key, request.tenant = key, key.tenant
        request.actor = Actor.key(key, client_ip(request))
        with nullcontext() if _enters_scopes_itself(view, request.method) else tenant_scope(key.tenant):
            return view(request, *args, **kwargs)


def _enters_scopes_itself(view: Any, method: str) -> bool:
    """Whether the method of the API that answers is marked so; a view of the API is a viewset with `actions`."""
    action = getattr(view, "actions", {}).get("get" if method == "HEAD" else method.lower(), "")
    return hasattr(getattr(view, "cls", None), action) and hasattr(getattr(view.cls, action), "enters_scopes_itself")


class TenantMiddleware:
    """Run brand pages (`/b/<brand>/…`) and `@scope_found_by` inside their tenant's scope.

    A brand page gets no `brand` argument: it reads `request.tenant`. A brand that does not exist and one the person is
    not a member of look alike: 404.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The scope is entered once the address is known, see `process_view`."""
        return self.get_response(request)

    def process_view(
        self, request: Any, view: Callable[..., HttpResponseBase], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if "brand" in kwargs:
            return self._brand_page(request, view, kwargs.pop("brand"), args, kwargs)
        if hasattr(view, "find_tenant"):
            return self._open_call(request, view, view.find_tenant(request, *args, **kwargs), args, kwargs)
        return None

    def _brand_page(
        self, request: Any, view: Callable[..., HttpResponseBase], slug: str, args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        membership = Membership.objects.select_related("tenant").filter(user=request.user, tenant__slug=slug).first()
        if membership is None:
            raise Http404
        rights = getattr(view, "needed_rights", None)
        if rights is None:
            raise ImproperlyConfigured(f"{view} is a brand page without @needs(...).")
        if rights[request.method not in _SAFE] not in RIGHTS[membership.role]:
            raise PermissionDenied
        request.membership, request.tenant = membership, membership.tenant
        request.actor = Actor.person(request.user, client_ip(request))
        scope = nullcontext() if hasattr(view, "enters_scopes_itself") else tenant_scope(membership.tenant)
        with scope, timezone.override(membership.tenant.time_zone):
            return view(request, *args, **kwargs)

    def _open_call(
        self, request: Any, view: Callable[..., HttpResponseBase], tenant_id: int | None, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        if tenant_id is None:
            return None
        with tenant_scope(tenant_id):
            return view(request, *args, **kwargs)


def client_ip(request: HttpRequest) -> str | None:
    """The caller's address: the peer's, or behind our proxy the one the proxy wrote last."""
    if settings.BEHIND_PROXY:
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or None
    return request.META.get("REMOTE_ADDR") or None
