"""Settings of a brand: members, API keys, the audit trail."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import keys, tenants
from accounts.access import RIGHTS, Can, needs
from accounts.forms import SCOPE_LABELS, AuditFilter, KeyForm, MemberForm, RoleForm
from accounts.http import BrandRequest, brand_url
from accounts.models import ApiKey, AuditEntry, Membership, Role
from accounts.snippets import snippets
from accounts.trail import describe, verb_label
from common.errors import FanwiseError
from common.translation import explain

AUDIT_PAGE = 50
RIGHT_LABELS = {
    Can.VIEW: _lazy("See everything"),
    Can.EDIT: _lazy("Edit catalog and contacts"),
    Can.IMPORT: _lazy("Upload data"),
    Can.TRAIN: _lazy("Train models"),
    Can.PROMOTE: _lazy("Choose the live model"),
    Can.MANAGE: _lazy("Members, keys, settings"),
}
KEY_STATES = {
    "active": pgettext_lazy("API key", "Active"),
    "expired": pgettext_lazy("API key", "Expired"),
    "revoked": pgettext_lazy("API key", "Revoked"),
}


# --- members --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.VIEW, write=Can.MANAGE)
def list_members(request: BrandRequest) -> HttpResponse:
    """Who works for the brand; POST adds a person."""
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, role = form.cleaned_data["email"], form.cleaned_data["role"]
        done = _("%(email)s is a member now.") % {"email": email}
        if _try(request, lambda: tenants.add_member(request.tenant, email, role, request.actor, request), done):
            return redirect(brand_url(request, "settings:members"))
    members = Membership.objects.select_related("user").filter(tenant=request.tenant).order_by("created_at")
    context = {"form": form, "members": members, "roles": Role.choices} | _role_table()
    return render(request, "accounts/members.html", context, status=422 if request.method == "POST" else 200)


def _role_table() -> dict[str, Any]:
    rows = [(label, [right in RIGHTS[role] for right in Can]) for role, label in Role.choices]
    return {"right_labels": [RIGHT_LABELS[right] for right in Can], "role_table": rows}


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def change_role(request: BrandRequest, member_id: int) -> HttpResponse:
    """Give a member another role."""
    member, form = tenants.member(request.tenant, member_id), RoleForm(request.POST)
    role = form.cleaned_data["role"] if form.is_valid() else ""
    done = _("The role of %(email)s has changed.") % {"email": member.user.email}
    _try(request, lambda: tenants.change_role(member, role, request.actor), done)
    return redirect(brand_url(request, "settings:members"))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def remove_member(request: BrandRequest, member_id: int) -> HttpResponse:
    """Take a member's access away."""
    member = tenants.member(request.tenant, member_id)
    done = _("%(email)s no longer has access.") % {"email": member.user.email}
    _try(request, lambda: tenants.remove_member(member, request.actor), done)
    gone = member.user_id == request.user.pk and not Membership.objects.filter(tenant=request.tenant, user=request.user)
    return redirect("accounts:brands" if gone else brand_url(request, "settings:members"))


def _try(request: BrandRequest, change: Callable[[], Any], done: str) -> bool:
    """Do it and say so, or say why not; a refusal leaves nothing half done."""
    try:
        with transaction.atomic():
            change()
    except FanwiseError as error:
        messages.error(request, explain(error))
        return False
    messages.success(request, done)
    return True


# --- API keys -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.MANAGE)
def list_keys(request: BrandRequest) -> HttpResponse:
    """The brand's API keys; POST makes one and shows its secret this once."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        key, secret = keys.create(request.tenant, data["name"], data["scopes"], request.actor, form.expires_at())
        code = snippets(request.build_absolute_uri("/api/v1"), secret, key.scopes)
        context = {"key": key, "secret": secret, "snippets": code}
        response = render(request, "accounts/key_created.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response
    found = ApiKey.objects.filter(tenant=request.tenant).select_related("created_by")
    rows = [_key_row(key) for key in found]
    context = {"form": form, "rows": rows}
    return render(request, "accounts/keys.html", context, status=422 if form.errors else 200)


def _key_row(key: ApiKey) -> dict[str, Any]:
    is_expired = key.expires_at is not None and key.expires_at <= timezone.now()
    state = "revoked" if key.revoked_at else "expired" if is_expired else "active"
    scopes = [SCOPE_LABELS[scope] for scope in key.scopes]
    return {"key": key, "scopes": scopes, "state": state, "state_label": KEY_STATES[state]}


@require_POST
@needs(Can.MANAGE)
def revoke_key(request: BrandRequest, prefix: str) -> HttpResponse:
    """End a key at once."""
    key = keys.key_of(request.tenant, prefix)
    keys.revoke(key, request.actor)
    messages.success(
        request, _("The key “%(name)s” is revoked; calls with it are refused from now on.") % {"name": key.name}
    )
    return redirect(brand_url(request, "settings:keys"))


# --- audit trail ----------------------------------------------------------------------------------------------------


@require_safe
@needs(Can.MANAGE)
def list_audit(request: BrandRequest) -> HttpResponse:
    """Who did what, newest first."""
    form = AuditFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    entries = AuditEntry.objects.order_by("-at", "-pk")
    if wanted.get("actor"):
        entries = entries.filter(actor__icontains=wanted["actor"])
    if wanted.get("verb"):
        entries = entries.filter(verb=wanted["verb"])
    page = Paginator(entries, AUDIT_PAGE).get_page(request.GET.get("page"))
    verbs = sorted(AuditEntry.objects.values_list("verb", flat=True).distinct())
    context = {
        "page": page,
        "lines": [describe(entry) for entry in page],
        "verbs": [(verb, verb_label(verb)) for verb in verbs],
        "wanted": wanted,
    }
    return render(request, "accounts/audit.html", context)
