"""Two contacts found to be one person: merged in one transaction, on the record, and taken apart again exactly.

Stage: collect. Reads audience.Contact, Identity. Writes contacts, audience.ContactMerge and, through
`audience.merged_rows`, every row that belongs to the merged contact. Until it is undone, the merged contact's own id
and code lead to the survivor.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.actors import Actor, record
from accounts.locks import Lock, take_turn, try_turn
from accounts.tenancy import current_tenant_id
from audience import contacts, merged_rows
from audience.models import Consent, Contact, ContactMerge, Erasure, Event, Identity
from common.errors import BadInput, Conflict
from common.text import sort_key

Basis = ContactMerge.Basis
_FACTS = ("name", "gender", "age_band", "region", "city")
_STRICTNESS = [Consent.State.GRANTED, Consent.State.DENIED, Consent.State.WITHDRAWN]
_NOTE_ROW = """UPDATE audience_contactmerge m SET kept = jsonb_set(m.kept, ARRAY[%(part)s], to_jsonb(c))
FROM audience_contact c WHERE m.tenant_id = %(tenant)s AND m.id = %(merge)s AND c.tenant_id = %(tenant)s
    AND c.id = %(contact)s"""
_NOTE_CONSENTS = """UPDATE audience_contactmerge SET kept = jsonb_set(kept, '{consents}', jsonb_build_object('both',
    (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM audience_consent c
     WHERE c.tenant_id = %(tenant)s AND c.contact_id IN (%(into)s, %(other)s))))
WHERE tenant_id = %(tenant)s AND id = %(merge)s"""
_MAKE_AGAIN = """INSERT INTO audience_contact SELECT r.* FROM audience_contactmerge m,
    jsonb_populate_record(NULL::audience_contact, m.kept->'other') r
WHERE m.tenant_id = %(tenant)s AND m.id = %(merge)s"""
_RESTORE = """UPDATE audience_contact c SET {columns} FROM (
    SELECT p.* FROM audience_contact x JOIN audience_contactmerge m ON m.tenant_id = x.tenant_id AND m.id = %(merge)s,
        jsonb_populate_record(x, (SELECT coalesce(jsonb_object_agg(b.key, b.value), '{{}}')
            FROM jsonb_each(m.kept->'before') b WHERE to_jsonb(x)->b.key = m.kept->'after'->b.key)) p
    WHERE x.tenant_id = %(tenant)s AND x.id = %(into)s) r
