"""Contacts: write, find by identity, consent. Stage: collect. Writes audience.Contact, Identity and Consent."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Func, OrderBy, OuterRef, Q, Subquery, Value
from django.db.models.functions import Replace
from django.db.models.query import QuerySet
from django.utils import timezone

from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn
from audience import erasures
from audience.models import Consent, Contact, ContactMerge, Event, Identity
from common.errors import Conflict
from common.text import sort_key

WRITABLE = ("name", "gender", "age_band", "region", "city", "tags", "attributes", "followed_at")
ORDERS: dict[str, tuple[OrderBy | str, ...]] = {
    "newest": (F("followed_at").desc(nulls_last=True), "-pk"),
    "last_act": (F("last_act_at").desc(nulls_last=True), "-pk"),
    "name": (ExpressionWrapper(Q(name_sort=""), BooleanField()).asc(), "name_sort", "pk"),
}
"""How lists of contacts may be sorted."""
_SHORTEST_IDENTITY = 6


def upsert(rows: Iterable[dict[str, Any]], by: Actor) -> tuple[int, int]:
    """Write contacts by `external_id`; left-out fields keep their value. Returns (created, updated).

    A row may carry `identities` (dicts with kind, account_ref, value) and `consents` (purpose -> state).
    """
    wanted = {str(row["external_id"]): row for row in rows}
    with transaction.atomic():
        take_turn(Lock.CONTACTS)
        known = _known_for_update(wanted)
        people = {external_id: known.get(external_id) or Contact(external_id=external_id) for external_id in wanted}
        for external_id, contact in people.items():
            _apply(contact, wanted[external_id])
        fresh = [contact for external_id, contact in people.items() if external_id not in known]
        changed = list({contact.pk: contact for contact in known.values()}.values())
        Contact.objects.bulk_create(fresh, batch_size=1000)
        Contact.objects.bulk_update(changed, [*WRITABLE, "name_sort", "updated_at"], batch_size=500)
        for external_id, contact in people.items():
            row = wanted[external_id]
            _add_identities(contact, row.get("identities", []))
            for purpose, state in row.get("consents", {}).items():
                set_consent(contact, purpose, state, by, evidence="api")
        record(by, "upsert", "contacts", str(len(wanted)), created=len(fresh), updated=len(changed))
    return len(fresh), len(changed)


def _known_for_update(external_ids: Iterable[str]) -> dict[str, Contact]:
    """The contacts that exist, by the id asked for: one that was merged into another is that other one."""
    ids = ids_by_external(external_ids)
    rows = {contact.pk: contact for contact in Contact.objects.filter(pk__in=ids.values()).select_for_update()}
    return {external_id: rows[pk] for external_id, pk in ids.items() if pk in rows}


def _apply(contact: Contact, row: dict[str, Any]) -> None:
    for name in WRITABLE:
        if name in row:
            setattr(contact, name, row[name])
    contact.name_sort = sort_key(contact.name)
    contact.updated_at = timezone.now()


def _add_identities(contact: Contact, identities: Iterable[dict[str, str]]) -> None:
    for row in identities:
        identity, _made = Identity.objects.get_or_create(
            kind=row["kind"],
            account_ref=row.get("account_ref", ""),
            value=row["value"],
            defaults={"contact": contact},
        )
        if identity.contact_id != contact.pk:
            raise Conflict(
                "The identity %(value)s already belongs to another contact. Merge the two contacts first.",
                value=row["value"],
            )


def set_consent(
    contact: Contact, purpose: str, state: str, by: Actor, *, evidence: str, at: datetime | None = None
) -> None:
    """Write the contact's answer for one purpose, with its proof; withdrawing personalisation switches it off."""
    Consent.objects.update_or_create(
        contact=contact,
        purpose=purpose,
        defaults={"state": state, "evidence": evidence[:200], "changed_at": at or timezone.now()},
    )
    record(by, "set_consent", "contact", contact.external_id, purpose=purpose, state=state, evidence=evidence)
    if purpose == Consent.Purpose.PERSONALISATION:
        set_personalisation(contact, is_off=state != Consent.State.GRANTED, by=by)


def set_personalisation(contact: Contact, *, is_off: bool, by: Actor) -> None:
    """Switch personal recommendations off or on for one contact (PIPL art. 24); the next answer obeys."""
    if contact.is_personalisation_off == is_off:
        return
    contact.is_personalisation_off = is_off
    contact.save(update_fields=["is_personalisation_off", "updated_at"])
    record(by, "personalisation_off" if is_off else "personalisation_on", "contact", contact.external_id)


def ids_by_external(external_ids: Iterable[str], *, create: bool = False) -> dict[str, int]:
    """Database ids of the brand's contacts by external id; with `create`, unknown people become contacts.

    The id of a contact that was merged into another leads to that one.
    """
    wanted = set(external_ids)
    found = dict(Contact.objects.filter(external_id__in=wanted).values_list("external_id", "pk"))
    if wanted - found.keys():
        merged = ContactMerge.objects.filter(undone_at=None, other_external_id__in=wanted - found.keys())
        found |= dict(merged.order_by("pk").values_list("other_external_id", "into_id"))
    missing = sorted(wanted - found.keys())
    if create and missing:
        Contact.objects.bulk_create([Contact(external_id=e) for e in missing], batch_size=1000, ignore_conflicts=True)
        found |= dict(Contact.objects.filter(external_id__in=missing).values_list("external_id", "pk"))
    return found


