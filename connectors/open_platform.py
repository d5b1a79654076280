"""Our component on the Open Platform, one per installation, from the settings OPEN_PLATFORM_*.

Its ticket and token are shared by all workers in connectors.OpenPlatform.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from common.errors import Conflict
from connectors.models import OpenPlatform
from connectors.secrets import seal, unseal
from connectors.wechat.component import Component
from connectors.wechat.crypto import CallbackSecrets, Mode
from connectors.wechat.errors import BadSignature, WeChatError
from connectors.wechat.pushes import TicketIssued
from connectors.wechat.tokens import Token


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


def component() -> Component:
    """The component's calls. Raises Conflict where there is none."""
    if not is_configured():
        raise Conflict("Authorising by QR code needs a component on the Open Platform. Set OPEN_PLATFORM_APP_ID.")
    return Component(
        settings.OPEN_PLATFORM_APP_ID, settings.OPEN_PLATFORM_SECRET, _read_ticket, PlatformTokens(),
        base_url=settings.WECHAT_API_URL,
    )  # fmt: skip


def _read_ticket() -> str:
    platform = OpenPlatform.objects.filter(app_id=settings.OPEN_PLATFORM_APP_ID).first()
    ticket = unseal(platform, "ticket") if platform else ""
    if not ticket:
        raise Conflict(
            "WeChat has not sent a ticket yet. It does so every ten minutes: wait, and compare the address for "
            "authorisation events in the Open Platform console with the one in our documentation."
        )
    return ticket


def keep_ticket(push: TicketIssued) -> None:
    """Keep the newest ticket; it lives twelve hours, so it has to survive a restart."""
    with transaction.atomic():
        platform = OpenPlatform.objects.select_for_update().get_or_create(app_id=settings.OPEN_PLATFORM_APP_ID)[0]
        if platform.ticket_at is not None and platform.ticket_at > push.event_at:
            return
        seal(platform, "ticket", push.ticket)
        platform.ticket_at = min(push.event_at, timezone.now())
        platform.save(update_fields=["ticket", "ticket_at"])


class PlatformTokens:
    """The `TokenStore` of the component's own token."""

    def read(self, key: str) -> Token | None:
        """The token written last."""
        row = OpenPlatform.objects.filter(app_id=settings.OPEN_PLATFORM_APP_ID).first()
        return Token.load(json.loads(unseal(row, "token"))) if row and row.token else None

    def write(self, key: str, token: Token) -> None:
        """Replace the token; others see it when the lock is given back."""
        row = OpenPlatform.objects.get(app_id=settings.OPEN_PLATFORM_APP_ID)
        seal(row, "token", json.dumps(token.dump()))
        row.token_expires_at = token.expires_at
        row.save(update_fields=["token", "token_expires_at"])

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Exclusive across all workers. What was written inside stays even if the platform then fails."""
        failure: WeChatError | None = None
        with transaction.atomic():
            OpenPlatform.objects.select_for_update().get_or_create(app_id=settings.OPEN_PLATFORM_APP_ID)
            try:
                yield
            except WeChatError as error:
                failure = error
        if failure is not None:
            raise failure
