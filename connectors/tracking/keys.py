"""Keys to the collector: public, made per brand, tied to the places they work from. Writes connectors.TrackingKey."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db.models import Q
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.models import Tenant
from common.errors import BadInput, Conflict
from connectors.models import TrackingKey

OVERLAP = timedelta(days=30)
"""How long a replaced key goes on working, so that pages can be changed one after the other."""
MAX_PLACES = 50
_SEEN_EVERY = timedelta(minutes=1)
_APP_ID = re.compile(r"wx[0-9a-z]{6,30}")
_HOST = re.compile(r"(\*\.)?([a-z0-9-]+\.)*[a-z0-9-]+(:\d{1,5})?")


def create(tenant: Tenant, name: str, places: list[str], *, needs_consent: bool, by: Actor) -> TrackingKey:
    """Make a key that works from these places."""
    key = TrackingKey.objects.create(
        tenant=tenant,
        code=_new_code(),
        name=name,
        places=places,
        needs_consent=needs_consent,
        created_by=by.label[:200],
    )
    record(by, "create", "tracking_key", key.code, name=name, places=places)
    return key


def change(key: TrackingKey, *, name: str, places: list[str], needs_consent: bool, by: Actor) -> None:
    """Set name, places and the demand for consent; in force at once."""
    key.name, key.places, key.needs_consent = name, places, needs_consent
    key.save(update_fields=["name", "places", "needs_consent"])
    record(by, "update", "tracking_key", key.code, name=name, places=places, needs_consent=needs_consent)


def rotate(key: TrackingKey, by: Actor) -> TrackingKey:
    """A new key in the old one's place; the old one goes on for 30 days."""
    is_first = TrackingKey.objects.filter(pk=key.pk, revoked_at=None, expires_at=None)
    if not is_first.update(expires_at=timezone.now() + OVERLAP):
        raise Conflict(_("This key has been replaced or revoked already. Use the newest one."))
    record(by, "rotate", "tracking_key", key.code)
    return create(key.tenant, key.name, key.places, needs_consent=key.needs_consent, by=by)


def revoke(key: TrackingKey, by: Actor) -> None:
    """End the key at once; revoking twice changes nothing."""
    if TrackingKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        record(by, "revoke", "tracking_key", key.code)


def key_of(tenant: Tenant, code: str) -> TrackingKey:
    """The brand's key with this code; 404 for another brand's."""
    return get_object_or_404(TrackingKey, tenant=tenant, code=code)


def of_brand(tenant: Tenant) -> list[TrackingKey]:
    """The brand's keys, those in use first."""
    found = TrackingKey.objects.filter(tenant=tenant).select_related("tenant")
    return sorted(found, key=lambda key: (not key.is_live, key.expires_at is not None))


def find(code: str) -> TrackingKey | None:
    """The live key with this code, of whatever brand."""
    if not code.startswith("fwk_") or "\x00" in code:
        return None
    is_live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return TrackingKey.objects.filter(is_live, code=code, revoked_at=None).first()


def note_use(key: TrackingKey, at: datetime) -> None:
    """Remember the first and the last event, at most once a minute."""
    if key.last_event_at is None or at - key.last_event_at > _SEEN_EVERY:
        due = Q(last_event_at=None) | Q(last_event_at__lt=at - _SEEN_EVERY)
        TrackingKey.objects.filter(due, pk=key.pk).update(last_event_at=at, first_event_at=key.first_event_at or at)


def allows(places: Iterable[str], place: str) -> bool:
    """Whether an origin or AppID is among the places; `https://*.shop.example` allows every host below."""
    parts = urlsplit(place) if "://" in place else None
    for allowed in places:
        if place == allowed:
            return True
        scheme, star, domain = allowed.partition("://*.")
        if star and parts and parts.scheme == scheme and parts.netloc.endswith(f".{domain}"):
            return True
    return False


def is_plain_http(place: str) -> bool:
    """Whether pages of this place travel unencrypted over the network."""
    host = urlsplit(place).hostname if place.startswith("http://") else None
    return host is not None and host not in ("localhost", "127.0.0.1")


def parse_places(text: str) -> list[str]:
    """Origins and AppIDs from what a person wrote, one per line; raises `BadInput` naming the first bad one."""
    places = list(dict.fromkeys(_place(word) for word in text.replace(",", "\n").split()))
    if len(places) > MAX_PLACES:
        raise BadInput(_("A key works from at most %(limit)s places."), limit=MAX_PLACES)
    return places


def _place(word: str) -> str:
    if _APP_ID.fullmatch(word):
        return word
    parts = urlsplit(word.lower())
    is_origin = parts.scheme in ("https", "http") and _HOST.fullmatch(parts.netloc) and parts.path in ("", "/")
    if not is_origin or parts.query or parts.fragment or len(word) > 120:
        raise BadInput(_("%(word)s is no place. Write https://shop.example without a path, or an AppID."), word=word)
    return f"{parts.scheme}://{parts.netloc}"


def _new_code() -> str:
    return f"fwk_{secrets.token_hex(12)}"
