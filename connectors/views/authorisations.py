"""Authorising an account by QR code on the Open Platform: the way there and back."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from common.errors import FanwiseError
from common.translation import explain
from connectors import authorisations
from connectors.wechat.component import login_link, phone_link


@needs(Can.MANAGE)
@require_safe
def start(request: BrandRequest) -> HttpResponse:
    """The page with the link to WeChat; WeChat demands that the link is followed from our registered domain."""
    try:
        started, code = authorisations.start(request.tenant, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return redirect(brand_url(request, "connectors:accounts"))
    back = f"{_site(request)}{brand_url(request, 'connectors:authorised')}?{urlencode({'started': started.pk})}"
    links = [link(settings.OPEN_PLATFORM_APP_ID, code, back) for link in (login_link, phone_link)]
    context = {"computer_link": links[0], "phone_link": links[1]}
    response = render(request, "connectors/authorise.html", context)
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"  # else the domain is not told
    response.headers["Cache-Control"] = "no-store"  # the code works once
    return response


def _site(request: BrandRequest) -> str:
    return settings.PUBLIC_URL.rstrip("/") or request.build_absolute_uri("/").rstrip("/")


@needs(Can.MANAGE)
@require_safe
def finish(request: BrandRequest) -> HttpResponse:
    """Where WeChat sends the administrator back to, with the code to be exchanged."""
    started, auth_code = request.GET.get("started", ""), request.GET.get("auth_code", "")
    if not (started.isdecimal() and len(started) < 19 and auth_code):
        messages.error(request, _("WeChat has sent you back without a code. Start the authorisation again."))
        return redirect(brand_url(request, "connectors:accounts"))
    try:
        with transaction.atomic():
            account = authorisations.come_back(request.tenant, int(started), auth_code, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
        return redirect(brand_url(request, "connectors:accounts"))
    messages.success(request, _("%(name)s is connected.") % {"name": account.name})
    return redirect(brand_url(request, "connectors:account", account.code))
