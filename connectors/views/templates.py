"""Pages of templates: what the account can fill in and send, the platform's library, adding and giving back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, templates
from connectors.access import account_for, template_for
from connectors.models import ConnectedAccount, SyncRun
from connectors.sync import runs
from connectors.template_forms import NoticeForm, ShortIdForm


@needs(Can.VIEW)
@require_safe
def listing(request: BrandRequest, code: str) -> HttpResponse:
    """The account's templates, and the ways to more of them."""
    return _listing(request, account_for(code), ShortIdForm())


def _listing(request: BrandRequest, account: ConnectedAccount, form: ShortIdForm) -> HttpResponse:
    kind = SyncRun.Kind.TEMPLATES
    context: dict[str, Any] = {"account": account, "tab": "templates", "form": form, "kind": kind, "label": kind.label}
    context |= {"found": templates.listed(account), "run": runs.newest(account).get(kind)}
    context |= {name: capabilities.has(account, code) for name, code in _RIGHTS.items()}
    return render(request, "connectors/templates.html", context, status=422 if form.errors else 200)


_RIGHTS = {"can_template": "template", "can_notice": "subscription"}


@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
@require_safe
def library(request: BrandRequest, code: str) -> HttpResponse:
    """Notices that may be taken."""
    account = _account(request, code)
    context: dict[str, Any] = {"account": account, "tab": "templates"}
    try:
        context["found"] = templates.library(account)
    except FanwiseError as error:
        context["problem"] = explain(error)
    return _page(request, "connectors/template_library.html", context)


@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def notice(request: BrandRequest, code: str, library_id: str) -> HttpResponse:
    """Choose a notice's fields; sending the form adds it."""
    account = _account(request, code)
    try:
        offered = templates.keywords(account, library_id)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return redirect(brand_url(request, "connectors:templates", code))
    form = NoticeForm(request.POST or None, offered=offered)
    if request.method == "POST" and form.is_valid():
        chosen, use = form.cleaned_data["keywords"], form.cleaned_data["use"]
        add = lambda: templates.add_notice(account, library_id, chosen, use, request.actor)  # noqa: E731 - read once
        if _changed(request, add, _("The template is added. It can be sent at once.")):
            return redirect(brand_url(request, "connectors:templates", code))
    context = {"account": account, "tab": "templates", "form": form, "title": request.GET.get("title", "")}
    return _page(request, "connectors/template_notice.html", context, status=422 if form.errors else 200)


@enters_scopes_itself
@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def add(request: BrandRequest, code: str) -> HttpResponse:
    """Add a template message by its number."""
    account, form = _account(request, code), ShortIdForm(request.POST)
    if not form.is_valid():
        with tenant_scope(request.tenant):
            return _listing(request, account, form)
    short_id, names = form.cleaned_data["short_id"], form.cleaned_data["names"]
    _changed(
        request, lambda: templates.add_template(account, short_id, names, request.actor),
        _("The template is added. It can be sent at once."),
    )  # fmt: skip
    return redirect(brand_url(request, "connectors:templates", code))


@enters_scopes_itself
@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def delete(request: BrandRequest, code: str, template: str) -> HttpResponse:
    """Give a template back."""
    with tenant_scope(request.tenant):
        found = template_for(account_for(code), template)
    _changed(request, lambda: templates.delete(found, request.actor), _("It is deleted on WeChat."))
    return redirect(brand_url(request, "connectors:templates", code))


def _account(request: BrandRequest, code: str) -> ConnectedAccount:
    with tenant_scope(request.tenant):
        return account_for(code)


def _page(request: BrandRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    with tenant_scope(request.tenant):
        return render(request, name, context, status=status)


def _changed(request: BrandRequest, change: Callable[[], Any], done: str) -> bool:
    """Do what calls the platform, outside transactions; say so, or say why not."""
    try:
        change()
    except FanwiseError as error:
        messages.error(request, explain(error))
        return False
    messages.success(request, done)
    return True
