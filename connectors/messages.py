"""Messages of ours to one person: asked for, sent at most once, and what became of them. Stage: deliver.

Reads connectors.routes; writes MessageLog and Conversation, audience's events. A message is written as `pending` and
committed; then one worker claims it (`sending`), calls the platform outside any transaction and writes the outcome. A
worker that dies in between leaves `sending`, which becomes `unknown`: nothing is ever sent again by itself.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError as BrokerError

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from audience import contacts, events, following
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact
from common.errors import Conflict, FanwiseError
from connectors import conversations, templates
from connectors.clients import client_for
from connectors.models import CallbackAddress, ConnectedAccount, MessageLog
from connectors.problems import PlatformFailed, explained
from connectors.pushes import plausible
from connectors.routes import now_of, openid_of, routes_of, store_facts, stored_facts, with_templates
from connectors.wechat import customer_messages, subscriptions
from connectors.wechat.customer_messages import News, Text
from connectors.wechat.errors import Refused
from connectors.wechat.histories import after_send
from connectors.wechat.outcomes import Outcome, RefusedSend, Sent, Unknown
from connectors.wechat.reachability import BLACKLISTED, NOT_FOLLOWING, Channel, Reason, Route
from connectors.wechat.rules import AccountKind
from connectors.wechat.subscriptions import Notice

logger = logging.getLogger(__name__)
SWEEP_AFTER = timedelta(seconds=10)
STALE_AFTER = timedelta(minutes=10)
"""A message that waited longer is not sent any more: the person would get an answer out of nowhere."""
GIVE_UP_AFTER = timedelta(minutes=5)
"""A send under way for longer has lost its worker: far beyond the longest timeout of a call."""
KEEP_LEAST = timedelta(days=3)
"""Windows of 48 hours are counted from the messages."""
_State, _Out = MessageLog.State, MessageLog.Direction.OUT
_UNKNOWN_PERSON = gettext_noop("%(name)s does not know this person. They have to follow or write first.")
_TOO_LATE = gettext_noop("The message waited too long and was not sent. Send it again if it still fits.")
_BROKEN_OFF = gettext_noop(
    "The sending was broken off, so it may have arrived. Ask the person before you send it again."
)


class Unreachable(Conflict):
    """No route to the person is open; nothing was spent. `reason` says why."""

    code = "unreachable"

    def __init__(self, template: str, reason: Reason | None = None, **context: object) -> None:
        super().__init__(template, **context)
        self.reason = reason


class SentTooLate(Conflict):
    """The message waited longer than an answer may."""

    code = "sent_too_late"

    def __init__(self) -> None:
        super().__init__(_TOO_LATE)


@dataclass(frozen=True)
class Draft:
    """What shall be said, over which channel."""

    channel: Channel
    kind: str
    text: str
    payload: dict[str, Any]
    template_id: str = ""


# --- asking ---------------------------------------------------------------------------------------------------------


def send_text(account: ConnectedAccount, contact: Contact, text: str, by: Actor) -> MessageLog:
    """Have words sent inside an open window. Raises Unreachable or PlatformFailed, and then nothing was spent."""
    return _send_message(account, contact, Text(text), text, by)


def send_card(
    account: ConnectedAccount, contact: Contact, title: str, url: str, by: Actor, *, description: str = "",
    picture_url: str = "",
) -> MessageLog:  # fmt: skip
    """As `send_text`, a card with a link."""
    return _send_message(account, contact, News(title, url, description, picture_url), title, by)


def send_notice(
    account: ConnectedAccount, contact: Contact, template_id: str, values: dict[str, str], by: Actor, *, page: str = ""
) -> MessageLog:
    """Have a subscription notice sent; it uses up one of the person's subscriptions to the template."""
    with explained():
        Notice("openid", template_id, values, page).body()
    payload = {"values": values, "page": page}
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    return _ask(account, contact, Draft(Channel.SUBSCRIPTION_NOTICE, "notice", text, payload, template_id), by)


def _send_message(
    account: ConnectedAccount, contact: Contact, message: Text | News, text: str, by: Actor
) -> MessageLog:
    with explained():
        customer_messages.check_message(message, AccountKind(account.kind))
    payload = dict(vars(message))
    return _ask(account, contact, Draft(Channel.CUSTOMER_MESSAGE, message.msgtype, text, payload), by)


