"""Tracked links: made once with a fixed target, followed by anybody. Stage: collect.

Reads and writes connectors.TrackedLink; a click becomes counts and, when the link names a contact, an audience event.
The redirect never waits for the database longer than a moment: a click that cannot be written goes to the queue.
"""

import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from celery import current_app
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id, tenant_scope
from audience import contacts, events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact
from catalog.models import Item
from common.errors import BadInput
from common.text import new_code
from connectors.models import LinkAddress, TrackedLink, TrackingKey
from connectors.tracking import keys, tallies, tokens
from connectors.tracking.tokens import Purpose, TokenRefused

logger = logging.getLogger(__name__)
CLICKS, NAMED, BOTS, REPEATS = "clicks", "named", "bots", "repeats"
RECORD_TASK = "connectors.tracking.tasks.record_click"
_CODE = re.compile(r"[2-9a-hjkmnp-z]{10}")
_KEEP_SECONDS = 60
_ONE_CLICK_SECONDS = 5
_PATIENCE_MS = 300
_is_url = URLValidator(schemes=["https", "http"])


@dataclass(frozen=True)
class Target:
    """Where a link leads, and whether the brand's own script runs there (then a contact token may go along)."""

    tenant_id: int
    code: str
    url: str
    item_id: int | None
    is_own: bool


@dataclass(frozen=True)
class Click:
    """One visit of a link; `contact_code` is empty when the link names nobody."""

    tenant_id: int
    link_code: str
    item_id: int | None
    outcome: str
    contact_code: str
    clicked_at: datetime
    click_id: str


def create(name: str, target: str, by: Actor, *, item: Item | None = None, campaign: str, channel: str) -> TrackedLink:
    """A new link; its target never changes, so nobody can bend it later."""
    try:
        _is_url(target)
    except ValidationError as error:
        raise BadInput(_("%(address)s is not a web address. Use https://…"), address=target) from error
    link: TrackedLink = TrackedLink.objects.create(
        code=new_code(10), name=name, target=target, item=item, campaign=campaign, channel=channel,
        created_by=by.label[:200],
    )  # fmt: skip
    LinkAddress.objects.create(code=link.code, tenant_id=current_tenant_id())
    record(by, "create", "tracked_link", link.code, name=name, target=target)
    return link


def set_open(link: TrackedLink, by: Actor, *, is_open: bool) -> None:
    """Close a link (it then answers 404) or open it again."""
    link.is_open = is_open
    link.save(update_fields=["is_open"])
    record(by, "set_state", "tracked_link", link.code, is_open=is_open)
    transaction.on_commit(lambda: _forget(link.code))


def link_for(code: str) -> TrackedLink:
    """The link of the brand in scope with this code; 404 for another brand's."""
    found: TrackedLink | None = TrackedLink.objects.filter(code=code).first()
    if found is None:
        raise Http404
    return found


def personal_path(link: TrackedLink, contact: Contact) -> str:
    """The link's path for one contact: whoever opens it first on a fresh device is taken for the contact."""
    token, _expires_at = tokens.mint(contact, Purpose.LINK)
    return f"/t/{link.code}/?c={token}"


# --- following ------------------------------------------------------------------------------------------------------


def resolve(code: str) -> Target | None:
    """Where the link leads; None when there is no such open link. Answers from the cache for a minute."""
    if not _CODE.fullmatch(code):
        return None
    try:
        kept = cache.get(f"link:{code}")
    except RedisError:
        kept = None
    if kept is not None:
        return Target(**json.loads(kept))
    target = _look_up(code)
    if target is not None:
        _keep(target)
    return target


def _look_up(code: str) -> Target | None:
    tenant_id = LinkAddress.objects.filter(code=code).values_list("tenant_id", flat=True).first()
    if tenant_id is None:
        return None
    with tenant_scope(tenant_id):
        link = TrackedLink.objects.filter(code=code, is_open=True).first()
    if link is None:
        return None
    parts = urlsplit(link.target)
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    places = [place for key in TrackingKey.objects.filter(tenant_id=tenant_id) if key.is_live for place in key.places]
    return Target(tenant_id, code, link.target, link.item_id, keys.allows(places, origin))


def _keep(target: Target) -> None:
    try:
        cache.set(f"link:{target.code}", json.dumps(asdict(target)), _KEEP_SECONDS)
    except RedisError:
        logger.exception("link_not_kept")


def _forget(code: str) -> None:
    try:
        cache.delete(f"link:{code}")
    except RedisError:
        logger.exception("link_not_forgotten")


def address(target: Target, token: str) -> str:
    """The address to send the visitor to; the token goes along only to pages that run the brand's own script."""
    if not token or not target.is_own:
        return target.url
    parts = urlsplit(target.url)
    query = f"{parts.query}&fwt={token}" if parts.query else f"fwt={token}"
    return urlunsplit(parts._replace(query=query))


def read_token(target: Target, token: str) -> str:
    """The token when it is good for the link's brand, else nothing."""
    try:
        tokens.read(token, target.tenant_id)
    except TokenRefused:
        return ""
    return token


def is_repeat(target: Target, device: str) -> bool:
    """Whether the same device followed the same link a moment ago (double taps, loading twice)."""
    mark = hashlib.sha256(device.encode()).hexdigest()[:24]
    try:
        return not cache.add(f"click:{target.code}:{mark}", 1, _ONE_CLICK_SECONDS)
    except RedisError:
        return False


def note_click(target: Target, outcome: str, token: str) -> None:
    """Write the click down, now or, when the database is slow or away, through the queue."""
    contact_code = tokens.read(token, target.tenant_id).contact_code if token else ""
    now = timezone.now()
    click = Click(target.tenant_id, target.code, target.item_id, outcome, contact_code, now, new_code())
    try:
        write(click, patience_ms=_PATIENCE_MS)
    except (OperationalError, InterfaceError):
        logger.warning("click_queued", extra={"link": target.code})
        _queue(click)


def _queue(click: Click) -> None:
    values = {**asdict(click), "clicked_at": click.clicked_at.isoformat()}
    try:
        current_app.send_task(RECORD_TASK, kwargs=values, retry=False)
    except BrokerError:
        logger.exception("click_lost", extra={"link": click.link_code})


def write(click: Click, *, patience_ms: int = 0) -> None:
    """Count the click and record it for its contact; raises OperationalError after `patience_ms` (0: never)."""
    with tenant_scope(click.tenant_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience_ms)])
            cursor.execute("SET LOCAL synchronous_commit = off")
        numbers: dict[str, Any] = {click.outcome: 1}
        contact = _contact(click)
        if contact is not None:
            numbers[NAMED] = _record(click, contact)
            if not numbers[NAMED]:
                return  # the queue delivered it twice
        tallies.add(f"link:{click.link_code}", numbers)


def _contact(click: Click) -> Contact | None:
    if not click.contact_code or click.outcome != CLICKS:
        return None
    found = contacts.find_by_code(click.contact_code)
    return None if found is None or found.is_personalisation_off else found


def _record(click: Click, contact: Contact) -> int:
    event = NewEvent(
        source=Source.TRACKER,
        source_id=f"link.{click.link_code}.{click.click_id}",
        contact_id=contact.pk,
        kind=EventKind.CLICK,
        occurred_at=click.clicked_at,
        item_id=click.item_id,
    )
    return sum(events.record([event]))
