"""Pages of the menu: the present one, its form with a preview, publishing, the kept versions, deleting."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, menus
from connectors.access import account_for, menu_version_for
from connectors.menu_forms import MenuForm
from connectors.models import ConnectedAccount
from connectors.wechat.menus import Button

NUM_VERSIONS = 50


@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def menu(request: BrandRequest, code: str) -> HttpResponse:
    """The menu people see, in a form; sending it publishes."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    if request.method != "POST":
        return _page(request, account)
    form = MenuForm(request.POST)
    if not form.is_valid():
        return _page(request, account, form)
    try:
        made = menus.publish(account, form.buttons(), request.actor)
    except FanwiseError as error:
        form.errors.append(explain(error))
        return _page(request, account, form)
    messages.success(request, _("Version %(number)s is the menu now.") % {"number": made.number})
    return redirect(brand_url(request, "connectors:menu", code))


def _page(request: BrandRequest, account: ConnectedAccount, form: MenuForm | None = None) -> HttpResponse:
    with tenant_scope(request.tenant):
        can_menu = capabilities.has(account, "menu")
        context: dict[str, Any] = {"account": account, "tab": "menu", "can_menu": can_menu}
        if can_menu:
            context |= _present(account, form)
        context["versions"] = list(menus.versions(account)[:NUM_VERSIONS])
        return render(request, "connectors/menu.html", context, status=422 if form else 200)


def _present(account: ConnectedAccount, form: MenuForm | None) -> dict[str, Any]:
    """The present menu, or why it cannot be read; then the newest kept one fills the form."""
    if form is not None:
        return {"form": form, "buttons": form.buttons()}
    empty: tuple[Button, ...] = ()
    problem, buttons = "", empty
    try:
        found = menus.read(account)
        buttons = found.buttons if found else empty
    except FanwiseError as error:
        problem, newest = explain(error), menus.versions(account).first()
        buttons = menus.buttons_of(newest.buttons) if newest else empty
    return {"form": MenuForm(buttons=buttons), "buttons": buttons, "problem": problem}


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def preview(request: BrandRequest, code: str) -> HttpResponse:
    """The menu of the form as a phone shows it, while somebody is typing."""
    account, form = account_for(code), MenuForm(request.POST)
    form.is_valid()
    context: dict[str, Any] = {"account": account, "buttons": form.buttons(), "is_draft": True}
    return render(request, "connectors/menu_preview.html", context)


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
def restore(request: BrandRequest, code: str, version: str) -> HttpResponse:
    """Publish a kept version again."""
    with tenant_scope(request.tenant):
        found = menu_version_for(account_for(code), version)
    try:
        made = menus.restore(found, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        text = _("Version %(old)s is the menu again, as version %(number)s.")
        messages.success(request, text % {"old": found.number, "number": made.number})
    return redirect(brand_url(request, "connectors:menu", code))


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
def delete(request: BrandRequest, code: str) -> HttpResponse:
    """Take the menu away."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    try:
        menus.delete(account, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("The account has no menu any more. Restore a version to bring it back."))
    return redirect(brand_url(request, "connectors:menu", code))
