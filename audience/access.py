"""From a public code or id to an object of the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from audience.models import Contact, Import


def contact_for(code: str) -> Contact:
    """The contact with this public code (pages)."""
    return _found(Contact.objects.filter(code=code).first())


def contact_by_external_id(external_id: str) -> Contact:
    """The contact with the brand's own id (REST API)."""
    return _found(Contact.objects.filter(external_id=external_id).first())


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
