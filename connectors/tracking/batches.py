"""Stage: collect. What one request to the collector carries, checked as a whole. Reads: the request. Writes nothing.

Everything here runs before any tenant scope: no transaction waits for a slow sender.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.middleware import client_ip
from audience.kinds import Source
from common.errors import BadInput
from connectors.models import TrackingKey
from connectors.tracking import keys, limits

MAX_BYTES = 256 * 1024
MAX_EVENTS = 100
_VISITOR = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MINI_PROGRAM = re.compile(r"https://servicewechat\.com/(wx[0-9a-z]{6,30})/")
CONSENT_ANSWERS = ("granted", "denied", "unknown")


class Refusal(BadInput):
    """The whole request is refused; `status` is the HTTP answer."""

    def __init__(self, status: int, code: str, template: str, **context: Any) -> None:
        super().__init__(template, **context)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Batch:
    """One accepted request; its events are still raw."""

    key: TrackingKey
    source: Source
    place: str
    """The origin or the AppID it came from."""
    visitor: str
    rows: list[Any]
    received_at: datetime
    sent_at_ms: float
    """The sender's clock when it sent; what its times are compared with."""
    token: str = ""
    consent: str = "unknown"
    user_agent: str = ""
    own_place: str = field(default="", compare=False)
    """The site's own origin."""


def key_of_request(request: HttpRequest) -> TrackingKey:
    """The live key in the address; raises `Refusal`."""
    key = keys.find(request.GET.get("key", ""))
    if key is None:
        raise Refusal(
            401, "key_unknown", _("This key is unknown, replaced or revoked. Take the present one from the page.")
        )
    return key


def read(request: HttpRequest, key: TrackingKey) -> Batch:
    """The request as a batch; raises `Refusal`."""
    place = _place(request, key)
    _check_rate(request, key)
    body = _body(request)
    visitor, rows, token = body.get("visitor"), body.get("events"), body.get("token") or ""
    if not isinstance(visitor, str) or not _VISITOR.fullmatch(visitor):
        raise Refusal(
            400, "bad_body", _("visitor must be 8 to 64 letters, digits, - or _: the device's own random id.")
        )
    if not isinstance(rows, list) or len(rows) > MAX_EVENTS or not isinstance(token, str) or len(token) > 200:
        raise Refusal(400, "bad_body", _("Send events as a list of at most %(limit)s objects."), limit=MAX_EVENTS)
    consent, now = body.get("consent", "unknown"), timezone.now()
    return Batch(
        key=key,
        source=Source.TRACKER if "://" in place else Source.MINI_PROGRAM,
        place=place,
        visitor=visitor,
        rows=rows,
        received_at=now,
        sent_at_ms=_sent_at(body.get("sent_at"), now),
        token=token,
        consent=consent if consent in CONSENT_ANSWERS else "unknown",
        user_agent=request.headers.get("User-Agent", "")[:400],
        own_place=own_place(request),
    )


def own_place(request: HttpRequest) -> str:
    """The site's own origin."""
    return f"{request.scheme}://{request.get_host()}"


def place_of(request: HttpRequest) -> str:
    """The origin of the page or the AppID of the mini program the browser says it is in; empty when it says nothing."""
    mini_program = _MINI_PROGRAM.match(request.headers.get("Referer", ""))
    return mini_program[1] if mini_program else request.headers.get("Origin", "")


def _place(request: HttpRequest, key: TrackingKey) -> str:
    place = place_of(request)
    if place == own_place(request) or keys.allows(key.places, place):
        return place
    raise Refusal(
        403, "origin_not_listed", _("%(place)s is not on this key's list. Add it under Tracking, Install."),
        place=place[:120] or "?",
    )  # fmt: skip


def _check_rate(request: HttpRequest, key: TrackingKey) -> None:
    of_address = limits.is_within(f"collect:{key.code}:{client_ip(request)}", settings.COLLECT_RATE_PER_ADDRESS)
    if not of_address or not limits.is_within(f"collect:{key.code}", settings.COLLECT_RATE_PER_KEY):
        raise Refusal(429, "too_many", _("Too many requests this minute. Send larger batches, or later."))


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        is_large = int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES
        raw = b"" if is_large else request.read(MAX_BYTES + 1)
    except UnreadablePostError as error:
        raise Refusal(400, "bad_json", _("The connection broke while sending. Send again.")) from error
    if is_large or len(raw) > MAX_BYTES:
        raise Refusal(
            413, "too_large", _("The body is larger than %(limit)s KB. Send fewer events."), limit=MAX_BYTES // 1024
        )
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "bad_json", _("The body is not JSON in UTF-8, or nested too deep.")) from error
    if not isinstance(body, dict):
        raise Refusal(400, "bad_body", _("Send one JSON object with visitor, sent_at and events."))
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _sent_at(value: Any, now: datetime) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e15 else now.timestamp() * 1000