def find_by_code(code: str) -> Contact | None:
    """The contact with this public code, or the one it was merged into."""
    found: Contact | None = Contact.objects.filter(code=code).first()
    if found is None:
        merged = ContactMerge.objects.filter(other_code=code, undone_at=None).select_related("into").first()
        found = merged.into if merged else None
    return found


def known_as(kind: str, account_ref: str, value: str) -> Contact:
    """The contact with this identity; an unknown person becomes a contact whose external id is the identity's value."""
    wanted = {"kind": kind, "account_ref": account_ref, "value": value}
    found = Identity.objects.select_related("contact").filter(**wanted).first()
    if found is None:
        contact_id = ids_by_external([value], create=True)[value]
        made, _is_new = Identity.objects.get_or_create(**wanted, defaults={"contact_id": contact_id})
        found = Identity.objects.select_related("contact").get(pk=made.pk)
    return found.contact


def note_following(account_ref: str, openid: str, at: datetime, *, is_following: bool) -> None:
    """Note that the person began or ceased to follow an account at that time; a late note does not undo a newer one."""
    field = "followed_at" if is_following else "unfollowed_at"
    known = Identity.objects.filter(kind=Identity.Kind.OPENID, account_ref=account_ref, value=openid)
    is_older = Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lt": at})
    if known.filter(is_older).update(**{field: at}) and is_following:
        contact = Contact.objects.filter(pk__in=known.values("contact_id"))
        contact.filter(Q(followed_at=None) | Q(followed_at__lt=at)).update(followed_at=at, updated_at=timezone.now())


def forget_account(account_ref: str, num: int, by: Actor) -> int:
    """Forget up to `num` openids of an account; who is known by nothing else is erased. How many openids."""
    batch = list(Identity.objects.filter(kind=Identity.Kind.OPENID, account_ref=account_ref).order_by("pk")[:num])
    ids = [identity.contact_id for identity in batch]
    Identity.objects.filter(pk__in=[identity.pk for identity in batch]).delete()
    openids = [identity.value for identity in batch]
    nameless = Contact.objects.filter(pk__in=ids, external_id__in=openids, identities=None)
    erasures.erase(list(nameless), by)
    return len(batch)


def clear_profile(contact: Contact, by: Actor) -> None:
    """Forget the name the person had on the platform."""
    contact.name = contact.name_sort = ""
    contact.save(update_fields=["name", "name_sort", "updated_at"])
    record(by, "clear_profile", "contact", contact.external_id)


def search(
    *,
    text: str = "",
    gender: str = "",
    age_band: str = "",
    region: str = "",
    tag: str = "",
    has_events: bool | None = None,
    is_personalisation_off: bool | None = None,
    order: str = "newest",
) -> QuerySet[Contact]:
    """The brand's contacts that match everything asked; empty conditions ask nothing.

    `text` is looked for in names (characters or pinyin) and at the beginning of external ids and identities.
    """
    wanted: dict[str, object] = {"gender": gender, "age_band": age_band, "region": region}
    wanted |= {"tags__contains": [tag] if tag else ""}
    found: QuerySet[Contact] = Contact.objects.filter(**{field: value for field, value in wanted.items() if value})
    if is_personalisation_off is not None:
        found = found.filter(is_personalisation_off=is_personalisation_off)
    last_act = Event.objects.filter(contact=OuterRef("pk")).order_by("-occurred_at").values("occurred_at")[:1]
    found = found.alias(last_act_at=Subquery(last_act))
    if has_events is not None:  # one index probe per contact; an anti-join would read every event
        found = found.filter(last_act_at__isnull=not has_events)
    if text:
        found = found.alias(pinyin=Replace("name_sort", Value(" "), Value(""))).filter(_is_called(text))
    return found.order_by(*ORDERS[order])


def _is_called(text: str) -> Q:
    """A condition: the person has such a name or id."""
    is_match = Q(name__icontains=text) | Q(external_id__istartswith=text)
    if text.isascii():
        is_match |= Q(pinyin__contains=text.lower().replace(" ", ""))
    if len(text) >= _SHORTEST_IDENTITY:
        is_match |= Q(pk__in=Identity.objects.filter(value__startswith=text).values("contact_id"))
    return is_match


def regions() -> list[str]:
    """The regions the brand's contacts live in, the most frequent first."""
    counted = Contact.objects.exclude(region="").values("region").annotate(num_contacts=Count("pk"))
    return list(counted.order_by("-num_contacts", "region").values_list("region", flat=True)[:100])


def tags() -> list[str]:
    """The tags that contacts carry, the most used first."""
    single = Contact.objects.annotate(tag=Func(F("tags"), function="unnest")).values("tag")
    counted = single.annotate(num_contacts=Count("pk")).order_by("-num_contacts", "tag")
    return list(counted.values_list("tag", flat=True)[:200])
