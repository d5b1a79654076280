"""The platform's sending rules as a dated table: when Tencent changes one, a row is closed and a new row is added.

Sources are sections of the fact sheet the product was built from (0.1 capabilities, 4.1 windows, 4.4 mass sends).
Dates are Beijing dates; a row counts from `valid_from` up to, not including, `valid_until`. A brand whose account has
other limits passes its own rows: `rules_at(when, windows=...)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from connectors.wechat.clock import beijing_day

MINUTE_SECONDS = 60
TWO_DAYS_SECONDS = 48 * 3600


class AccountKind(StrEnum):
    """What sort of account it is; the platform renamed 订阅号 to 公众号 in 2025, its behaviour stayed."""

    SUBSCRIPTION = "subscription"
    SERVICE = "service"
    MINIPROGRAM = "miniprogram"


class Trigger(StrEnum):
    """What a person does that opens a window for customer-service messages."""

    MESSAGE = "message"
    MENU_CLICK = "menu_click"
    FOLLOW = "follow"
    SCAN = "scan"
    PAYMENT = "payment"
    ENTER_CHAT = "enter_chat"


class Ability(StrEnum):
    """What an account may be allowed to do, by kind and verification."""

    CUSTOMER_MESSAGE = "customer_message"
    TEMPLATE = "template"
    SUBSCRIPTION_NOTICE = "subscription_notice"
    BROADCAST = "broadcast"
    BROADCAST_LIST = "broadcast_list"
    PUBLISH = "publish"
    MENU = "menu"
    QR_CODE = "qr_code"
    WEB_LOGIN = "web_login"


class Period(StrEnum):
    """Over what a broadcast limit counts: a Beijing day or calendar month, of the account or of each follower."""

    ACCOUNT_DAY = "account_day"
    ACCOUNT_MONTH = "account_month"
    FOLLOWER_MONTH = "follower_month"


@dataclass(frozen=True)
class Dated:
    """A row that counts from one Beijing date up to, not including, another; `source` says where it was read."""

    valid_from: date
    valid_until: date | None
    source: str

    def counts_on(self, day: date) -> bool:
        """Whether the row is in force on a Beijing day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


@dataclass(frozen=True)
class WindowRule(Dated):
    """After `trigger`, `num_messages` customer-service messages may be sent for `window_seconds`."""

    kind: AccountKind
    trigger: Trigger
    num_messages: int
    window_seconds: int


@dataclass(frozen=True)
class BroadcastRule(Dated):
    """At most `num_messages` broadcasts in each `period`; `is_public_only` counts only those sent to everybody."""

    kind: AccountKind
    period: Period
    num_messages: int
    is_public_only: bool = False


@dataclass(frozen=True)
class CapabilityRule(Dated):
    """Accounts of `kind` have `ability`; `needs_verification` when only 微信认证 accounts do."""

    kind: AccountKind
    ability: Ability
    needs_verification: bool


OFFICIAL = (AccountKind.SUBSCRIPTION, AccountKind.SERVICE)
# The day of the change from 20 to 5 messages is not documented; the 2025 documentation says 5. Dated early: stricter.
SINCE_2025 = date(2025, 1, 1)
SINCE_2021 = date(2021, 6, 1)
_TODAY = "customer message guide, both trees, read 2025"
_OLD = "customer message guide of June 2021 (old copies still say so)"


def _window(kind: AccountKind, trigger: Trigger, num_messages: int, window_seconds: int) -> WindowRule:
    return WindowRule(SINCE_2025, None, _TODAY, kind, trigger, num_messages, window_seconds)


WINDOWS: tuple[WindowRule, ...] = (
    *(WindowRule(SINCE_2021, SINCE_2025, _OLD, kind, Trigger.MESSAGE, 20, TWO_DAYS_SECONDS) for kind in OFFICIAL),
    *(WindowRule(SINCE_2021, SINCE_2025, _OLD, kind, Trigger.PAYMENT, 20, TWO_DAYS_SECONDS) for kind in OFFICIAL),
    *(_window(kind, Trigger.MESSAGE, 5, TWO_DAYS_SECONDS) for kind in OFFICIAL),
    *(_window(kind, Trigger.MENU_CLICK, 3, MINUTE_SECONDS) for kind in OFFICIAL),
    *(_window(kind, Trigger.FOLLOW, 3, MINUTE_SECONDS) for kind in OFFICIAL),
    *(_window(kind, Trigger.SCAN, 3, MINUTE_SECONDS) for kind in OFFICIAL),
    # Payment is still named in the subscription guide's list but has no row in its table: counted as nothing.
    *(_window(kind, Trigger.PAYMENT, 0, TWO_DAYS_SECONDS) for kind in OFFICIAL),
    _window(AccountKind.MINIPROGRAM, Trigger.MESSAGE, 5, TWO_DAYS_SECONDS),
    _window(AccountKind.MINIPROGRAM, Trigger.ENTER_CHAT, 2, MINUTE_SECONDS),
)

