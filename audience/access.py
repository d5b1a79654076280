"""From a public code or id to an object of the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from audience.contacts import ids_by_external
from audience.models import Contact, ContactMerge, Import


def contact_for(code: str) -> Contact:
    """The contact with this public code (pages)."""
    return _found(Contact.objects.filter(code=code).first())


def contact_by_external_id(external_id: str) -> Contact:
    """The contact with the brand's own id, or the one it was merged into (REST API)."""
    ids = ids_by_external([external_id])
    return _found(Contact.objects.filter(pk=ids.get(external_id)).first())


def merge_for(contact: Contact, code: str) -> ContactMerge:
    """The merge into this contact with this code."""
    found: ContactMerge | None = ContactMerge.objects.filter(into=contact, code=code).first()
    if found is None:
        raise Http404
    return found


def import_for(code: str) -> Import:
    """The upload with this public code."""
    found: Import | None = Import.objects.select_related("job").filter(code=code).first()
    if found is None:
        raise Http404
    return found


def _found(contact: Contact | None) -> Contact:
    if contact is None:
        raise Http404
    return contact
