"""An account's blacklist as people manage it: who is on it gets no messages, and what they write does not come through.

Reads and changes the platform's list; writes audience.Identity and Conversation. What calls the platform runs outside
transactions: what was changed there stays changed.
"""

from datetime import datetime

from django.utils import timezone

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from audience import following
from audience.models import Contact, Identity
from common.errors import Conflict
from connectors import capabilities, conversations
from connectors.clients import AccountClient, client_for
from connectors.models import ConnectedAccount
from connectors.problems import PlatformFailed, explained
from connectors.routes import now_of, openid_of
from connectors.wechat import users
from connectors.wechat.users import Applied


def can_change(account: ConnectedAccount) -> bool:
    """Whether the account has a blacklist that we may change."""
    return bool(account.is_active) and capabilities.has(account, "followers")


def blocked_at(account: ConnectedAccount, openid: str | None) -> datetime | None:
    """Since when we know the person to be on the blacklist; None: not on it."""
    known = Identity.objects.filter(kind=Identity.Kind.OPENID, account_ref=account.app_id, value=openid or "")
    found: datetime | None = known.values_list("blocked_at", flat=True).first()
    return found


def block(account: ConnectedAccount, contact: Contact, by: Actor) -> None:
    """Put the person on the account's blacklist on WeChat. Raises PlatformFailed. Call outside transactions."""
    client, openid = _reach(account, contact)
    with explained():
        _demand(users.block(client, [openid]))
    with tenant_scope(account.brand_id):
        following.note_blocked(account.app_id, [openid], timezone.now())
        record(by, "block_contact", "contact", contact.external_id, account=account.code)


def lift(account: ConnectedAccount, contact: Contact, by: Actor) -> None:
    """Take the person off the account's blacklist on WeChat. Raises PlatformFailed. Call outside transactions."""
    client, openid = _reach(account, contact)
    with explained():
        _demand(users.unblock(client, [openid]))
    with tenant_scope(account.brand_id):
        following.note_unblocked(account.app_id, [openid])
        conversations.forget_blocked(account, [openid], now_of(account))
        record(by, "unblock_contact", "contact", contact.external_id, account=account.code)


def _reach(account: ConnectedAccount, contact: Contact) -> tuple[AccountClient, str]:
    with tenant_scope(account.brand_id):
        if not capabilities.has(account, "followers"):
            raise Conflict("WeChat gives a blacklist to verified public accounts only. Verify %(name)s.",
                           name=account.name)  # fmt: skip
        client, openid = client_for(account), openid_of(account, contact)
    if openid is None:
        raise Conflict("%(name)s does not know this person. They have to follow or write first.", name=account.name)
    return client, openid


def _demand(applied: Applied) -> None:
    if applied.rejected:
        raise PlatformFailed(applied.rejected[0].why)