WHERE c.tenant_id = %(tenant)s AND c.id = r.id"""


@dataclass(frozen=True)
class Suggestion:
    """Another contact that carries the same mark of a person."""

    contact: Contact
    basis: str


@dataclass(frozen=True)
class Preview:
    """What merging would do: the survivor as it would be, and how much each of the two brings."""

    after: Contact
    consents: dict[str, str]
    """The stricter answer for every purpose that either has answered."""
    num_events: tuple[int, int]
    num_identities: tuple[int, int]


# --- looking --------------------------------------------------------------------------------------------------------


def suggestions(contact: Contact) -> list[Suggestion]:
    """Contacts with the same unionid or phone hash; the same openid within two accounts means nothing."""
    marks = Identity.objects.filter(contact=contact, kind__in=[Identity.Kind.UNIONID, Identity.Kind.PHONE_HASH])
    found: dict[int, Suggestion] = {}
    for mark in marks:
        twins = Identity.objects.filter(kind=mark.kind, value=mark.value).exclude(contact=contact)
        for twin in twins.select_related("contact")[:20]:
            found.setdefault(twin.contact_id, Suggestion(twin.contact, mark.kind))
    return list(found.values())


def preview(into: Contact, other: Contact) -> Preview:
    """Before and after, without changing anything."""
    after = copy(into)
    after.tags, after.attributes = list(into.tags), dict(into.attributes)
    _fill(after, other)
    return Preview(
        after,
        {answer.purpose: answer.state for answer in _strictest(_answers(into, other))},
        (Event.objects.filter(contact=into).count(), Event.objects.filter(contact=other).count()),
        (into.identities.count(), other.identities.count()),
    )


def merges_of(contact: Contact) -> list[ContactMerge]:
    """What was merged into the contact, the newest first, undone ones too."""
    return list(ContactMerge.objects.filter(into=contact).defer("kept").order_by("-pk"))


# --- merging --------------------------------------------------------------------------------------------------------


def merge(into: Contact, other: Contact, by: Actor, basis: str) -> ContactMerge:
    """Make the other contact part of the survivor. Raises BadInput, Conflict; then nothing has changed."""
    with transaction.atomic():
        into, other = _locked(into, other)
        made: ContactMerge = ContactMerge.objects.create(
            into=into, other_code=other.code, other_external_id=other.external_id, other_name=other.name,
            basis=basis, merged_by=by.label[:200], kept={"moved": {}, "ousted": {}},
        )  # fmt: skip
        _note_row(made, "before", into)
        _note_row(made, "other", other)
        _merge_consents(made, into, other)
        merged_rows.move(made, into.pk, other.pk)
        _fill(into, other)
        _delete(other)
        into.save()
        _note_row(made, "after", into)
        record(by, "merge", "contact", into.external_id, other=other.external_id, basis=basis, merge=made.code)
    return made


def merge_same_unionid(pairs: Iterable[tuple[int, int]], by: Actor) -> int:
    """Merge pairs of contacts of whom the platform says that they carry the same unionid; how many could be merged.

    The survivor is the one that the brand calls by an id of its own, else the older one. A pair that cannot be merged
    now (an upload at work, an erasure due) stays as it is.
    """
    num_merged = 0
    for pair in pairs:
        people = list(Contact.objects.filter(pk__in=pair).order_by("pk"))
        if len(people) == 2:  # an earlier pair may have merged one of them
            into, other = _survivor_first(people)
            try:
                merge(into, other, by, Basis.UNIONID)
            except Conflict:
                continue
            num_merged += 1
    return num_merged


def _survivor_first(people: list[Contact]) -> list[Contact]:
    named = Identity.objects.filter(contact__in=people).values_list("contact_id", "value")
    by_platform = set(named)
    return sorted(people, key=lambda person: ((person.pk, person.external_id) in by_platform, person.pk))


def _locked(into: Contact, other: Contact) -> tuple[Contact, Contact]:
    """Both rows as they are now, locked; refuses what must not be merged."""
    if into.pk == other.pk:
        raise BadInput(_("A contact cannot be merged with itself. Choose another one."))
    if {into.tenant_id, other.tenant_id} != {current_tenant_id()}:
        raise BadInput(_("Contacts of two brands are never merged. Choose two contacts of this brand."))
    _take_turns()
    found = {c.pk: c for c in Contact.objects.filter(pk__in=[into.pk, other.pk]).order_by("pk").select_for_update()}
    if len(found) < 2:
        raise Conflict(_("One of the contacts is gone: merged or erased. Load the page again."))
    _refuse_erased(found)
    return found[into.pk], found[other.pk]


def _take_turns() -> None:
    if not try_turn(Lock.IMPORT):
        raise Conflict(_("An upload is being worked on. Merge or separate contacts when it is done."))
    take_turn(Lock.CONTACTS)


def _refuse_erased(contact_ids: Iterable[int]) -> None:
    if Erasure.objects.filter(contact_id__in=list(contact_ids)).exists():
        raise Conflict(_("One of the contacts is to be erased. Merge and separate only contacts that stay."))


def _fill(into: Contact, other: Contact) -> None:
    """The survivor's facts win; what it lacks comes from the other. Personalisation stays off if either had it off."""
    for name in _FACTS:
        setattr(into, name, getattr(into, name) or getattr(other, name))
    into.name_sort = sort_key(into.name)
    into.tags = list(dict.fromkeys([*into.tags, *other.tags]))
    into.attributes = {**other.attributes, **into.attributes}
    moments = [moment for moment in (into.followed_at, other.followed_at) if moment]
    into.followed_at = max(moments, default=None)
    into.is_personalisation_off = into.is_personalisation_off or other.is_personalisation_off


def _answers(*people: Contact) -> list[Consent]:
    return list(Consent.objects.filter(contact__in=people))


def _strictest(answers: Iterable[Consent]) -> list[Consent]:
    """For each purpose the strictest answer, of equal ones the newest."""
    weakest_first = sorted(answers, key=lambda answer: (_strictness(answer.state), answer.changed_at))
    return list({answer.purpose: answer for answer in weakest_first}.values())


def _strictness(state: str) -> int:
    return _STRICTNESS.index(Consent.State(state))


