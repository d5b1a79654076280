"""What people do to connected accounts with one button."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import connections, limits, practice, problems
from connectors.access import account_for
from connectors.forms import SecretForm
from connectors.views.accounts import callback_url


def attempt(request: BrandRequest, change: Callable[[], Any], done: str) -> bool:
    """Do it and say so, or say why not; a refusal leaves nothing half done."""
    try:
        with transaction.atomic():
            change()
    except FanwiseError as error:
        messages.error(request, explain(error))
        return False
    messages.success(request, done)
    return True


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def connect_practice(request: BrandRequest) -> HttpResponse:
    """Connect an account of the simulator, callback included."""
    made: list[Any] = []
    done = _("The practice account is connected. Whatever happens in it was generated.")
    if not attempt(request, lambda: made.append(practice.connect(request.tenant.name, request.actor)), done):
        return redirect(brand_url(request, "connectors:accounts"))
    account = made[0]
    url = callback_url(request, account)
    transaction.on_commit(lambda: practice.configure_callback(account, url))  # the simulator knocks at that address
    return redirect(brand_url(request, "connectors:setup", account.code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def change_secret(request: BrandRequest, code: str) -> HttpResponse:
    """Use another AppSecret."""
    found, form = account_for(code), SecretForm(request.POST)
    if form.is_valid():
        secret = form.cleaned_data["app_secret"]
        done = _("WeChat has accepted the new AppSecret.")
        attempt(request, lambda: connections.change_secret(found, secret, request.actor), done)
    else:
        messages.error(request, _("Enter the AppSecret."))
    return redirect(brand_url(request, "connectors:settings", code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def rotate_keys(request: BrandRequest, code: str) -> HttpResponse:
    """Make a new EncodingAESKey."""
    found = account_for(code)
    done = _("Here is the new EncodingAESKey. Enter it in the WeChat console; until then the old one works too.")
    attempt(request, lambda: connections.rotate_keys(found, request.actor), done)
    return redirect(brand_url(request, "connectors:setup", code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def check(request: BrandRequest, code: str) -> HttpResponse:
    """Ask WeChat now."""
    found = account_for(code)
    done = _("WeChat answers. Its kind and verification are up to date.")
    attempt(request, lambda: connections.check(found, request.actor), done)
    return redirect(brand_url(request, "connectors:account", code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def pause(request: BrandRequest, code: str) -> HttpResponse:
    """Stop using the account for now."""
    found = account_for(code)
    done = _("Paused. What WeChat sends meanwhile is kept and applied when you resume.")
    attempt(request, lambda: connections.pause(found, request.actor), done)
    return redirect(brand_url(request, "connectors:settings", code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def resume(request: BrandRequest, code: str) -> HttpResponse:
    """Use the account again."""
    found = account_for(code)
    attempt(request, lambda: connections.resume(found, request.actor), _("The account is in use again."))
    return redirect(brand_url(request, "connectors:settings", code))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def disconnect(request: BrandRequest, code: str) -> HttpResponse:
    """End the connection and start the deletion clock."""
    found = account_for(code)
    done = _("%(name)s is disconnected.") % {"name": found.name}
    attempt(request, lambda: connections.disconnect(found, request.actor), done)
    return redirect(brand_url(request, "connectors:accounts"))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def clear_problems(request: BrandRequest, code: str) -> HttpResponse:
    """Forget the listed problems; those that go on come back."""
    found = account_for(code)
    attempt(request, lambda: problems.clear(found), _("The list is empty again. What still goes wrong comes back."))
    return redirect(brand_url(request, "connectors:account", code))


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.MANAGE)
def ask_limits(request: BrandRequest, code: str) -> HttpResponse:
    """Ask WeChat how many calls a day the account really has."""
    return _outside(request, code, limits.ask, _("These are the limits WeChat tells now."))


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.MANAGE)
def reset_quotas(request: BrandRequest, code: str) -> HttpResponse:
    """Have WeChat begin the day's counts anew."""
    done = _("The day's calls begin anew.")
    return _outside(request, code, lambda account: limits.reset(account, request.actor), done)


def _outside(request: BrandRequest, code: str, change: Callable[[Any], Any], done: str) -> HttpResponse:
    """Do what calls the platform outside transactions, and go back to the health page."""
    with tenant_scope(request.tenant):
        found = account_for(code)
    try:
        change(found)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, done)
    return redirect(brand_url(request, "connectors:account", code))
