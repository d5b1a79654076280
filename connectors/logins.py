"""People who log in: inside WeChat's browser or in a mini program. Stage: collect.

Reads what the platform says about a code. Writes audience.Contact and Identity, and mints the contact token that the
collector believes. Calls to the platform are made outside transactions; nothing of the platform's tokens is kept.
"""

import hmac
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from audience import contacts, following, merging
from audience.models import Contact, Identity
from common.errors import BadInput
from connectors import open_platform, problems
from connectors.clients import base_url_of
from connectors.models import CallbackAddress, ConnectedAccount, TrackingKey
from connectors.secrets import unseal
from connectors.tracking import keys, links, tokens
from connectors.tracking.links import Target
from connectors.tracking.tokens import Purpose
from connectors.wechat import miniprogram, oauth
from connectors.wechat.errors import WeChatError

STATE_SECONDS = 600
_SYSTEM = Actor.system("login")
_STATE = re.compile(r"([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{32})")
_LINK_PATH = re.compile(r"/t/([2-9a-z]{10})/")
_PLAIN = re.compile(r"[!#-\[\]^-~]+")
"""Printable ASCII without blanks, quotes and the backslash, which browsers read as a slash."""
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")


class LoginRefused(BadInput):
    """The login cannot go on; the sentence says what the person can do."""

    code = "login_refused"


@dataclass(frozen=True)
class Gate:
    """An active account through which people may log in; read once, used without a scope."""

    tenant_id: int
    account: ConnectedAccount


@dataclass(frozen=True)
class Session:
    """A contact token and its end."""

    token: str = field(repr=False)
    expires_at: datetime


def gate_for(code: str, kind: str) -> Gate | None:
    """The active account of this kind behind the code; None for every other."""
    address = CallbackAddress.objects.filter(code=code).first()
    if address is None:
        return None
    with tenant_scope(address.tenant_id):
        account = ConnectedAccount.objects.filter(pk=address.account_id, kind=kind).first()
    return Gate(address.tenant_id, account) if account is not None and account.is_active else None


# --- where to go afterwards -----------------------------------------------------------------------------------------


def check_next(gate: Gate, wanted: str) -> str:
    """The address, if it is a tracked link of the brand or lies on a place of its keys; else LoginRefused."""
    if _PLAIN.fullmatch(wanted) and (_own_link(gate, wanted) or _is_own_place(gate, wanted)):
        return wanted
    raise LoginRefused(
        _("After logging in people are led only to pages of the brand. Add the page's origin to a tracking key.")
    )


def _own_link(gate: Gate, wanted: str) -> Target | None:
    found = _LINK_PATH.fullmatch(wanted)
    target = links.resolve(found[1]) if found else None
    return target if target is not None and target.tenant_id == gate.tenant_id else None


def _is_own_place(gate: Gate, wanted: str) -> bool:
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    host = parts.netloc.lower()
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host):
        return False
    own = TrackingKey.objects.filter(tenant_id=gate.tenant_id)
    return keys.allows([place for key in own if key.is_live for place in key.places], f"{parts.scheme}://{host}")


def way_back(gate: Gate, wanted: str, token: str) -> str:
    """The address to return to, with the token as docs/tracking.md says: `c` of a tracked link, `fwt` of a page."""
    if not token:
        return wanted
    target = _own_link(gate, wanted)
    if target is not None:
        return f"{wanted}?c={token}"
    return links.address(Target(gate.tenant_id, "", wanted, None, is_own=True), token)


# --- the state ------------------------------------------------------------------------------------------------------


def begin(gate: Gate, wanted: str) -> tuple[str, str]:
    """(state, nonce) of a new login: the state is signed, good once and for ten minutes, and only beside the nonce."""
    head = f"{secrets.token_hex(16)}{int(time.time()) + STATE_SECONDS:08x}"
    nonce = secrets.token_urlsafe(16)
    cache.set(f"login:{head}", {"next": check_next(gate, wanted), "nonce": nonce}, STATE_SECONDS)
    return head + _sign(gate, head), nonce