_MASS = "mass send guide, limits"
BROADCASTS: tuple[BroadcastRule, ...] = (
    BroadcastRule(SINCE_2021, None, _MASS, AccountKind.SUBSCRIPTION, Period.ACCOUNT_DAY, 1),
    BroadcastRule(SINCE_2021, None, _MASS, AccountKind.SERVICE, Period.FOLLOWER_MONTH, 4),
    BroadcastRule(SINCE_2021, None, _MASS, AccountKind.SERVICE, Period.ACCOUNT_MONTH, 4, is_public_only=True),
)

_TABLE = "interface permission page"
_PUBLISH_CHANGE = date(2025, 7, 1)


def _can(kind: AccountKind, ability: Ability, needs_verification: bool = True) -> CapabilityRule:
    return CapabilityRule(SINCE_2021, None, _TABLE, kind, ability, needs_verification)


CAPABILITIES: tuple[CapabilityRule, ...] = (
    *(_can(kind, ability) for kind in OFFICIAL for ability in (Ability.CUSTOMER_MESSAGE, Ability.BROADCAST)),
    _can(AccountKind.SUBSCRIPTION, Ability.MENU),
    _can(AccountKind.SERVICE, Ability.MENU, needs_verification=False),
    *(
        _can(AccountKind.SERVICE, ability)
        for ability in (
            Ability.TEMPLATE,
            Ability.SUBSCRIPTION_NOTICE,
            Ability.BROADCAST_LIST,
            Ability.QR_CODE,
            Ability.WEB_LOGIN,
        )
    ),
    *(CapabilityRule(SINCE_2021, _PUBLISH_CHANGE, _TABLE, kind, Ability.PUBLISH, False) for kind in OFFICIAL),
    *(CapabilityRule(_PUBLISH_CHANGE, None, "notice of July 2025", kind, Ability.PUBLISH, True) for kind in OFFICIAL),
    _can(AccountKind.MINIPROGRAM, Ability.CUSTOMER_MESSAGE, needs_verification=False),
    _can(AccountKind.MINIPROGRAM, Ability.SUBSCRIPTION_NOTICE, needs_verification=False),
    _can(AccountKind.MINIPROGRAM, Ability.WEB_LOGIN, needs_verification=False),
)


@dataclass(frozen=True)
class Rules:
    """The rows in force at one moment."""

    windows: tuple[WindowRule, ...]
    broadcasts: tuple[BroadcastRule, ...]
    capabilities: tuple[CapabilityRule, ...]

    def window(self, kind: AccountKind, trigger: Trigger) -> WindowRule | None:
        """The window a trigger opens for accounts of `kind`; None when it opens none."""
        found = (rule for rule in self.windows if (rule.kind, rule.trigger) == (kind, trigger))
        return next(found, None)

    def broadcast_limits(self, kind: AccountKind) -> tuple[BroadcastRule, ...]:
        """Every limit on broadcasts of accounts of `kind`."""
        return tuple(rule for rule in self.broadcasts if rule.kind == kind)

    def capability(self, kind: AccountKind, ability: Ability) -> CapabilityRule | None:
        """The row that grants an ability to accounts of `kind`; None when they never have it."""
        return next((rule for rule in self.capabilities if (rule.kind, rule.ability) == (kind, ability)), None)

    def can(self, kind: AccountKind, is_verified: bool, ability: Ability) -> bool:
        """Whether an account has the ability, by kind and verification."""
        rule = self.capability(kind, ability)
        return rule is not None and (is_verified or not rule.needs_verification)


def rules_at(
    when: datetime,
    *,
    windows: Iterable[WindowRule] = WINDOWS,
    broadcasts: Iterable[BroadcastRule] = BROADCASTS,
    capabilities: Iterable[CapabilityRule] = CAPABILITIES,
) -> Rules:
    """The rules in force at an aware moment."""
    day = beijing_day(when)
    return Rules(
        tuple(rule for rule in windows if rule.counts_on(day)),
        tuple(rule for rule in broadcasts if rule.counts_on(day)),
        tuple(rule for rule in capabilities if rule.counts_on(day)),
    )


# Events that open a window, by their name in the push. VIEW (a link in the menu) is not among them.
EVENT_TRIGGERS: dict[str, Trigger] = {
    "subscribe": Trigger.FOLLOW,
    "SCAN": Trigger.SCAN,
    "CLICK": Trigger.MENU_CLICK,
    "scancode_push": Trigger.MENU_CLICK,
    "scancode_waitmsg": Trigger.MENU_CLICK,
    "user_enter_tempsession": Trigger.ENTER_CHAT,
}


def trigger_of(msg_type: str, event: str = "", *, is_menu_answer: bool = False) -> Trigger | None:
    """What a push means for the windows; None when it opens none. `is_menu_answer`: a text with bizmsgmenuid."""
    if msg_type == "event":
        return EVENT_TRIGGERS.get(event)
    return Trigger.MENU_CLICK if is_menu_answer else Trigger.MESSAGE