def _ask(account: ConnectedAccount, contact: Contact, draft: Draft, by: Actor) -> MessageLog:
    """Write the message as pending if a route is open, and tell a worker once that is committed."""
    client_for(account)  # raises AccountUnavailable
    openid = openid_of(account, contact)
    if openid is None:
        raise Unreachable(_UNKNOWN_PERSON, name=account.name)
    conversation = conversations.lock(account, openid, contact)
    open_route(routes_of(account, conversation), draft.channel, draft.template_id)
    message: MessageLog = MessageLog.objects.create(
        conversation=conversation, direction=_Out, channel=draft.channel, kind=draft.kind, text=draft.text,
        payload=draft.payload, template_id=draft.template_id, at=now_of(account), state=_State.PENDING,
        created_by=by.label[:200],
    )  # fmt: skip
    conversations.note_last(conversation, message.at, draft.text, is_ours=True)
    record(by, "send_message", "contact", contact.external_id, account=account.code, message=message.code)
    transaction.on_commit(lambda: _hint(account.brand_id, message.pk))
    return message


def open_route(routes: list[Route], channel: Channel, template_id: str = "") -> Route:
    """The open route of the channel. Raises Unreachable with the reason why there is none."""
    fitting = [one for one in routes if one.channel == channel and one.template_id in ("", template_id)]
    for route in fitting:
        if route.is_open:
            return route
    if not fitting:  # a template nobody has subscribed to
        fitting = [Route(channel, False, reason=Reason.NO_CONSENT, template_id=template_id)]
    raise Unreachable(fitting[0].template, fitting[0].reason, **readable(fitting[0].context))


def readable(context: dict[str, Any]) -> dict[str, Any]:
    """A sentence's slots with moments as people read them, in the present time zone; fit for JSON."""
    return {name: _readable(value) for name, value in context.items()}


