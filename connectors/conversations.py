"""What is heard from a person and what became of our messages, kept per conversation. Stage: collect.

Called by connectors/pushes.py and connectors/messages.py; writes Conversation, MessageLog and Broadcast.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext_noop

from audience.models import Contact
from connectors import templates
from connectors.models import Broadcast, ConnectedAccount, Conversation, MessageLog
from connectors.routes import store_facts, stored_facts, with_templates
from connectors.wechat import pushes
from connectors.wechat.histories import after_push
from connectors.wechat.pushes import AccountPush, Message
from connectors.wechat.reachability import BLACKLISTED

_FACTS = ("openings", "consents", "refusals")
_MAX_TEXT = 2000
_UNDELIVERED = gettext_noop("WeChat took the message and could not deliver it: %(status)s.")


def lock(account: ConnectedAccount, openid: str, contact: Contact) -> Conversation:
    """The conversation with this person, made if needed, held until the transaction ends."""
    Conversation.objects.get_or_create(account=account, openid=openid, defaults={"contact": contact})
    held: Conversation = Conversation.objects.select_for_update().get(account=account, openid=openid)
    if held.contact_id != contact.pk:  # two contacts have become one
        held.contact = contact
        held.save(update_fields=["contact"])
    return held


def forget_blocked(account: ConnectedAccount, openids: Iterable[str], before: datetime) -> None:
    """Forget that WeChat refused messages to these people because of the blacklist, before that moment."""
    held = Conversation.objects.select_for_update().filter(account=account, openid__in=list(openids)).order_by("pk")
    for conversation in held:
        facts = stored_facts(account, conversation)
        left = (one for one in facts.refusals if one.errcode not in BLACKLISTED or one.at >= before)
        store_facts(conversation, replace(facts, refusals=tuple(left)))
        conversation.save(update_fields=["refusals"])


def refused_as_blocked(account: ConnectedAccount) -> set[str]:
    """Openids of those to whom WeChat refused a message because of the blacklist."""
    named = Q()
    for errcode in BLACKLISTED:
        named |= Q(refusals__contains=[{"errcode": errcode}])
    return set(Conversation.objects.filter(named, account=account).values_list("openid", flat=True))


def hear(account: ConnectedAccount, push: AccountPush, at: datetime, contact: Contact) -> Conversation:
    """Note what the push changes about the ways to its person; `at` is when it happened."""
    conversation = lock(account, push.person, contact)
    facts = stored_facts(account, conversation)
    if isinstance(push, pushes.SubscriptionsChosen):  # whether one yes is for once depends on the template
        facts = with_templates(facts, templates.known_ids(account))
    store_facts(conversation, after_push(facts, replace(push, event_at=at)))
    conversation.save(update_fields=_FACTS)
    return conversation


def hear_message(account: ConnectedAccount, push: Message, at: datetime, contact: Contact, words: str) -> None:
    """As `hear`, and keep what the person said; the same message again adds nothing."""
    conversation = hear(account, push, at, contact)
    fields = {"kind": push.names[0], "text": words[:_MAX_TEXT], "at": at, "state": MessageLog.State.RECEIVED}
    _message, is_new = MessageLog.objects.get_or_create(
        conversation=conversation, msg_id=push.msg_id[:64], direction=MessageLog.Direction.IN, defaults=fields
    )
    if is_new:
        note_last(conversation, at, words, is_ours=False)


def note_last(conversation: Conversation, at: datetime, text: str, *, is_ours: bool) -> None:
    """Show the message in lists, unless a newer one is shown."""
    if conversation.last_at is None or at >= conversation.last_at:
        conversation.last_at, conversation.last_text, conversation.is_last_ours = at, text[:120], is_ours
        conversation.save(update_fields=["last_at", "last_text", "is_last_ours"])


# --- what the platform finished -------------------------------------------------------------------------------------


def end_broadcast(account: ConnectedAccount, push: pushes.MassSent, at: datetime) -> None:
    """A mass message has gone out, from here or from the console."""
    told = {
        "status": push.status[:40], "num_total": push.num_total, "num_sent": push.num_sent,
        "num_failed": push.num_failed, "ended_at": at,
    }  # fmt: skip
    Broadcast.objects.update_or_create(account=account, msg_id=push.job_id[:64], defaults=told)


def end_template(account: ConnectedAccount, push: pushes.TemplateSent) -> None:
    """A template message arrived or did not."""
    if not push.is_delivered:
        _fail(account, push.job_id, push.status)


def end_notices(account: ConnectedAccount, push: pushes.SubscriptionSent) -> None:
    """Subscription notices arrived or did not."""
    for result in push.results:
        if result.error_code not in ("", "0"):
            _fail(account, result.msg_id, result.error_status or result.error_code)


def _fail(account: ConnectedAccount, msg_id: str, status: str) -> None:
    if not msg_id:
        return
    ours = MessageLog.objects.filter(
        conversation__account=account, msg_id=msg_id, direction=MessageLog.Direction.OUT, state=MessageLog.State.SENT
    )
    ours.update(
        state=MessageLog.State.REFUSED, why_code="undelivered", why_template=_UNDELIVERED,
        why_context={"status": status[:100]},
    )  # fmt: skip
