"""Which ways to reach one person are open right now, for how long and how often, and why the others are not.

Pure functions over `Facts` that the caller has gathered; the numbers come from the dated table in rules.py. Where the
documentation leaves room, the stricter reading counts: a route shown as open must not be refused for window, quota or
consent. Three such readings: a message counts against every window that was open when it went out, what happened
before the last follow counts no more, and a window closes `MARGIN_SECONDS` early because our send takes time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from connectors.wechat.clock import BEIJING, beijing_day, next_beijing_midnight
from connectors.wechat.errcodes import Meaning, Reaction
from connectors.wechat.rules import Ability, AccountKind, BroadcastRule, Period, Rules, Trigger, rules_at

MARGIN_SECONDS = 2
# What the platform answered before: the route stays closed until the person (or the account's owner) does something.
NOT_FOLLOWING = frozenset({43004, 50005})
REFUSES_MESSAGES = frozenset({48002})
WINDOW_OVER = frozenset({45015, 45047})
NO_CONSENT = frozenset({43101, 43107})
TEMPLATE_STOPPED = frozenset({40037, 43104, 43108, 43116})
BLACKLISTED = frozenset({43019})


class Channel(StrEnum):
    """A way to reach a person."""

    CUSTOMER_MESSAGE = "customer_message"
    TEMPLATE = "template"
    SUBSCRIPTION_NOTICE = "subscription_notice"
    BROADCAST_TAG = "broadcast_tag"
    BROADCAST_LIST = "broadcast_list"
    BROADCAST_ALL = "broadcast_all"


ABILITIES: dict[Channel, Ability] = {
    Channel.CUSTOMER_MESSAGE: Ability.CUSTOMER_MESSAGE,
    Channel.TEMPLATE: Ability.TEMPLATE,
    Channel.SUBSCRIPTION_NOTICE: Ability.SUBSCRIPTION_NOTICE,
    Channel.BROADCAST_TAG: Ability.BROADCAST,
    Channel.BROADCAST_LIST: Ability.BROADCAST_LIST,
    Channel.BROADCAST_ALL: Ability.BROADCAST,
}
BROADCAST_CHANNELS = (Channel.BROADCAST_TAG, Channel.BROADCAST_LIST, Channel.BROADCAST_ALL)
# Template messages and notices tell somebody about a service; the platform forbids marketing in them.
FOR_MARKETING = frozenset({Channel.CUSTOMER_MESSAGE, *BROADCAST_CHANNELS})


class Reason(StrEnum):
    """Why a route is closed."""

    WRONG_KIND = "wrong_kind"
    NOT_VERIFIED = "not_verified"
    NOT_FOLLOWING = "not_following"
    BLACKLISTED = "blacklisted"
    REFUSES_MESSAGES = "refuses_messages"
    NO_CONTACT = "no_contact"
    WINDOW_CLOSED = "window_closed"
    USED_UP = "used_up"
    NO_CONSENT = "no_consent"
    TEMPLATE_STOPPED = "template_stopped"
    DAY_FULL = "day_full"
    MONTH_FULL = "month_full"


MEANINGS: dict[Reason, Meaning] = {
    Reason.WRONG_KIND: Meaning(
        "This kind of account cannot send this. Use another way or a verified service account.", Reaction.MEND_SETTINGS
    ),
    Reason.NOT_VERIFIED: Meaning(
        "Only accounts verified by WeChat can send this. Verify the account in the WeChat console.",
        Reaction.MEND_SETTINGS,
    ),
    Reason.NOT_FOLLOWING: Meaning(
        "This person does not follow the account now. Invite them to follow it.", Reaction.DROP_RECIPIENT
    ),
    Reason.BLACKLISTED: Meaning(
        "This person is on the account's blacklist. Take them off it first.", Reaction.DROP_RECIPIENT
    ),
    Reason.REFUSES_MESSAGES: Meaning(
        "This person has switched the account's messages off. Wait until they write.", Reaction.WAIT_FOR_USER
    ),
    Reason.NO_CONTACT: Meaning(
        "This person has not written, scanned or tapped the menu yet. Wait until they do.", Reaction.WAIT_FOR_USER
    ),
    Reason.WINDOW_CLOSED: Meaning(
        "The time to answer ended at %(closed_at)s. Wait until they write, scan or tap the menu.",
        Reaction.WAIT_FOR_USER,
    ),
    Reason.USED_UP: Meaning(
        "All %(num_messages)s messages of this window are used. Wait until they write again.", Reaction.WAIT_FOR_USER
    ),
    Reason.NO_CONSENT: Meaning(
        "This person has no subscription left for this template. Ask them to subscribe again.", Reaction.WAIT_FOR_USER
    ),
    Reason.TEMPLATE_STOPPED: Meaning(
        "WeChat has stopped this template. Choose another template.", Reaction.MEND_SETTINGS
    ),
    Reason.DAY_FULL: Meaning(
        "Today's %(num_messages)s broadcasts are used. The next one is possible from %(opens_at)s.", Reaction.WAIT_A_DAY
    ),
    Reason.MONTH_FULL: Meaning(
        "This month's %(num_messages)s broadcasts are used. The next one is possible from %(opens_at)s.",
        Reaction.WAIT_A_DAY,
    ),
}


@dataclass(frozen=True)
class Opening:
    """The last time a person did `trigger` (the platform's event time) and what we sent since, unknown outcomes too."""

    trigger: Trigger
    at: datetime
    num_sent: int = 0


@dataclass(frozen=True)
class Consent:
    """What is left of a person's subscriptions to a template; `num_left` None: long-term, not counted."""

    template_id: str
    num_left: int | None
    given_at: datetime


@dataclass(frozen=True)
class Refusal:
    """An errcode the platform answered for this person; `template_id` when it was about one template."""

    errcode: int
    at: datetime
    template_id: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known about one person and one account. Moments are aware; counts include unknown outcomes."""

    kind: AccountKind
    is_verified: bool
    is_following: bool = False
    followed_at: datetime | None = None
    left_at: datetime | None = None
    """When they last unfollowed."""
    is_blacklisted: bool = False
    openings: tuple[Opening, ...] = ()
    template_ids: tuple[str, ...] = ()
    """Template messages the account may send."""
    notice_template_ids: tuple[str, ...] = ()
    """Subscription notices the account may send."""
    long_term_template_ids: tuple[str, ...] = ()
    """Those of them for which one yes holds for ever."""
    consents: tuple[Consent, ...] = ()
    broadcasts_received_at: tuple[datetime, ...] = ()
    """Broadcasts that reached this person, console and API together: when each ended; one under way counts as now."""
    account_broadcasts_at: tuple[datetime, ...] = ()
    """Broadcasts of the account to everybody or to a tag: when each was handed in."""
    public_broadcasts_at: tuple[datetime, ...] = ()
    """Those of them that went to everybody."""
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Route:
    """One way to reach a person: open until `until` for `num_left` more (None: no end, no count), or why not."""

    channel: Channel
    is_open: bool
    until: datetime | None = None
    num_left: int | None = None
    trigger: Trigger | None = None
    template_id: str = ""
    reason: Reason | None = None
    opens_at: datetime | None = None
    context: dict[str, object] = field(default_factory=dict)

    @property
    def is_for_marketing(self) -> bool:
        """Whether the platform allows marketing on this route."""
        return self.channel in FOR_MARKETING

    @property
    def template(self) -> str:
        """The English sentence saying why the route is closed, with slots for `context`; "" when it is open."""
        return MEANINGS[self.reason].template if self.reason else ""


def all_routes(facts: Facts, now: datetime, rules: Rules | None = None) -> list[Route]:
    """Every route to the person, open ones first within each channel, closed ones with their reason."""
    rules = rules or rules_at(now)
    return [
        *_customer_routes(facts, now, rules),
        *_template_routes(facts, rules),
        *_notice_routes(facts, rules),
        *(_broadcast_route(channel, facts, now, rules) for channel in BROADCAST_CHANNELS),
    ]


def open_routes(facts: Facts, now: datetime, rules: Rules | None = None) -> list[Route]:
    """The routes by which the person can be reached right now."""
    return [route for route in all_routes(facts, now, rules) if route.is_open]


def reopen(
    openings: tuple[Opening, ...], trigger: Trigger, at: datetime, num_sent_since: int = 0
) -> tuple[Opening, ...]:
    """`openings` after the person did `trigger` at `at`: its quota starts again. A late, older push changes nothing."""
    if any(opening.trigger == trigger and opening.at >= at for opening in openings):
        return openings
    others = tuple(opening for opening in openings if opening.trigger != trigger)
    return (*others, Opening(trigger, at, num_sent_since))


def count_send(openings: tuple[Opening, ...]) -> tuple[Opening, ...]:
    """`openings` after one customer-service message went out, or may have gone out."""
    return tuple(Opening(opening.trigger, opening.at, opening.num_sent + 1) for opening in openings)


def _closed(channel: Channel, reason: Reason, template_id: str = "", **context: object) -> Route:
    return Route(channel, False, template_id=template_id, reason=reason, context=context)


def _barrier(channel: Channel, facts: Facts, rules: Rules) -> Reason | None:
    """What closes a channel before any counting: the account's kind, verification, follow state, blacklist."""
    ability = ABILITIES[channel]
    if rules.capability(facts.kind, ability) is None:
        return Reason.WRONG_KIND
    if not rules.can(facts.kind, facts.is_verified, ability):
        return Reason.NOT_VERIFIED
    if facts.is_blacklisted or _refused_since(facts, BLACKLISTED, facts.followed_at):
        return Reason.BLACKLISTED
    needs_follow = facts.kind != AccountKind.MINIPROGRAM and channel != Channel.SUBSCRIPTION_NOTICE
    if needs_follow and (not facts.is_following or _refused_since(facts, NOT_FOLLOWING, facts.followed_at)):
        return Reason.NOT_FOLLOWING
    return None


def _refused_since(facts: Facts, errcodes: frozenset[int], since: datetime | None, template_id: str = "") -> bool:
    """Whether the platform refused so at or after `since`; of one template only, when `template_id` is given."""
    return any(
        refusal.errcode in errcodes
        and (not template_id or refusal.template_id in ("", template_id))
        and (since is None or refusal.at >= since)
        for refusal in facts.refusals
    )


def _last_message_at(facts: Facts) -> datetime | None:
    return max((opening.at for opening in facts.openings if opening.trigger == Trigger.MESSAGE), default=None)


def _refuses_messages(facts: Facts) -> bool:
    return _refused_since(facts, REFUSES_MESSAGES, _last_message_at(facts))


def _customer_routes(facts: Facts, now: datetime, rules: Rules) -> list[Route]:
    """One route per open window, the longest first; when none is open a single closed one with the nearest reason."""
    channel = Channel.CUSTOMER_MESSAGE
    barrier = _barrier(channel, facts, rules)
    if barrier:
        return [_closed(channel, barrier)]
    if _refuses_messages(facts):
        return [_closed(channel, Reason.REFUSES_MESSAGES)]
    windows = sorted(_windows(facts, now, rules), key=lambda route: route.opening_end, reverse=True)
    opened = [window.route for window in windows if window.route.is_open]
    if opened:
        return opened
    return [windows[0].route] if windows else [_closed(channel, Reason.NO_CONTACT)]


@dataclass(frozen=True)
class _Window:
    opening_end: datetime
    route: Route


def _windows(facts: Facts, now: datetime, rules: Rules) -> Iterator[_Window]:
    for opening in facts.openings:
        rule = rules.window(facts.kind, opening.trigger)
        is_before_follow = facts.followed_at is not None and opening.at < facts.followed_at
        if rule is None or rule.num_messages == 0 or is_before_follow:
            continue
        end = opening.at + timedelta(seconds=rule.window_seconds - MARGIN_SECONDS)
        yield _Window(end, _window_route(facts, opening, rule.num_messages, end, now))


def _window_route(facts: Facts, opening: Opening, num_messages: int, end: datetime, now: datetime) -> Route:
    channel = Channel.CUSTOMER_MESSAGE
    num_left = num_messages - opening.num_sent
    if now >= end:
        return _closed(channel, Reason.WINDOW_CLOSED, closed_at=end)
    if num_left <= 0 or _refused_since(facts, WINDOW_OVER, opening.at):
        return _closed(channel, Reason.USED_UP, num_messages=num_messages)
    return Route(channel, True, until=end, num_left=num_left, trigger=opening.trigger)


def _template_routes(facts: Facts, rules: Rules) -> list[Route]:
    """One route per template; accounts without templates get one route that says whether they could."""
    channel = Channel.TEMPLATE
    barrier = _barrier(channel, facts, rules)
    if barrier is None and _refuses_messages(facts):
        barrier = Reason.REFUSES_MESSAGES
    if barrier:
        return [_closed(channel, barrier)]
    return [_template_route(facts, template_id) for template_id in facts.template_ids]


def _template_route(facts: Facts, template_id: str) -> Route:
    if _stopped(facts, template_id):
        return _closed(Channel.TEMPLATE, Reason.TEMPLATE_STOPPED, template_id)
    if any(refusal.errcode in NO_CONSENT and refusal.template_id == template_id for refusal in facts.refusals):
        return _closed(Channel.TEMPLATE, Reason.NO_CONSENT, template_id)
    return Route(Channel.TEMPLATE, True, template_id=template_id)


def _stopped(facts: Facts, template_id: str) -> bool:
    return any(refusal.errcode in TEMPLATE_STOPPED and refusal.template_id == template_id for refusal in facts.refusals)


def _notice_routes(facts: Facts, rules: Rules) -> list[Route]:
    channel = Channel.SUBSCRIPTION_NOTICE
    barrier = _barrier(channel, facts, rules)
    if barrier:
        return [_closed(channel, barrier)]
    consents = {consent.template_id: consent for consent in facts.consents}
    template_ids = dict.fromkeys((*facts.notice_template_ids, *consents))
    return [_notice_route(facts, template_id, consents.get(template_id)) for template_id in template_ids]


def _notice_route(facts: Facts, template_id: str, consent: Consent | None) -> Route:
    channel = Channel.SUBSCRIPTION_NOTICE
    if _stopped(facts, template_id):
        return _closed(channel, Reason.TEMPLATE_STOPPED, template_id)
    if consent is None or (consent.num_left is not None and consent.num_left <= 0):
        return _closed(channel, Reason.NO_CONSENT, template_id)
    if _refused_since(facts, NO_CONSENT, consent.given_at, template_id):
        return _closed(channel, Reason.NO_CONSENT, template_id)
    return Route(channel, True, num_left=consent.num_left, template_id=template_id)


def _broadcast_route(channel: Channel, facts: Facts, now: datetime, rules: Rules) -> Route:
    """Open while every limit of the account's kind has room; `until` is when its counts begin again."""
    barrier = _barrier(channel, facts, rules)
    if barrier is None and _refuses_messages(facts):
        barrier = Reason.REFUSES_MESSAGES
    if barrier:
        return _closed(channel, barrier)
    rooms = [
        _room(rule, facts, now)
        for rule in rules.broadcast_limits(facts.kind)
        if channel == Channel.BROADCAST_ALL or not rule.is_public_only
    ]
    full = [room for room in rooms if room.num_left <= 0]
    if full:
        return _full(channel, max(full, key=lambda room: room.begins_again_at))
    tightest = min(rooms, key=lambda room: room.num_left)
    return Route(channel, True, until=tightest.begins_again_at, num_left=tightest.num_left)


@dataclass(frozen=True)
class _Room:
    rule: BroadcastRule
    num_left: int
    begins_again_at: datetime


def _room(rule: BroadcastRule, facts: Facts, now: datetime) -> _Room:
    if rule.period == Period.FOLLOWER_MONTH:
        sent_at = facts.broadcasts_received_at
    else:
        sent_at = facts.public_broadcasts_at if rule.is_public_only else facts.account_broadcasts_at
    if rule.period == Period.ACCOUNT_DAY:
        num_sent = sum(beijing_day(at) == beijing_day(now) for at in sent_at)
        return _Room(rule, rule.num_messages - num_sent, next_beijing_midnight(now))
    num_sent = sum(_month(at) == _month(now) for at in sent_at)
    return _Room(rule, rule.num_messages - num_sent, _next_month_start(now))


def _month(at: datetime) -> date:
    return beijing_day(at).replace(day=1)


def _next_month_start(at: datetime) -> datetime:
    return datetime.combine((_month(at) + timedelta(days=32)).replace(day=1), time(), BEIJING)


def _full(channel: Channel, room: _Room) -> Route:
    reason = Reason.DAY_FULL if room.rule.period == Period.ACCOUNT_DAY else Reason.MONTH_FULL
    context: dict[str, object] = {"num_messages": room.rule.num_messages, "opens_at": room.begins_again_at}
    return Route(channel, False, reason=reason, opens_at=room.begins_again_at, context=context)
