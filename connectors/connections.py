"""Connecting the brand's accounts by AppID and AppSecret, and ending it. Writes connectors.ConnectedAccount."""

import re
import secrets
import string
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.actors import Actor, record
from common.errors import BadInput, Conflict
from connectors import receiving, tokens
from connectors.clients import client_for
from connectors.models import CallbackAddress, ConnectedAccount
from connectors.problems import explained
from connectors.secrets import seal, unseal
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import NotAllowed, Refused

_ALNUM = string.ascii_letters + string.digits
_APP_ID = re.compile(r"wx[0-9a-zA-Z]{8,30}")
_SECRET = re.compile(r"[0-9a-zA-Z]{16,128}")
SHOWN_FOR = timedelta(hours=1)
_Kind, _State = ConnectedAccount.Kind, ConnectedAccount.State


def connect(
    *, app_id: str, app_secret: str, name: str, kind: str, by: Actor, is_simulated: bool = False
) -> ConnectedAccount:
    """Connect an account after WeChat has issued a token for it; raises PlatformFailed, BadInput or Conflict.

    Whether it is verified, and for a public account which kind it is, WeChat's own answers tell.
    """
    _check_format(app_id, app_secret)
    account = ConnectedAccount(
        app_id=app_id, name=name, kind=kind, is_simulated=is_simulated, created_by=by.label[:200]
    )
    seal(account, "app_secret", app_secret)
    fill_callback(account)
    enter(account)
    with explained():
        client_for(account).tokens.get()
        learn_kind(account, client_for(account))
    record(by, "connect", "account", account.code, app_id=app_id, kind=account.kind, verified=account.is_verified)
    return account


def enter(account: ConnectedAccount) -> None:
    """Save a new account with its callback address; raises Conflict for an AppID that is connected already."""
    taken = Conflict(
        "The account %(app_id)s is connected already. Disconnect it where it is in use, then connect it here.",
        app_id=account.app_id,
    )
    if CallbackAddress.objects.filter(app_id=account.app_id).exists():
        raise taken
    try:
        with transaction.atomic():
            account.save()
            CallbackAddress.objects.create(
                code=account.code, tenant_id=account.brand_id, account_id=account.pk, app_id=account.app_id
            )
    except IntegrityError as error:
        raise taken from error


def fill_callback(account: ConnectedAccount) -> None:
    """Give the account a new callback token and EncodingAESKey (not saved yet)."""
    seal(account, "callback_token", _random(32))
    seal(account, "aes_key", _random(43))
    account.keys_made_at = timezone.now()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALNUM) for _ in range(length))


def _check_format(app_id: str, app_secret: str) -> None:
    if not _APP_ID.fullmatch(app_id):
        raise BadInput("An AppID begins with wx. Copy it from the WeChat console, not the gh_ id.")
    if not _SECRET.fullmatch(app_secret):
        raise BadInput("The AppSecret has 32 letters and digits. Copy it whole from the WeChat console.")


# --- what WeChat's answers tell about an account --------------------------------------------------------------------

_PROBES: dict[str, str] = {
    "verified": "/cgi-bin/tags/get",
    "service": "/cgi-bin/template/get_all_private_template",
}
"""Harmless reads that only verified public accounts, and only verified service accounts, may make."""


def learn_kind(account: ConnectedAccount, client: WeChatClient) -> None:
    """Note whether a public account is verified and which kind it is; a mini program is what its owner says."""
    if account.kind == _Kind.MINIPROGRAM:
        return
    account.is_verified = _is_allowed(client, _PROBES["verified"])
    if account.is_verified:
        account.kind = _Kind.SERVICE if _is_allowed(client, _PROBES["service"]) else _Kind.SUBSCRIPTION
    account.save(update_fields=["is_verified", "kind"])


def _is_allowed(client: WeChatClient, path: str) -> bool:
    try:
        client.call("GET", path)
    except NotAllowed:
        return False
    except Refused as error:
        return error.errcode != _NO_RIGHT_OF_THIS_KIND
    return True


_NO_RIGHT_OF_THIS_KIND = 48008


# --- changes --------------------------------------------------------------------------------------------------------


def check(account: ConnectedAccount, by: Actor) -> None:
    """Ask WeChat again whether it issues tokens and what the account may do; raises PlatformFailed."""
    client = client_for(account)
    with explained():
        client.tokens.get()
        learn_kind(account, client)
    record(by, "check", "account", account.code, kind=account.kind, verified=account.is_verified)


def change_secret(account: ConnectedAccount, app_secret: str, by: Actor) -> None:
    """Use another AppSecret after WeChat has accepted it; the old one stays on any failure."""
    _check_format(account.app_id, app_secret)
    with transaction.atomic():
        seal(account, "app_secret", app_secret)
        account.save(update_fields=["app_secret"])
        tokens.forget(account)
        with explained():
            client_for(account).tokens.get()
        record(by, "change_secret", "account", account.code)


def rotate_keys(account: ConnectedAccount, by: Actor) -> None:
    """Make a new EncodingAESKey; pushes made with the old one are read until the next rotation."""
    with transaction.atomic():
        seal(account, "aes_key_before", unseal(account, "aes_key"))
        seal(account, "aes_key", _random(43))
        account.keys_made_at = timezone.now()
        account.save(update_fields=["aes_key", "aes_key_before", "keys_made_at"])
        record(by, "rotate_keys", "account", account.code)


def are_keys_shown(account: ConnectedAccount) -> bool:
    """Whether the set-up page may still show token and key: until the first push, and an hour after making them."""
    is_new = account.keys_made_at is not None and timezone.now() - account.keys_made_at < SHOWN_FOR
    return account.first_push_at is None or is_new


def change_settings(account: ConnectedAccount, by: Actor, **changes: Any) -> None:
    """Change name, message mode or the handing over of chats to human agents."""
    changed = {name: value for name, value in changes.items() if getattr(account, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(account, name, value)
    account.save(update_fields=list(changed))
    record(by, "update", "account", account.code, **changed)


def pause(account: ConnectedAccount, by: Actor) -> None:
    """Stop calling WeChat and applying its pushes; pushes are still kept, and applied after resuming."""
    _move(account, _State.PAUSED, [_State.ACTIVE], by, "pause")


def resume(account: ConnectedAccount, by: Actor) -> None:
    """Use the account again."""
    _move(account, _State.ACTIVE, [_State.PAUSED], by, "resume")


def disconnect(account: ConnectedAccount, by: Actor) -> None:
    """End the connection: no more calls or pushes, tokens and secrets dropped, the deletion clock started."""
    with transaction.atomic():
        start_deletion_clock(account)
        account.disconnected_at = timezone.now()
        for name in ("app_secret", "callback_token", "aes_key", "aes_key_before"):
            setattr(account, name, None)
        account.save()
        _move(account, _State.DISCONNECTED, [_State.ACTIVE, _State.PAUSED, _State.REVOKED], by, "disconnect")
        CallbackAddress.objects.filter(code=account.code).delete()
        receiving.close_door(account.code)


def start_deletion_clock(account: ConnectedAccount) -> None:
    """Drop the tokens now and set when the rest is deleted (not saved yet)."""
    tokens.forget(account)
    account.delete_after = timezone.now() + timedelta(days=settings.DELETION_DELAY_DAYS)


def _move(account: ConnectedAccount, to: str, allowed: list[str], by: Actor, verb: str) -> None:
    if not ConnectedAccount.objects.filter(pk=account.pk, state__in=allowed).update(state=to):
        raise Conflict("The account has changed in the meantime. Load the page again.")
    account.state = to
    record(by, verb, "account", account.code)
