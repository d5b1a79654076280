"""Deletion of contacts that is due by law or by WeChat's rules: scheduled, carried out. Stage: collect.

Writes audience.Erasure; deletes contacts with everything that hangs on them, and their events. The keys of the events
stay (digests without a person), so that a repeated import does not bring the events back.
"""

from datetime import datetime

from django.db import connection

from accounts.actors import Actor, record
from accounts.tenancy import current_tenant_id
from audience.models import Contact, Erasure

BATCH_CONTACTS = 200


def schedule(contact: Contact, *, reason: str, due_at: datetime, by: Actor) -> Erasure:
    """Have the contact deleted at `due_at`; an earlier date that is set already stays."""
    erasure, is_new = Erasure.objects.get_or_create(contact=contact, defaults={"reason": reason, "due_at": due_at})
    if not is_new and due_at < erasure.due_at:
        erasure.due_at = due_at
        erasure.save(update_fields=["due_at"])
    if is_new:
        record(by, "schedule_erasure", "contact", contact.external_id, reason=reason, due_at=due_at.isoformat())
    return erasure


def erase_due(now: datetime) -> int:
    """Delete the contacts of the brand in scope whose day has come, at most a batch; how many."""
    due = Erasure.objects.filter(due_at__lte=now).select_related("contact").order_by("due_at", "pk")[:BATCH_CONTACTS]
    return erase([erasure.contact for erasure in due], Actor.system("erasure"))


def erase(people: list[Contact], by: Actor) -> int:
    """Delete these contacts and all that is known of them, now; the audit trail keeps that it happened, and no name."""
    ids = [contact.pk for contact in people]
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audience_event WHERE tenant_id = %s AND contact_id = ANY(%s)", [current_tenant_id(), ids]
        )
    Contact.objects.filter(pk__in=ids).delete()
    record(by, "erase", "contacts", str(len(ids)))
    return len(ids)
