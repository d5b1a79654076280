"""How the facts of reachability.py change: by a push that was heard, and by what became of a send.

Stage: collect. Reads typed pushes and outcomes; writes nothing: each function returns new facts. Pushes may come late,
repeated or out of order (the caller drops repetitions): what happened last, by the platform's time, holds.
"""

from dataclasses import replace
from datetime import datetime

from connectors.wechat.errors import Refused
from connectors.wechat.outcomes import Outcome, RefusedSend
from connectors.wechat.pushes import AccountPush, Followed, SubscriptionsChosen, TextMessage, Unfollowed
from connectors.wechat.reachability import (
    BLACKLISTED,
    BROADCAST_CHANNELS,
    NO_CONSENT,
    NOT_FOLLOWING,
    REFUSES_MESSAGES,
    TEMPLATE_STOPPED,
    WINDOW_OVER,
    Channel,
    Consent,
    Facts,
    Refusal,
    Route,
    count_send,
    reopen,
)
from connectors.wechat.rules import trigger_of

REMEMBERED = NOT_FOLLOWING | REFUSES_MESSAGES | WINDOW_OVER | NO_CONSENT | TEMPLATE_STOPPED | BLACKLISTED
SETTINGS_EVENT = "subscribe_msg_change_event"


def after_push(facts: Facts, push: AccountPush) -> Facts:
    """What a push about this person changes."""
    match push:
        case Followed() if facts.left_at is None or push.event_at >= facts.left_at:
            facts = replace(facts, is_following=True, followed_at=_later(facts.followed_at, push.event_at))
        case Unfollowed() if facts.followed_at is None or push.event_at >= facts.followed_at:
            return replace(facts, is_following=False, left_at=_later(facts.left_at, push.event_at), openings=())
        case SubscriptionsChosen():
            return _after_choices(facts, push)
        case _:
            pass
    is_menu_answer = isinstance(push, TextMessage) and bool(push.menu_item_id)
    trigger = trigger_of(
        str(push.raw.get("MsgType", "")), str(push.raw.get("Event", "")), is_menu_answer=is_menu_answer
    )
    if trigger is None:
        return facts
    return replace(facts, openings=reopen(facts.openings, trigger, push.event_at))


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)


def _after_choices(facts: Facts, push: SubscriptionsChosen) -> Facts:
    """Each yes is good for one notice more (or for ever); a no in the settings takes all back, in a question none."""
    consents = {consent.template_id: consent for consent in facts.consents}
    is_from_settings = str(push.raw.get("Event", "")) == SETTINGS_EVENT
    for choice in push.choices:
        known = consents.get(choice.template_id)
        if choice.is_accepted:
            consents[choice.template_id] = _one_more(facts, choice.template_id, known, push.event_at)
        elif is_from_settings and (known is None or push.event_at >= known.given_at):
            consents[choice.template_id] = Consent(choice.template_id, 0, push.event_at)
    return replace(facts, consents=tuple(consents.values()))


def _one_more(facts: Facts, template_id: str, known: Consent | None, at: datetime) -> Consent:
    given_at = _later(known.given_at if known else None, at)
    if template_id in facts.long_term_template_ids:
        return Consent(template_id, None, given_at)
    return Consent(template_id, (known.num_left or 0 if known else 0) + 1, given_at)


def after_send(facts: Facts, route: Route, outcome: Outcome, at: datetime) -> Facts:
    """What a send at `at` over `route` changes. What may have arrived counts as sent; a refusal closes the route."""
    if isinstance(outcome, RefusedSend):
        return _after_refusal(facts, route, outcome, at)
    if route.channel == Channel.CUSTOMER_MESSAGE:
        return replace(facts, openings=count_send(facts.openings))
    if route.channel == Channel.SUBSCRIPTION_NOTICE:
        return replace(facts, consents=tuple(_spent(consent, route.template_id) for consent in facts.consents))
    if route.channel in BROADCAST_CHANNELS:
        return replace(facts, broadcasts_received_at=(*facts.broadcasts_received_at, at))
    return facts


def _after_refusal(facts: Facts, route: Route, outcome: RefusedSend, at: datetime) -> Facts:
    if not isinstance(outcome.why, Refused) or outcome.why.errcode not in REMEMBERED:
        return facts
    refusal = Refusal(outcome.why.errcode, at, route.template_id)
    others = (old for old in facts.refusals if (old.errcode, old.template_id) != (refusal.errcode, refusal.template_id))
    return replace(facts, refusals=(*others, refusal))


def _spent(consent: Consent, template_id: str) -> Consent:
    if consent.template_id != template_id or consent.num_left is None:
        return consent
    return replace(consent, num_left=max(consent.num_left - 1, 0))
