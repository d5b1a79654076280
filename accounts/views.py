"""Pages outside a brand: where a signed-in person lands, the brands, a new brand; and the health check."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from redis.exceptions import RedisError

from accounts import tenants
from accounts.forms import NewBrandForm
from accounts.models import Membership


def _memberships(request: HttpRequest) -> QuerySet[Membership]:
    return Membership.objects.select_related("tenant").filter(user=request.user.pk).order_by("tenant__name")


@require_safe
@login_required
def open_home(request: HttpRequest) -> HttpResponse:
    """The only brand's home, or the list of brands."""
    mine = list(_memberships(request)[:2])
    if len(mine) == 1:
        return redirect("campaigns:home", mine[0].tenant.slug)
    return redirect("accounts:brands")


@require_safe
@login_required
def list_brands(request: HttpRequest) -> HttpResponse:
    """Every brand of the person; each card fetches its own numbers inside its brand's scope."""
    return render(request, "accounts/brands.html", {"memberships": _memberships(request)})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create_brand(request: HttpRequest) -> HttpResponse:
    """A new brand, owned by the person; then its home."""
    form = NewBrandForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/new_brand.html", {"form": form}, status=422 if form.errors else 200)
    assert request.user.is_authenticated
    brand = tenants.create(owner=request.user, **form.cleaned_data)
    messages.success(request, _("%(name)s is ready. Bring in data to see something here.") % {"name": brand.name})
    return redirect("campaigns:home", brand.slug)


@require_safe
def check_health(request: HttpRequest) -> HttpResponse:
    """200 when database and cache answer, else 503 that names the one that does not."""
    parts = {"database": _database_answers(), "cache": _cache_answers()}
    is_well = all(parts.values())
    answer = {name: "ok" if answers else "down" for name, answers in parts.items()}
    return JsonResponse({"status": "ok" if is_well else "down"} | answer, status=200 if is_well else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
    except DatabaseError:
        return False


def _cache_answers() -> bool:
    try:
        cache.set("health", "ok", 10)
        return bool(cache.get("health") == "ok")
    except RedisError:
        return False
