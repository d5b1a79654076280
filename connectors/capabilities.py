"""What an account may do on WeChat, by its kind, its verification and what its owner granted us: a table, not code.

From the fact sheet, sections 0.1 and 8. WeChat has the last word: a call it refuses (48001) is shown with its fix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from connectors.models import Authorisation, ConnectedAccount

_Kind = ConnectedAccount.Kind
SUBSCRIPTION, SERVICE, MINIPROGRAM = _Kind
ANY, VERIFIED = "any", "verified"


@dataclass(frozen=True)
class Capability:
    """One thing accounts can do: which kinds can (`any`, or only `verified`), and the permission sets it needs."""

    code: str
    label: Any
    kinds: Mapping[ConnectedAccount.Kind, str]
    permission_sets: frozenset[int]
    """When the account was authorised by QR code: any one of these suffices."""
    icon: str = "ti-check"


@dataclass(frozen=True)
class Standing:
    """Whether an account has a capability, and if not what is missing: kind, verification or permission."""

    capability: Capability
    missing: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the account may use it."""
        return not self.missing


_ALL = {SUBSCRIPTION: ANY, SERVICE: ANY, MINIPROGRAM: ANY}
_VERIFIED_ACCOUNTS = {SUBSCRIPTION: VERIFIED, SERVICE: VERIFIED}
_VERIFIED_SERVICE = {SERVICE: VERIFIED}
_MINI = {MINIPROGRAM: ANY}

CAPABILITIES = (
    Capability("receive", _("Receive messages and events"), _ALL, frozenset({1, 19}), "ti-inbox"),
    Capability("menu", _("Custom menu"), {SUBSCRIPTION: VERIFIED, SERVICE: ANY}, frozenset({15}), "ti-menu-2"),
    Capability(
        "customer_messages", _("Customer-service messages within 48 hours"),
        _VERIFIED_ACCOUNTS | _MINI, frozenset({1, 6, 19}), "ti-message",
    ),
    Capability("followers", _("Followers, tags and remarks"), _VERIFIED_ACCOUNTS, frozenset({2}), "ti-users"),
    Capability("mass", _("Mass send by tag"), _VERIFIED_ACCOUNTS, frozenset({7}), "ti-speakerphone"),
    Capability("mass_people", _("Mass send to chosen followers"), _VERIFIED_SERVICE, frozenset({7}), "ti-users-group"),
    Capability("drafts", _("Drafts and materials"), _VERIFIED_ACCOUNTS, frozenset({11}), "ti-photo"),
    Capability("publish", _("Publish articles"), _VERIFIED_ACCOUNTS, frozenset({7, 11}), "ti-news"),
    Capability("statistics", _("Statistics"), _VERIFIED_ACCOUNTS | _MINI, frozenset({7, 18}), "ti-chart-bar"),
    Capability("template", _("Template messages"), _VERIFIED_SERVICE, frozenset({7}), "ti-bell"),
    Capability(
        "subscription", _("Subscription notices"), _VERIFIED_SERVICE | _MINI, frozenset({89, 19, 18}),
        "ti-bell-ringing",
    ),
    Capability("qr_codes", _("QR codes with a parameter"), _VERIFIED_SERVICE, frozenset({3}), "ti-qrcode"),
    Capability("web_login", _("Know visitors of web pages"), _VERIFIED_SERVICE, frozenset({4}), "ti-login"),
    Capability("mini_login", _("Know visitors of the mini program"), _MINI, frozenset({18}), "ti-login"),
    Capability("links", _("Links and codes into the mini program"), _MINI, frozenset({17, 88}), "ti-link"),
)  # fmt: skip
BY_CODE = {capability.code: capability for capability in CAPABILITIES}


def standings(account: ConnectedAccount) -> list[Standing]:
    """Every capability that accounts of this kind can have, open or not and why."""
    granted = _granted(account)
    return [_standing(account, one, granted) for one in CAPABILITIES if _Kind(account.kind) in one.kinds]


def has(account: ConnectedAccount, code: str) -> bool:
    """Whether the account may use this capability, as far as we know."""
    return _standing(account, BY_CODE[code], _granted(account)).is_open


def _granted(account: ConnectedAccount) -> frozenset[int] | None:
    """The permission sets the owner granted; None for an account connected by its secret, which has them all."""
    if account.route != ConnectedAccount.Route.COMPONENT:
        return None
    found = Authorisation.objects.filter(account=account, revoked_at=None).first()
    return frozenset(found.permission_sets) if found else frozenset()


def _standing(account: ConnectedAccount, capability: Capability, granted: frozenset[int] | None) -> Standing:
    need = capability.kinds.get(_Kind(account.kind))
    if need is None:
        return Standing(capability, "kind")
    if need == VERIFIED and not account.is_verified:
        return Standing(capability, "verification")
    if granted is not None and not granted & capability.permission_sets:
        return Standing(capability, "permission")
    return Standing(capability)
