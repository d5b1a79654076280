"""Pages of connected accounts: list, connecting, health, set-up of the callback, settings."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, connections, health, limits, open_platform
from connectors.access import account_for
from connectors.forms import AccountSettingsForm, ConnectForm, SecretForm
from connectors.models import ConnectedAccount
from connectors.secrets import unseal


@needs(Can.VIEW)
@require_safe
def accounts(request: BrandRequest) -> HttpResponse:
    """The brand's accounts, each with the state of its health."""
    return render(request, "connectors/accounts.html", {"cards": health.overview()} | ways())


def ways() -> dict[str, bool]:
    """Which ways of connecting this installation offers."""
    return {"has_component": open_platform.is_configured(), "has_practice": bool(settings.SIMULATOR_URL)}


@needs(Can.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: BrandRequest) -> HttpResponse:
    """The form of AppID and AppSecret; asks WeChat before anything is kept."""
    form = ConnectForm(request.POST or None, initial={"kind": ConnectedAccount.Kind.SERVICE})
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                account = connections.connect(**form.cleaned_data, by=request.actor)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            _say_kind(request, account, form.cleaned_data["kind"])
            return redirect(brand_url(request, "connectors:setup", account.code))
    status = 422 if form.errors else 200
    return render(request, "connectors/connect.html", {"form": form} | ways(), status=status)


def _say_kind(request: BrandRequest, account: ConnectedAccount, chosen: str) -> None:
    messages.success(request, _("WeChat has accepted the AppID and AppSecret of %(name)s.") % {"name": account.name})
    if account.kind != chosen:
        messages.info(request, _("WeChat says this is a %(kind)s.") % {"kind": account.get_kind_display()})
    if account.kind != ConnectedAccount.Kind.MINIPROGRAM and not account.is_verified:
        text = _("This account is not verified (微信认证), so most calls are refused. Verify it in the WeChat console.")
        messages.warning(request, text)


@needs(Can.VIEW)
@require_safe
def account(request: BrandRequest, code: str) -> HttpResponse:
    """The health of one account: token, quotas, pushes, problems, capabilities."""
    found = account_for(code)
    context = {
        "account": found,
        "health": health.of(found),
        "standings": capabilities.standings(found),
        "num_resets": limits.num_resets(found),
        "max_resets": limits.MAX_RESETS,
        "tab": "health",
    }
    return render(request, "connectors/account.html", context)


@needs(Can.MANAGE)
@require_safe
def setup(request: BrandRequest, code: str) -> HttpResponse:
    """What to enter in the WeChat console, and a light that turns green with the first push."""
    found = account_for(code)
    context: dict[str, Any] = {"account": found, "tab": "setup", "light": health.light_of(found)}
    context["callback_url"] = callback_url(request, found)
    if connections.are_keys_shown(found) and found.route == ConnectedAccount.Route.SECRET:
        context |= {"callback_token": unseal(found, "callback_token"), "aes_key": unseal(found, "aes_key")}
    response = render(request, "connectors/setup.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


def callback_url(request: BrandRequest, account: ConnectedAccount) -> str:
    """The address WeChat sends the account's pushes to."""
    path = f"/hooks/wechat/{account.code}/"
    return settings.PUBLIC_URL.rstrip("/") + path if settings.PUBLIC_URL else request.build_absolute_uri(path)


@needs(Can.VIEW)
@require_safe
def light(request: BrandRequest, code: str) -> HttpResponse:
    """The light alone, asked for every two seconds until the first push has come."""
    found = account_for(code)
    shown = health.light_of(found)
    response = render(request, "connectors/light.html", {"account": found, "light": shown})
    response.status_code = 286 if shown.is_on else 200  # 286: htmx stops asking
    return response


@needs(Can.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: BrandRequest, code: str) -> HttpResponse:
    """Name, message mode, handing over; and the buttons that pause and disconnect."""
    found = account_for(code)
    form = AccountSettingsForm(request.POST or None, instance=account_for(code))
    if request.method == "POST" and form.is_valid():
        connections.change_settings(found, request.actor, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect(brand_url(request, "connectors:settings", code))
    context = {
        "account": found, "form": form, "secret_form": SecretForm(), "tab": "settings",
        "deletion_days": settings.DELETION_DELAY_DAYS,
    }  # fmt: skip
    return render(request, "connectors/settings.html", context, status=422 if form.errors else 200)
