"""Stage: collect. Whose device it is, and the events that wait until somebody says so.

Reads and writes connectors.Visitor and HeldEvent; what waited becomes audience events of the contact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.actors import Actor
from accounts.tenancy import current_tenant_id
from audience import contacts, events
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Consent, Contact
from catalog.models import Item
from connectors.models import HeldEvent, Visitor
from connectors.tracking import tokens
from connectors.tracking.acts import Answer
from connectors.tracking.tokens import Purpose, TokenRefused

KEEP = timedelta(days=30)
"""How long the events of a device without a name wait for one."""
_SYSTEM = Actor.system("tracker")
_HELD = "source_id, source, kind, occurred_at, item_id, dwell_seconds, value, text"
_HOLD = f"""
INSERT INTO connectors_heldevent (tenant_id, visitor, received_at, {_HELD})
SELECT %s, %s, now(), u.* FROM unnest(%s::text[], %s::smallint[], %s::smallint[], %s::timestamptz[], %s::bigint[],
    %s::float8[], %s::float8[], %s::text[]) AS u ON CONFLICT DO NOTHING RETURNING source_id"""  # noqa: S608  # our names
_RELEASE = f"DELETE FROM connectors_heldevent WHERE tenant_id = %s AND visitor = %s RETURNING {_HELD}"  # noqa: S608 - only our own names are spliced


@dataclass
class Person:
    """Who holds the device: `contact` is None while nobody has said so."""

    visitor: str
    contact: Contact | None
    is_signed_in: bool
    token_state: str
    """none, ok, expired or invalid."""

    @property
    def is_opted_out(self) -> bool:
        """Whether this person's behaviour must not be observed."""
        return self.contact is not None and self.contact.is_personalisation_off


def recognise(code: str, token: str) -> Person:
    """Who holds the device with this id; a good token names it, and what it did before becomes the contact's."""
    known = Visitor.objects.filter(code=code).select_related("contact").first()
    claimed, purpose, token_state = _claimed(token)
    if claimed is not None and _may_name(known, claimed, purpose):
        known = _name(code, claimed, is_signed_in=purpose == Purpose.SESSION)
    if known is None:
        return Person(code, None, False, token_state)
    person = Person(code, known.contact, known.is_signed_in, token_state)
    release(person)
    return person


def _claimed(token: str) -> tuple[Contact | None, Purpose | None, str]:
    if not token:
        return None, None, "none"
    try:
        claim = tokens.read(token, current_tenant_id())
    except TokenRefused as error:
        return None, None, error.code
    contact = contacts.find_by_code(claim.contact_code)
    return contact, claim.purpose, "ok" if contact else "invalid"


def _may_name(known: Visitor | None, contact: Contact, purpose: Purpose | None) -> bool:
    """A link names only a device without a name; a session names any, and is written only when it changes something."""
    if known is None:
        return True
    is_news = known.contact_id != contact.pk or not known.is_signed_in
    return purpose == Purpose.SESSION and is_news


def _name(code: str, contact: Contact, *, is_signed_in: bool) -> Visitor:
    fields = {"contact": contact, "is_signed_in": is_signed_in, "named_at": timezone.now()}
    visitor, _made = Visitor.objects.update_or_create(code=code, defaults=fields)
    return visitor


def hold(visitor: str, waiting: Sequence[NewEvent]) -> list[bool]:
    """Keep events until the device has a name; True for each new one."""
    if not waiting:
        return []
    columns = (
        [event.source_id for event in waiting],
        [int(event.source) for event in waiting],
        [int(event.kind) for event in waiting],
        [event.occurred_at for event in waiting],
        [event.item_id for event in waiting],
        [event.dwell_seconds for event in waiting],
        [event.value for event in waiting],
        [event.text for event in waiting],
    )
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [current_tenant_id(), visitor, *columns])
        new = {source_id for (source_id,) in cursor.fetchall()}
    is_new = []
    for event in waiting:  # the second of two equal ids within one batch is a duplicate
        is_new.append(event.source_id in new)
        new.discard(event.source_id)
    return is_new


def release(person: Person) -> int:
    """Turn what the device did without a name into events of its contact, or drop it when the contact has opted out."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [current_tenant_id(), person.visitor])
        rows = cursor.fetchall()
    if not rows or person.contact is None or person.is_opted_out:
        return 0
    items = set(Item.objects.filter(pk__in={row[4] for row in rows if row[4]}).values_list("pk", flat=True))
    is_new = events.record(_event(person.contact.pk, row, items) for row in rows)
    return sum(is_new)


def _event(contact_id: int, row: tuple[Any, ...], items: set[int]) -> NewEvent:
    source_id, source, kind, occurred_at, item_id, dwell_seconds, value, text = row
    return NewEvent(
        source=Source(source),
        source_id=source_id,
        contact_id=contact_id,
        kind=EventKind(kind),
        occurred_at=occurred_at,
        item_id=item_id if item_id in items else None,
        dwell_seconds=dwell_seconds,
        value=value,
        text=text,
    )


def answer(person: Person, given: Answer, place: str) -> None:
    """Write down what the person answered on a page; an answer older than the one we know changes nothing.

    Only a device whose owner has signed in speaks for the contact: links are passed on.
    """
    if not given.is_granted:
        HeldEvent.objects.filter(visitor=person.visitor).delete()
    if person.contact is None or not person.is_signed_in:
        return
    purpose = Consent.Purpose.PERSONALISATION
    known = Consent.objects.filter(contact=person.contact, purpose=purpose).first()
    if known is None or known.changed_at < given.answered_at:
        state = Consent.State.GRANTED if given.is_granted else Consent.State.WITHDRAWN
        evidence = f"{place}, {given.id}"
        contacts.set_consent(person.contact, purpose, state, _SYSTEM, evidence=evidence, at=given.answered_at)


def forget_old() -> int:
    """Delete what has waited for a name for 30 days, in the brand in scope."""
    num_deleted, _by_model = HeldEvent.objects.filter(received_at__lt=timezone.now() - KEEP).delete()
    return num_deleted
