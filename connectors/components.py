"""Our component on the Open Platform: what it is told, and the doors of accounts that authorised it.

One per installation, from the settings OPEN_PLATFORM_*. Writes connectors.OpenPlatform.
"""

import time
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from connectors.models import CallbackAddress, OpenPlatform
from connectors.receiving import DOOR_SECONDS, MAX_AGE, Door, door_for_account
from connectors.secrets import seal
from connectors.wechat import crypto, pushes
from connectors.wechat.crypto import CallbackSecrets, Mode
from connectors.wechat.errors import BadPush, BadSignature

_doors: dict[str, Door] = {}


def is_configured() -> bool:
    """Whether this installation has a component, so that accounts can be authorised by QR code."""
    return bool(settings.OPEN_PLATFORM_APP_ID and settings.OPEN_PLATFORM_SECRET and settings.OPEN_PLATFORM_TOKEN)


def shared_secrets() -> CallbackSecrets:
    """What the Open Platform and we share: pushes for accounts are closed with it too. Raises BadSignature without."""
    if not is_configured():
        raise BadSignature("This installation has no component on the Open Platform.")
    return CallbackSecrets(
        settings.OPEN_PLATFORM_APP_ID, settings.OPEN_PLATFORM_TOKEN, tuple(settings.OPEN_PLATFORM_AES_KEYS), Mode.SAFE
    )


def door_for(app_id: str) -> Door | None:
    """The door of an authorised account; None for an account we do not know."""
    known = _doors.get(app_id)
    if known and time.monotonic() - known.read_at < DOOR_SECONDS:
        return known
    address = CallbackAddress.objects.filter(app_id=app_id).first() if is_configured() else None
    if address is None:
        _doors.pop(app_id, None)
        return None
    door = door_for_account(address, shared_secrets())
    if door is not None:
        _doors[app_id] = door
    return door


def take_notice(query: Mapping[str, str], body: bytes) -> None:
    """Act on a notice of the Open Platform. Raises BadPush or BadSignature, and then nothing was done."""
    opened = crypto.open_push(shared_secrets(), query, body, max_age=MAX_AGE)
    push = pushes.parse(opened.document)
    if isinstance(push, pushes.TicketIssued):
        keep_ticket(push)
    elif not isinstance(push, pushes.ComponentPush):
        raise BadPush("This address takes notices to a platform, not pushes to an account.")


def keep_ticket(push: pushes.TicketIssued) -> None:
    """Keep the newest ticket; it lives twelve hours, so it has to survive a restart."""
    with transaction.atomic():
        platform = OpenPlatform.objects.select_for_update().get_or_create(app_id=settings.OPEN_PLATFORM_APP_ID)[0]
        if platform.ticket_at is not None and platform.ticket_at > push.event_at:
            return
        seal(platform, "ticket", push.ticket)
        platform.ticket_at = min(push.event_at, timezone.now())
        platform.save(update_fields=["ticket", "ticket_at"])
