"""Pushes at the door: verified, kept durably, answered. Stage: collect.

Reads connectors' CallbackAddress and ConnectedAccount (a few seconds old at most); writes PushReceipt through
connectors/keeping.py. Applying what was received is the workers' work (connectors/receipts.py); a lost hint costs
seconds, never a push.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b, sha1
from hmac import compare_digest
from uuid import UUID

from celery import current_app
from django.core.cache import cache
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError

from accounts.tenancy import tenant_scope
from connectors import keeping
from connectors.keeping import NewPush
from connectors.models import CallbackAddress, ConnectedAccount
from connectors.secrets import unseal
from connectors.wechat import crypto, pushes, replies
from connectors.wechat.crypto import CallbackSecrets, Mode, Opened
from connectors.wechat.errors import BadPush, BadSignature
from connectors.wechat.pushes import AccountPush, Message
from connectors.wechat.replies import Reply

logger = logging.getLogger(__name__)
MAX_AGE = timedelta(minutes=10)
"""WeChat signs every repetition anew, so an old signature is a recording; clocks may differ by this much."""
DOOR_SECONDS = 5.0
HINT_SECONDS = 0.5
_MAX_DOORS = 10_000


@dataclass(frozen=True)
class Door:
    """What receiving a push for one account needs, read once for a few seconds."""

    code: str
    tenant_id: int
    account_id: int
    shared: CallbackSecrets
    is_simulated: bool
    is_handing_over: bool
    read_at: float
    """Of the monotonic clock."""


ReplyHook = Callable[[Door, AccountPush], Reply | None]
REPLY_HOOKS: list[ReplyHook] = []
"""Asked in turn for the answer to a push that is surely WeChat's; the first that is not None is sent.

Hooks run while a person waits: no calls to anybody, milliseconds.
"""
_doors: dict[str, Door] = {}
_hinted: dict[int, float] = {}


def door_for(code: str, *, anew: bool = False) -> Door | None:
    """The door behind a callback address; None for an address that is not, or no longer, in use."""
    known = _doors.get(code)
    if known and not anew and time.monotonic() - known.read_at < DOOR_SECONDS:
        return known
    found = _read_door(code)
    if len(_doors) >= _MAX_DOORS:
        _doors.clear()
    if found is None:
        _doors.pop(code, None)
    else:
        _doors[code] = found
    return found


def _read_door(code: str) -> Door | None:
    address = CallbackAddress.objects.filter(code=code).first()
    return door_for_account(address) if address else None


def close_door(code: str) -> None:
    """Let nothing more in at once (other web processes follow within seconds)."""
    _doors.pop(code, None)


def door_for_account(address: CallbackAddress, shared: CallbackSecrets | None = None) -> Door | None:
    """The door of the account, opened by its own keys or, if it authorised our platform, by those `shared`."""
    with tenant_scope(address.tenant_id):
        account = ConnectedAccount.objects.filter(pk=address.account_id).first()
        if account is None or (shared is None) == (account.route == ConnectedAccount.Route.COMPONENT):
            return None
        shared = shared or _own_secrets(account)
    return Door(
        address.code, address.tenant_id, account.pk, shared, account.is_simulated, account.is_handing_over,
        time.monotonic(),
    )  # fmt: skip


def _own_secrets(account: ConnectedAccount) -> CallbackSecrets:
    keys = (unseal(account, "aes_key"), unseal(account, "aes_key_before"))
    token, mode = unseal(account, "callback_token"), Mode(account.message_mode)
    return CallbackSecrets(account.app_id, token, tuple(filter(None, keys)), mode)


def verify_address(door: Door, query: Mapping[str, str]) -> str:
    """The echostr WeChat wants back when the address is entered in its console. Raises BadSignature."""
    echo = crypto.verify_address(door.shared, query)
    with tenant_scope(door.tenant_id):
        ConnectedAccount.objects.filter(pk=door.account_id).update(checked_at=timezone.now())
    return echo


def receive(door: Door, query: Mapping[str, str], body: bytes) -> bytes:
    """Keep the push and give the answer to it. Raises BadPush or BadSignature, and then nothing was kept."""
    opened = _open(door, query, body)
    push = pushes.parse(opened.document)
    if not isinstance(push, AccountPush):
        raise BadPush("This address takes pushes to one account, not notices to a platform.")
    return keep(door, opened, push)


def keep(door: Door, opened: Opened, push: AccountPush) -> bytes:
    """Store an opened push once, tell the workers, and give the answer to it."""
    if keeping.keep(door.tenant_id, _new_push(door, opened, push)):
        hint(door.tenant_id, door.account_id)
    reply = _reply(door, push)
    if reply is None:
        return replies.ACCEPTED
    return crypto.seal_reply(door.shared, opened, replies.write(reply, push, is_json=opened.is_json))


def _open(door: Door, query: Mapping[str, str], body: bytes) -> Opened:
    max_age = None if door.is_simulated else MAX_AGE  # a simulator's clock may be moved
    try:
        return crypto.open_push(door.shared, query, body, max_age=max_age)
    except BadSignature:  # keys may just have been changed
        latest = door_for(door.code, anew=True)
        if latest is None or latest.shared == door.shared:
            raise
        return crypto.open_push(latest.shared, query, body, max_age=max_age)


def _new_push(door: Door, opened: Opened, push: AccountPush) -> NewPush:
    key = dedupe_uuid(push.dedupe_key)
    return NewPush(door.account_id, key, kind_of(push), push.person[:64], opened.content, push.event_at)


def dedupe_uuid(dedupe_key: str) -> UUID:
    """The 128-bit BLAKE2b digest of what makes a push unique within its account."""
    return UUID(bytes=blake2b(dedupe_key.encode("utf-8", "replace"), digest_size=16).digest())


def kind_of(push: AccountPush) -> str:
    """The push's MsgType, for events `event.<Event>` in lower case."""
    kind, event = str(push.raw.get("MsgType", "")), str(push.raw.get("Event", ""))
    return (f"event.{event}" if kind == "event" else kind).lower()[:60]