def _readable(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return value if isinstance(value, int | float | bool | None) else str(value)[:300]


def _hint(tenant_id: int, message_id: int) -> None:
    try:
        current_app.send_task(
            "connectors.tasks.send_message", args=[tenant_id, message_id], queue="default", retry=False
        )
    except BrokerError:  # the sweep finds it
        logger.warning("message_hint_failed", extra={"message": message_id})


# --- sending --------------------------------------------------------------------------------------------------------


def deliver(tenant_id: int, message_id: int) -> None:
    """Send a pending message, once: whoever comes second finds it claimed."""
    with tenant_scope(tenant_id):
        message = _claim(message_id)
    if message is None:
        return
    account = message.conversation.account
    try:
        outcome = _call(account, message)
    except FanwiseError as error:  # paused meanwhile
        with tenant_scope(tenant_id):
            _refuse(message, error)
        return
    with tenant_scope(tenant_id):
        _finish(account, message, outcome)


def _claim(message_id: int) -> MessageLog | None:
    """The message, now `sending`; None if it is not pending or may not be sent any more."""
    waiting = MessageLog.objects.select_related("conversation__account")
    message: MessageLog | None = (
        waiting.select_for_update(of=("self",)).filter(pk=message_id, state=_State.PENDING).first()
    )
    if message is None:
        return None
    account = message.conversation.account
    try:
        if timezone.now() - message.created_at > STALE_AFTER:
            raise SentTooLate
        routes = routes_of(account, message.conversation, besides=message.pk)
        open_route(routes, Channel(message.channel), message.template_id)
    except Conflict as error:
        _refuse(message, error)
        return None
    message.state, message.claimed_at, message.at = _State.SENDING, timezone.now(), now_of(account)
    message.save(update_fields=["state", "claimed_at", "at"])
    return message


def _call(account: ConnectedAccount, message: MessageLog) -> Outcome:
    client, openid, payload = client_for(account), message.conversation.openid, message.payload
    if message.channel == Channel.SUBSCRIPTION_NOTICE:
        notice = Notice(openid, message.template_id, payload["values"], payload["page"])
        if account.kind == ConnectedAccount.Kind.MINIPROGRAM:
            return subscriptions.send_from_mini_program(client, notice)
        return subscriptions.send_from_service_account(client, notice)
    words = {"text": Text, "news": News}[message.kind](**payload)
    return customer_messages.send(client, openid, words, AccountKind(account.kind))


def _finish(account: ConnectedAccount, message: MessageLog, outcome: Outcome) -> None:
    """Write what became of the message, and what that changes about the ways to the person."""
    conversation = conversations.lock(account, message.conversation.openid, message.conversation.contact)
    route = Route(Channel(message.channel), True, template_id=message.template_id)
    at = now_of(account)
    facts = with_templates(stored_facts(account, conversation), templates.known_ids(account))
    store_facts(conversation, after_send(facts, route, outcome, at))
    conversation.save(update_fields=["consents", "refusals"])
    if isinstance(outcome, RefusedSend):
        _refuse(message, PlatformFailed(outcome.why))
        if isinstance(outcome.why, Refused):
            _learn(account, conversation.openid, outcome.why.errcode, at)
    elif isinstance(outcome, Unknown):
        _end(message, _State.UNKNOWN, PlatformFailed(outcome.why))
    else:
        _note_sent(account, message, outcome)


def _learn(account: ConnectedAccount, openid: str, errcode: int, at: datetime) -> None:
    """What a refusal tells about the person."""
    if errcode in NOT_FOLLOWING:
        contacts.note_following(account.app_id, openid, at, is_following=False)
    if errcode in BLACKLISTED:
        following.note_blocked(account.app_id, [openid], timezone.now())


def _note_sent(account: ConnectedAccount, message: MessageLog, outcome: Sent) -> None:
    message.msg_id = outcome.msg_id[:64]
    _end(message, _State.SENT)
    act = NewEvent(
        source=Source.WECHAT, source_id=f"{account.app_id}:out:{message.code}", kind=EventKind.MESSAGE_OUT,
        contact_id=message.conversation.contact_id, occurred_at=plausible(account, message.at),
        text=message.text[:2000] or None,
    )  # fmt: skip
    events.record([act])


def _refuse(message: MessageLog, error: FanwiseError) -> None:
    _end(message, _State.REFUSED, error)


def _end(message: MessageLog, state: MessageLog.State, error: FanwiseError | None = None) -> None:
    message.state = state
    if error is not None:
        message.why_code, message.why_template = error.code[:60], error.template
        message.why_context = readable(error.context)
        message.rid = str(error.context.get("rid", ""))[:80]
    message.save(update_fields=["state", "why_code", "why_template", "why_context", "rid", "msg_id"])


# --- what got lost, what is old -------------------------------------------------------------------------------------


def sweep() -> int:
    """Send what no hint led to, and give up what lost its worker; how many messages."""
    brands = CallbackAddress.objects.order_by("tenant_id").values_list("tenant_id", flat=True).distinct()
    return sum(_sweep_brand(tenant_id, timezone.now()) for tenant_id in brands)


def _sweep_brand(tenant_id: int, now: datetime) -> int:
    with tenant_scope(tenant_id):
        lost = MessageLog.objects.filter(state=_State.SENDING, claimed_at__lt=now - GIVE_UP_AFTER)
        num_lost = lost.update(state=_State.UNKNOWN, why_code="broken_off", why_template=_BROKEN_OFF)
        unheard = MessageLog.objects.filter(state=_State.PENDING, created_at__lt=now - SWEEP_AFTER)
        waiting = list(unheard.order_by("pk").values_list("pk", flat=True))
    for message_id in waiting:
        deliver(tenant_id, message_id)
    return num_lost + len(waiting)


def forget_old(tenant_id: int, now: datetime) -> int:
    """Delete the brand's messages that are older than MESSAGE_KEEP_DAYS; what is under way stays."""
    before = now - max(timedelta(days=settings.MESSAGE_KEEP_DAYS), KEEP_LEAST)
    with tenant_scope(tenant_id):
        old = MessageLog.objects.filter(created_at__lt=before)
        return int(old.exclude(Q(state=_State.PENDING) | Q(state=_State.SENDING)).delete()[0])
