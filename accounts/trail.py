"""The audit trail in words: what the stored verbs and object types are called on the page."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry, Role

VERBS: dict[str, Any] = {
    "add": _("Added"),
    "cancel": _("Cancelled"),
    "change_layout": _("Changed how it is read"),
    "change_role": _("Changed the role"),
    "confirm": _("Confirmed"),
    "create": _("Created"),
    "discard": _("Discarded"),
    "load": _("Loaded"),
    "personalisation_off": _("Switched personalisation off"),
    "personalisation_on": _("Switched personalisation on"),
    "promote": _("Promoted"),
    "remove": _("Removed"),
    "retire": _("Retired"),
    "retry": _("Retried"),
    "revoke": _("Revoked"),
    "roll_back": _("Rolled back"),
    "set_consent": _("Noted consent"),
    "set_state": _("Changed the state"),
    "start": _("Started"),
    "undo": _("Undid"),
    "update": _("Changed"),
    "upload": _("Uploaded"),
    "upsert": _("Wrote"),
}
THINGS: dict[str, Any] = {
    "api_key": _("API key"),
    "brand": _("Brand"),
    "consents": _("Consents"),
    "contact": _("Contact"),
    "contacts": _("Contacts"),
    "dataset": _("Dataset"),
    "import": _("Upload"),
    "item": _("Item"),
    "items": _("Items"),
    "member": _("Member"),
    "model_version": _("Model version"),
    "training_run": _("Training run"),
}


@dataclass(frozen=True)
class Line:
    """One audit entry as the page shows it."""

    entry: AuditEntry
    verb: str
    thing: str
    details: list[str]


def describe(entry: AuditEntry) -> Line:
    """The entry in the reader's language; words the dictionaries lack stay as stored."""
    details = [f"{name}: {_plain(value)}" for name, value in entry.details.items() if value not in ("", None, [])]
    thing = str(THINGS.get(entry.object_type, entry.object_type))
    return Line(entry, verb_label(entry.verb), thing, details)


def verb_label(verb: str) -> str:
    """What the verb is called on the page."""
    return str(VERBS.get(verb, verb))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(dict(Role.choices).get(value, value)) if isinstance(value, str) else str(value)