def _reply(door: Door, push: AccountPush) -> Reply | None:
    for hook in REPLY_HOOKS:
        if (reply := hook(door, push)) is not None:
            return reply
    return replies.HandOver() if door.is_handing_over and isinstance(push, Message) else None


def hint(tenant_id: int, account_id: int) -> None:
    """Tell the workers, at most twice a second per account: the hinted task starts after all it was not told of."""
    now = time.monotonic()
    if now - _hinted.get(account_id, -HINT_SECONDS) < HINT_SECONDS:
        return
    if len(_hinted) >= _MAX_DOORS:
        _hinted.clear()
    _hinted[account_id] = now
    try:
        current_app.send_task(
            "connectors.tasks.apply_pushes", args=[tenant_id, account_id], queue="default", retry=False,
            countdown=HINT_SECONDS,
        )  # fmt: skip
    except BrokerError:  # the sweep finds the push
        logger.warning("push_hint_failed", extra={"account": account_id})


# --- knocks that were not let in ------------------------------------------------------------------------------------


def note_refusal(door: Door, query: Mapping[str, str]) -> None:
    """Remember for the set-up page, for an hour, that something came which could not be opened, and what that means."""
    parts = sorted((door.shared.token, query.get("timestamp", ""), query.get("nonce", "")))
    signature = sha1("".join(parts).encode("utf-8", "replace")).hexdigest()  # noqa: S324 - WeChat's choice
    is_token_right = compare_digest(query.get("signature", "").encode(), signature.encode())
    try:
        cache.set(_knock(door.account_id), "keys" if is_token_right else "token", timeout=3600)
    except RedisError:
        logger.warning("push_refusal_not_noted", extra={"account": door.account_id})


def last_refusal(account_id: int) -> str:
    """`token` or `keys`: what the last refused knock within an hour had wrong; '' without one."""
    try:
        return str(cache.get(_knock(account_id)) or "")
    except RedisError:
        return ""


def _knock(account_id: int) -> str:
    return f"refused-push:{account_id}"
