"""Signed contact tokens: who is holding this device, said by the brand's own server, a link or an OAuth login.

A token is `<purpose>.<contact code>.<expiry>.<signature>`, safe in an address, and good for one brand: the brand is
part of what is signed. It opens nothing but the collector: whoever steals one can add events to that contact, no more.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.tenancy import current_tenant_id
from audience.models import Contact
from common.errors import BadInput

_SIGNATURE_BYTES = 16
_LONGEST = timedelta(days=90)


class Purpose(StrEnum):
    """How far a token is believed."""

    SESSION = "s"  # minted for somebody who has signed in: this device is this person
    LINK = "l"  # travels in an address, which people pass on: names only a device that nobody has named


LIFETIMES = {Purpose.SESSION: timedelta(hours=24), Purpose.LINK: timedelta(days=30)}


@dataclass(frozen=True)
class Claim:
    """What a good token says."""

    contact_code: str
    purpose: Purpose


class TokenRefused(BadInput):
    """The token names nobody; `code` is `invalid` or `expired`."""

    def __init__(self, code: str) -> None:
        super().__init__("The contact token is forged, of another brand or too old. Mint a new one.")
        self.code = code


def mint(contact: Contact, purpose: Purpose, lifetime: timedelta | None = None) -> tuple[str, datetime]:
    """A token for a contact of the brand in scope, and when it ends."""
    lifetime = lifetime or LIFETIMES[purpose]
    if not timedelta() < lifetime <= _LONGEST:
        raise BadInput("A contact token lives between one second and %(days)s days.", days=_LONGEST.days)
    expires_at = (timezone.now() + lifetime).replace(microsecond=0)
    claim = f"{purpose}.{contact.code}.{int(expires_at.timestamp()):x}"
    return f"{claim}.{_signature(claim, current_tenant_id())}", expires_at


def read(token: str, tenant_id: int) -> Claim:
    """What the token says to this brand; raises `TokenRefused`. Asks no database."""
    claim, _sep, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(claim, tenant_id)):
        raise TokenRefused("invalid")
    purpose, contact_code, expiry = claim.split(".")
    if datetime.fromtimestamp(int(expiry, 16), UTC) <= timezone.now():
        raise TokenRefused("expired")
    return Claim(contact_code, Purpose(purpose))


def _signature(claim: str, tenant_id: int) -> str:
    digest = salted_hmac(f"connectors.tracking.tokens:{tenant_id}", claim, algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).rstrip(b"=").decode()