def finish_state(gate: Gate, state: str, nonce: str) -> str:
    """Use the state up; where its login wants to go. Raises LoginRefused for a forged, used, old or foreign one."""
    found = _STATE.fullmatch(state)
    head = state[:40]
    is_ours = found is not None and hmac.compare_digest(found[3], _sign(gate, head))
    if not is_ours or int(state[32:40], 16) < time.time():
        raise LoginRefused(_OUTDATED)
    begun = cache.get(f"login:{head}")
    if begun is None or not hmac.compare_digest(begun["nonce"].encode(), nonce.encode()):
        raise LoginRefused(_OUTDATED)
    if not cache.delete(f"login:{head}"):  # somebody was faster
        raise LoginRefused(_OUTDATED)
    return check_next(gate, begun["next"])


_OUTDATED = _("This login is over, was used already or began elsewhere. Open the page again from WeChat.")


def _sign(gate: Gate, head: str) -> str:
    return salted_hmac("connectors.logins", f"{gate.account.code}:{head}", algorithm="sha256").hexdigest()[:32]


# --- who it is ------------------------------------------------------------------------------------------------------


def authorise_link(gate: Gate, redirect_uri: str, state: str) -> str:
    """The platform's page that asks who is there, without the person noticing."""
    account = gate.account
    is_component = account.route == ConnectedAccount.Route.COMPONENT
    return oauth.authorise_link(
        account.app_id,
        redirect_uri,
        state,
        component_app_id=settings.OPEN_PLATFORM_APP_ID if is_component else "",
        base_url=settings.SIMULATOR_URL if account.is_simulated else oauth.OPEN_URL,
    )


def log_in_web(gate: Gate, code: str) -> Session:
    """The session of whoever came back with the code. Raises LoginExpired, SnapshotVisitor and their kin."""
    with _noted(gate):
        login = oauth.exchange_code(_route(gate), code)
    return _open_session(gate, login.openid, login.union_id)


def log_in_mini(gate: Gate, js_code: str) -> Session:
    """The session of whoever called wx.login; the session key is dropped here."""
    with _noted(gate):
        login = miniprogram.log_in(_route(gate), js_code)
    return _open_session(gate, login.openid, login.union_id)


def _route(gate: Gate) -> oauth.Route:
    account = gate.account
    if account.route == ConnectedAccount.Route.COMPONENT:
        return oauth.ComponentRoute(account.app_id, open_platform.component())
    with tenant_scope(gate.tenant_id):
        secret = unseal(account, "app_secret")
    return oauth.SecretRoute(account.app_id, secret, base_url=base_url_of(account))


@contextmanager
def _noted(gate: Gate) -> Iterator[None]:
    """What goes wrong with the account itself appears on its health page."""
    try:
        yield
    except WeChatError as error:
        with tenant_scope(gate.tenant_id):
            problems.note(gate.account, error, "/sns")
        raise


def _open_session(gate: Gate, openid: str, unionid: str) -> Session:
    with tenant_scope(gate.tenant_id):
        contact = bind(gate.account, openid, unionid)
        return Session(*tokens.mint(contact, Purpose.SESSION))


def bind(account: ConnectedAccount, openid: str, unionid: str) -> Contact:
    """The contact with this openid, made if need be; a contact with the same unionid is the same person."""
    wanted = {"kind": Identity.Kind.OPENID, "account_ref": account.app_id, "value": openid}
    is_known = Identity.objects.filter(**wanted).exists()
    twin = Identity.objects.filter(kind=Identity.Kind.UNIONID, value=unionid).first() if unionid else None
    if not is_known and twin is not None:
        Identity.objects.get_or_create(**wanted, defaults={"contact_id": twin.contact_id})
    contact = contacts.known_as(Identity.Kind.OPENID, account.app_id, openid)
    if not is_known:
        record(_SYSTEM, "bind", "contact", contact.external_id, app_id=account.app_id, openid=openid)
    pairs = following.learn_unionids({contact.pk: unionid}) if unionid else []
    if pairs and merging.merge_same_unionid(pairs, _SYSTEM):
        contact = contacts.known_as(Identity.Kind.OPENID, account.app_id, openid)
    return contact
