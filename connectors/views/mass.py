"""Pages of mass sends: drafted, previewed, pressed once, followed, taken back."""

from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, mass_audience, mass_sends
from connectors.access import account_for, mass_send_for
from connectors.mass_forms import MassForm, PreviewForm
from connectors.models import Broadcast, ConnectedAccount, MassBatch, MassSend
from connectors.views.changes import attempt

_NEWEST = 30


@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: BrandRequest, code: str) -> HttpResponse:
    """The newest mass sends, and a form for a new one."""
    account = account_for(code)
    opened = {"kind": MassSend.Kind.TEXT} | {name: request.GET.get(name, "") for name in request.GET}
    form = MassForm(request.POST or None, account=account, initial=opened)
    if request.method == "POST" and form.is_valid():
        try:
            made = mass_sends.create(account, form.content(), form.audience_fields(), request.actor)
        except FanwiseError as error:
            form.add_error(None, explain(error))
        else:
            return redirect(_address(request, made))
    newest = MassSend.objects.filter(account=account).order_by("-created_at", "-pk")[:_NEWEST]
    context: dict[str, Any] = {"account": account, "tab": "mass", "form": form, "sends": newest}
    context["can_send"] = capabilities.has(account, "mass")
    return render(request, "connectors/mass_sends.html", context, status=422 if form.errors else 200)


@needs(Can.VIEW)
@require_safe
def one(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """One mass send: what it will cost before it is pressed, then its batches and their outcome."""
    account = account_for(code)
    return render(request, "connectors/mass_send.html", _context(account, mass_send_for(account, mass_send)))


@needs(Can.VIEW)
@require_safe
def progress(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """The outcome so far, asked for every few seconds while it is under way or WeChat is sending."""
    account = account_for(code)
    return render(request, "connectors/mass_progress.html", _context(account, mass_send_for(account, mass_send)))


def _context(account: ConnectedAccount, send: MassSend) -> dict[str, Any]:
    context: dict[str, Any] = {"account": account, "tab": "mass", "send": send, "form": PreviewForm()}
    if send.state == MassSend.State.DRAFT:
        estimate = mass_audience.estimate(send)
        problem = explain(estimate.problem) if estimate.problem else ""
        return context | {"estimate": estimate, "problem": problem}
    batches = list(MassBatch.objects.filter(send=send).order_by("number").defer("openids"))
    told = Broadcast.objects.filter(account=account, msg_id__in=[batch.msg_id for batch in batches if batch.msg_id])
    by_id = {one.msg_id: one for one in told}
    context["batches"] = [(batch, by_id.get(batch.msg_id)) for batch in batches]
    context["totals"] = told.aggregate(sent=Sum("num_sent", default=0), failed=Sum("num_failed", default=0))
    states = {batch.state for batch in batches}
    is_ended = send.job is not None and send.job.is_ended and send.state != MassSend.State.PARKED
    is_stuck = is_ended and send.is_under_way
    context["can_retry"] = is_ended and bool(states & {"pending", "refused"} or is_stuck)
    context["is_unknown"] = is_ended and "unknown" in states
    is_heard = all(batch.msg_id in by_id for batch in batches if batch.state == MassBatch.State.SENT)
    context["is_open"] = (send.is_under_way and not is_stuck) or not is_heard
    return context


def _address(request: BrandRequest, send: MassSend) -> str:
    return brand_url(request, "connectors:mass_send", send.account.code, send.code)


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def send(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """Press it. A second press, or one of somebody else, sends nothing."""
    found = mass_send_for(account_for(code), mass_send)
    attempt(request, lambda: mass_sends.press(found, request.actor), _("It is on its way. The outcome appears here."))
    return redirect(_address(request, found))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def again(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """Go on with what was not sent; `unknown` also repeats what perhaps was."""
    found, with_unknown = mass_send_for(account_for(code), mass_send), bool(request.POST.get("unknown"))
    done = _("It goes on. The outcome appears here.")
    attempt(request, lambda: mass_sends.retry(found, request.actor, is_with_unknown=with_unknown), done)
    return redirect(_address(request, found))


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def discard(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """Throw a draft away."""
    found = mass_send_for(account_for(code), mass_send)
    if attempt(request, lambda: mass_sends.discard(found, request.actor), _("The mass send is discarded.")):
        return redirect(brand_url(request, "connectors:mass_sends", code))
    return redirect(_address(request, found))


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
def preview(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """Show it to one person on their phone."""
    with tenant_scope(request.tenant):
        found = mass_send_for(account_for(code), mass_send)
    form = PreviewForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter the WeChat ID or the openid of the person who shall see it."))
    else:
        _say(
            request,
            lambda: mass_sends.preview(found, form.cleaned_data["person"], request.actor),
            _("Look at the phone."),
        )
    return redirect(_address(request, found))


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.MANAGE)
def take_back(request: BrandRequest, code: str, mass_send: str) -> HttpResponse:
    """Delete what was sent."""
    with tenant_scope(request.tenant):
        found = mass_send_for(account_for(code), mass_send)
    _say(request, lambda: mass_sends.take_back(found, request.actor), _("It is deleted on WeChat."))
    return redirect(_address(request, found))


def _say(request: BrandRequest, change: Any, done: str) -> None:
    """Do what talks to WeChat, outside transactions, and say how it went."""
    try:
        change()
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, done)
