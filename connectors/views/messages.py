"""What is said between an account and its people: the newest conversations, one talk with its ways and the reply."""

from typing import Any

from django.contrib import messages as notes
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from audience.access import contact_for
from audience.models import Contact, Identity
from common.errors import FanwiseError
from common.translation import explain
from connectors import blacklist, messages, routes
from connectors.access import account_for
from connectors.forms import ReplyForm
from connectors.models import ConnectedAccount, Conversation, MessageLog, MessageTemplate
from connectors.views.changes import attempt
from connectors.wechat.reachability import Channel, Route

CONVERSATIONS_PER_PAGE = 30
MESSAGES_PER_PAGE = 50
_CHANNELS: dict[Channel, tuple[Any, str]] = {
    Channel.CUSTOMER_MESSAGE: (_lazy("Answer in the chat"), "ti-message"),
    Channel.TEMPLATE: (_lazy("Template message"), "ti-bell"),
    Channel.SUBSCRIPTION_NOTICE: (_lazy("Subscription notice"), "ti-bell-ringing"),
    Channel.BROADCAST_TAG: (_lazy("Mass send by tag"), "ti-tag"),
    Channel.BROADCAST_LIST: (_lazy("Mass send to chosen followers"), "ti-users-group"),
    Channel.BROADCAST_ALL: (_lazy("Mass send to everybody"), "ti-speakerphone"),
}


@needs(Can.VIEW)
@require_safe
def conversations(request: BrandRequest, code: str) -> HttpResponse:
    """The account's conversations, those with the newest message first."""
    account = account_for(code)
    talks = Conversation.objects.select_related("contact").filter(account=account, last_at__isnull=False)
    page = Paginator(talks.order_by("-last_at", "-pk"), CONVERSATIONS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "connectors/conversations.html", {"account": account, "tab": "messages", "page": page})


@needs(Can.VIEW)
@require_safe
def talk(request: BrandRequest, code: str, contact: str) -> HttpResponse:
    """One person: the ways to reach them now, what was said, and the box to reply."""
    account, person = account_for(code), contact_for(contact)
    return render(request, "connectors/talk.html", _talk(request, account, person) | {"form": ReplyForm()})


@needs(Can.VIEW)
@require_safe
def log(request: BrandRequest, code: str, contact: str) -> HttpResponse:
    """What was said alone, asked for every two seconds while a message is under way."""
    context = _talk(request, account_for(code), contact_for(contact))
    status = 200 if context["is_under_way"] else 286  # 286: htmx stops asking
    return render(request, "connectors/talk_log.html", context, status=status)


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def reply(request: BrandRequest, code: str, contact: str) -> HttpResponse:
    """Send what was written in the box, if a window is open."""
    account, person, form = account_for(code), contact_for(contact), ReplyForm(request.POST)
    if not form.is_valid():
        return render(request, "connectors/talk.html", _talk(request, account, person) | {"form": form}, status=422)
    text = form.cleaned_data["text"]
    done = _("The message is on its way. What became of it is shown below it.")
    if attempt(request, lambda: messages.send_text(account, person, text, request.actor), done):
        return redirect(brand_url(request, "connectors:talk", code, contact))
    return render(request, "connectors/talk.html", _talk(request, account, person) | {"form": form}, status=422)


@enters_scopes_itself
@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def blocking(request: BrandRequest, code: str, contact: str, deed: str) -> HttpResponse:
    """Put the person on the account's blacklist (`block`) or take them off it (`lift`)."""
    if deed not in _BLACKLIST:
        raise Http404
    with tenant_scope(request.tenant):
        account, person = account_for(code), contact_for(contact)
    change, done = _BLACKLIST[deed]
    try:
        change(account, person, request.actor)
    except FanwiseError as error:
        notes.error(request, explain(error))
    else:
        notes.success(request, str(done))
    return redirect(brand_url(request, "connectors:talk", code, contact))


_BLACKLIST: dict[str, tuple[Any, Any]] = {
    "block": (blacklist.block, _lazy("They are on the blacklist now: nothing can be sent to them.")),
    "lift": (blacklist.lift, _lazy("They are off the blacklist.")),
}


@needs(Can.VIEW)
@require_safe
def ways(request: BrandRequest, contact: str) -> HttpResponse:
    """A contact's accounts with whether they can be answered there now: the WeChat part of the contact's page."""
    person = contact_for(contact)
    known = Identity.objects.filter(contact=person, kind=Identity.Kind.OPENID).values("account_ref")
    accounts = ConnectedAccount.objects.filter(app_id__in=known).exclude(state=ConnectedAccount.State.DISCONNECTED)
    rows = [(account, _answering(routes.routes_for(account, person))) for account in accounts.order_by("name")]
    return render(request, "connectors/ways.html", {"contact": person, "rows": rows})


def _talk(request: BrandRequest, account: ConnectedAccount, person: Contact) -> dict[str, Any]:
    openid = routes.openid_of(account, person)
    found = routes.routes_for(account, person)
    said = MessageLog.objects.filter(conversation__account=account, conversation__openid=openid or "")
    page = Paginator(said.order_by("-at", "-pk"), MESSAGES_PER_PAGE).get_page(request.GET.get("page"))
    shown = list(reversed(page.object_list))
    titles = dict(MessageTemplate.objects.filter(account=account).values_list("template_id", "title"))
    return {
        "account": account, "contact": person, "openid": openid, "tab": "messages", "page": page, "said": shown,
        "routes": [
            (*_CHANNELS[route.channel], route, messages.readable(route.context), titles.get(route.template_id, ""))
            for route in found
        ],
        "answering": _answering(found),
        "blocked_at": blacklist.blocked_at(account, openid),
        "can_block": openid is not None and blacklist.can_change(account),
        "is_under_way": any(message.is_under_way for message in shown),
    }  # fmt: skip


def _answering(found: list[Route]) -> tuple[Route, dict[str, Any]] | None:
    """The route of a reply, open or closed, with its sentence's slots; None for somebody the account does not know."""
    fitting = [route for route in found if route.channel == Channel.CUSTOMER_MESSAGE]
    return (fitting[0], messages.readable(fitting[0].context)) if fitting else None