def _merge_consents(made: ContactMerge, into: Contact, other: Contact) -> None:
    _execute(_NOTE_CONSENTS, made, into=into.pk, other=other.pk)
    kept = [answer.pk for answer in _strictest(_answers(into, other))]
    Consent.objects.filter(contact__in=[into, other]).exclude(pk__in=kept).delete()
    Consent.objects.filter(pk__in=kept).update(contact=into)


# --- taking apart ---------------------------------------------------------------------------------------------------


def undo(merge: ContactMerge, by: Actor) -> Contact:
    """Make the merged contact again with all that was its own; the newest merge first. Raises Conflict.

    What came since stays with the survivor. A refusal given since holds for both.
    """
    with transaction.atomic():
        into = _locked_for_undo(merge)
        other_id = int(merge.kept["other"]["id"])
        since = _answers_since(merge, into)
        was_switched_off = into.is_personalisation_off and not merge.kept["after"]["is_personalisation_off"]
        Consent.objects.filter(contact=into).delete()
        _execute(_MAKE_AGAIN, merge)
        merged_rows.move_back(merge, into.pk, other_id)
        _execute(merged_rows.put_back_sql("audience_consent"), merge, part="consents", name="both")
        _execute(_RESTORE.format(columns=_columns()), merge, into=into.pk)
        people = [Contact.objects.get(pk=into.pk), Contact.objects.get(pk=other_id)]
        _apply_since(people, since, was_switched_off, by)
        merge.undone_at, merge.undone_by, merge.kept = timezone.now(), by.label[:200], {}
        merge.save(update_fields=["undone_at", "undone_by", "kept"])
        record(by, "undo_merge", "contact", into.external_id, other=merge.other_external_id, merge=merge.code)
    return people[1]


def _locked_for_undo(merge: ContactMerge) -> Contact:
    _take_turns()
    merge.refresh_from_db()
    into: Contact = Contact.objects.select_for_update().get(pk=merge.into_id)
    _refuse_erased([into.pk])
    if merge.undone_at is not None:
        raise Conflict(_("This merge has been undone already."))
    if ContactMerge.objects.filter(into=into, undone_at=None, pk__gt=merge.pk).exists():
        raise Conflict(_("Contacts were merged into this one later. Undo the newest merge first."))
    if Contact.objects.filter(external_id=merge.other_external_id).exists():
        raise Conflict(
            _("There is a new contact with the id %(id)s. Merge it into this one, or change its id, then undo."),
            id=merge.other_external_id,
        )
    return into


def _columns() -> str:
    names = [field.column for field in Contact._meta.local_fields if field.column not in ("id", "tenant_id")]
    return ", ".join(f"{name} = r.{name}" for name in names)


def _answers_since(merge: ContactMerge, into: Contact) -> list[Consent]:
    """The survivor's answers that are none of those from before the merge."""
    before = {
        (row["id"], row["state"], row["evidence"], datetime.fromisoformat(row["changed_at"]))
        for row in merge.kept["consents"]["both"]
    }
    return [a for a in _answers(into) if (a.pk, a.state, a.evidence, a.changed_at) not in before]


def _apply_since(people: Sequence[Contact], since: list[Consent], was_switched_off: bool, by: Actor) -> None:
    """An answer given since is the survivor's; a stricter one is the other's as well, who may have been the speaker."""
    into, other = people
    known = {answer.purpose: _strictness(answer.state) for answer in _answers(other)}
    for answer in since:
        is_stricter = _strictness(answer.state) > known.get(answer.purpose, 0)
        for person in people if is_stricter else [into]:
            contacts.set_consent(
                person, answer.purpose, answer.state, by, evidence=answer.evidence, at=answer.changed_at
            )
    if was_switched_off:
        for person in (into, other):
            contacts.set_personalisation(person, is_off=True, by=by)


# --- rows -----------------------------------------------------------------------------------------------------------


def _note_row(made: ContactMerge, part: str, contact: Contact) -> None:
    _execute(_NOTE_ROW, made, part=part, contact=contact.pk)


def _delete(contact: Contact) -> None:
    """The row alone: all that pointed at it has been moved, which the database checks at the end."""
    _execute("DELETE FROM audience_contact WHERE tenant_id = %(tenant)s AND id = %(contact)s", contact=contact.pk)


def _execute(statement: str, merge: ContactMerge | None = None, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values | {"tenant": current_tenant_id(), "merge": merge.pk if merge else None})
