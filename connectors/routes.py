"""By which ways a contact can be reached now, and why not by the others. Stage: collect.

Reads Conversation, MessageLog, MessageTemplate, what connectors/broadcasts.py knows and audience.Identity; the rules
stand in connectors/wechat/reachability.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from audience.models import Contact, Identity
from connectors import broadcasts, templates
from connectors.models import ConnectedAccount, Conversation, MessageLog, PushReceipt
from connectors.wechat.reachability import Channel, Consent, Facts, Opening, Refusal, Route, all_routes
from connectors.wechat.rules import AccountKind, Trigger

_State = MessageLog.State
COUNTED = (_State.PENDING, _State.SENDING, _State.SENT, _State.UNKNOWN)
"""What may have arrived or still may: it counts as sent."""
CLOCK_SLACK = timedelta(seconds=5)
"""A message sent so shortly before an act counts against the window that the act opens: two clocks are never equal."""
_LONGEST_WINDOW = timedelta(days=3)
_BROADCAST_MONTH = timedelta(days=32)


def routes_for(account: ConnectedAccount, contact: Contact) -> list[Route]:
    """Every route from the account to the contact, open or why not; none if the account does not know them."""
    openid = openid_of(account, contact)
    if openid is None:
        return []
    known = Conversation.objects.filter(account=account, openid=openid).first()
    return routes_of(account, known or Conversation(account=account, openid=openid, contact=contact))


def routes_of(account: ConnectedAccount, conversation: Conversation, *, besides: int | None = None) -> list[Route]:
    """As `routes_for`; the message with the id `besides` is not counted."""
    now = now_of(account)
    return all_routes(facts_of(account, conversation, now, besides=besides), now)


def openid_of(account: ConnectedAccount, contact: Contact) -> str | None:
    """The contact's openid in the account; of several the one that followed last."""
    known = Identity.objects.filter(contact=contact, kind=Identity.Kind.OPENID, account_ref=account.app_id)
    newest = known.order_by(F("followed_at").desc(nulls_last=True), "-pk").first()
    return newest.value if newest else None


def now_of(account: ConnectedAccount) -> datetime:
    """Now; for a practice account, whose clock can be moved, by the clock that its newest push told."""
    now = timezone.now()
    newest = PushReceipt.objects.filter(account=account).order_by("-received_at").first() if is_moved(account) else None
    if newest is None:
        return now
    ahead = newest.event_at - newest.received_at
    return now + ahead if abs(ahead) > timedelta(minutes=1) else now


def is_moved(account: ConnectedAccount) -> bool:
    """Whether the account lives by a clock of its own."""
    return bool(account.is_simulated)


def facts_of(
    account: ConnectedAccount, conversation: Conversation, now: datetime, *, besides: int | None = None
) -> Facts:
    """What is known now about one person and one account."""
    known = templates.known_ids(account)
    stored = with_templates(stored_facts(account, conversation), known)
    identity = Identity.objects.filter(
        kind=Identity.Kind.OPENID, account_ref=account.app_id, value=conversation.openid
    ).first()
    followed_at = identity.followed_at if identity else None
    left_at = identity.unfollowed_at if identity else None
    known_at = max((at for at in (followed_at, stored.followed_at) if at), default=None)
    sent = _sent(conversation, now, besides)
    told = broadcasts.known(account, conversation.openid, now - _BROADCAST_MONTH)
    return Facts(
        kind=stored.kind,
        is_verified=stored.is_verified,
        is_following=known_at is not None and (left_at is None or known_at > left_at),
        followed_at=followed_at,
        left_at=left_at,
        is_blacklisted=identity is not None and identity.blocked_at is not None,
        openings=tuple(Opening(one.trigger, one.at, _num_since(sent, one.at)) for one in stored.openings),
        template_ids=stored.template_ids,
        notice_template_ids=stored.notice_template_ids,
        long_term_template_ids=stored.long_term_template_ids,
        consents=tuple(_less_waiting(one, sent) for one in stored.consents if one.template_id not in known.gone),
        refusals=stored.refusals,
        broadcasts_received_at=told.received_at,
        account_broadcasts_at=told.account_at,
        public_broadcasts_at=told.public_at,
    )


def stored_facts(account: ConnectedAccount, conversation: Conversation) -> Facts:
    """What the conversation's row alone says; `followed_at` is the last act, which only a follower can do."""
    openings = tuple(Opening(Trigger(name), _moment(at)) for name, at in conversation.openings.items())
    return Facts(
        kind=AccountKind(account.kind),
        is_verified=account.is_verified,
        followed_at=max((one.at for one in openings), default=None),
        openings=openings,
        consents=tuple(
            Consent(template_id, row["num_left"], _moment(row["given_at"]))
            for template_id, row in conversation.consents.items()
        ),
        refusals=tuple(
            Refusal(row["errcode"], _moment(row["at"]), row["template_id"]) for row in conversation.refusals
        ),
    )


def with_templates(facts: Facts, known: templates.Known) -> Facts:
    """The facts with the account's templates; a yes to a long-term one holds for ever, if given before we knew too."""
    consents = tuple(
        replace(one, num_left=None) if one.num_left and one.template_id in known.long_term else one
        for one in facts.consents
    )
    return replace(
        facts, template_ids=known.templates, notice_template_ids=known.notices,
        long_term_template_ids=known.long_term, consents=consents,
    )  # fmt: skip


def store_facts(conversation: Conversation, facts: Facts) -> None:
    """Put the facts that the row holds into it; the caller saves it."""
    conversation.openings = {one.trigger.value: one.at.isoformat() for one in facts.openings}
    conversation.consents = {
        one.template_id: {"num_left": one.num_left, "given_at": one.given_at.isoformat()} for one in facts.consents
    }
    conversation.refusals = [
        {"errcode": one.errcode, "at": one.at.isoformat(), "template_id": one.template_id} for one in facts.refusals
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _sent(conversation: Conversation, now: datetime, besides: int | None) -> list[Any]:
    if conversation.pk is None:
        return []
    rows = MessageLog.objects.filter(
        conversation=conversation, direction=MessageLog.Direction.OUT, state__in=COUNTED,
        at__gte=now - _LONGEST_WINDOW,
    ).exclude(pk=besides)  # fmt: skip
    return list(rows.only("at", "channel", "template_id", "state"))


def _num_since(sent: Iterable[Any], at: datetime) -> int:
    return sum(one.channel == Channel.CUSTOMER_MESSAGE and one.at >= at - CLOCK_SLACK for one in sent)


def _less_waiting(consent: Consent, sent: Iterable[Any]) -> Consent:
    """The consent less what is on its way; what has gone out is counted in the row."""
    if consent.num_left is None:
        return consent
    waiting = sum(one.is_under_way and one.template_id == consent.template_id for one in sent)
    return Consent(consent.template_id, max(consent.num_left - waiting, 0), consent.given_at)
