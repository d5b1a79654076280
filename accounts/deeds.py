"""The details of audit entries as sentences: what was stored under a name is said in the reader's language."""

from collections.abc import Iterator
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Role

PAIRS: dict[tuple[str, str], Any] = {
    ("before", "after"): gettext_lazy("From %(before)s to %(after)s"),
    ("created", "updated"): gettext_lazy("%(created)s new, %(updated)s changed"),
    ("purpose", "state"): gettext_lazy("%(purpose)s: %(state)s"),
    ("kind", "number"): gettext_lazy("%(kind)s, version %(number)s"),
}
"""Names that are said in one sentence."""
SENTENCES: dict[str, Any] = {
    "account": gettext_lazy("Account %(value)s"),
    "app_id": gettext_lazy("AppID %(value)s"),
    "basis": gettext_lazy("On the ground of %(value)s"),
    "budget_minutes": gettext_lazy("%(value)s minutes of training at most"),
    "delimiter": gettext_lazy("Columns separated by %(value)s"),
    "due_at": gettext_lazy("Due %(value)s"),
    "encoding": gettext_lazy("Read as %(value)s"),
    "evidence": gettext_lazy("Noted through %(value)s"),
    "external_ids": gettext_lazy("Ids: %(value)s"),
    "filename": gettext_lazy("File “%(value)s”"),
    "is_open": gettext_lazy("Open: %(value)s"),
    "kind": gettext_lazy("Kind: %(value)s"),
    "leader": gettext_lazy("Decided by %(value)s"),
    "merge": gettext_lazy("Merge %(value)s"),
    "message": gettext_lazy("Message %(value)s"),
    "mapping": gettext_lazy("Columns: %(value)s"),
    "name": gettext_lazy("Named “%(value)s”"),
    "needs_consent": gettext_lazy("Only with consent: %(value)s"),
    "num": gettext_lazy("%(value)s in all"),
    "number": gettext_lazy("Version %(value)s"),
    "permission_sets": gettext_lazy("Permission sets: %(value)s"),
    "openid": gettext_lazy("OpenID %(value)s"),
    "other": gettext_lazy("The other contact: %(value)s"),
    "places": gettext_lazy("Where: %(value)s"),
    "preset": gettext_lazy("Kind of data: %(value)s"),
    "purpose": gettext_lazy("For: %(value)s"),
    "reason": gettext_lazy("Because: %(value)s"),
    "role": gettext_lazy("As %(value)s"),
    "rolled_back": gettext_lazy("In place of version %(value)s"),
    "scopes": gettext_lazy("May: %(value)s"),
    "size_bytes": gettext_lazy("%(value)s large"),
    "state": gettext_lazy("Now: %(value)s"),
    "tag": gettext_lazy("Tag “%(value)s”"),
    "target": gettext_lazy("Leads to %(value)s"),
    "trial": gettext_lazy("Trial %(value)s"),
    "values": gettext_lazy("Values: %(value)s"),
    "verified": gettext_lazy("Verified: %(value)s"),
}
WORDS: dict[str, Any] = {
    **dict(Role.choices),
    "unionid": pgettext_lazy("detail of a deed", "the same UnionID"),
    "phone_hash": pgettext_lazy("detail of a deed", "the same phone number"),
    "person": pgettext_lazy("detail of a deed", "a person's decision"),
    "active": pgettext_lazy("detail of a deed", "active"),
    "draft": pgettext_lazy("detail of a deed", "draft"),
    "retired": pgettext_lazy("detail of a deed", "retired"),
    "granted": pgettext_lazy("detail of a deed", "granted"),
    "denied": pgettext_lazy("detail of a deed", "denied"),
    "withdrawn": pgettext_lazy("detail of a deed", "withdrawn"),
    "marketing": pgettext_lazy("detail of a deed", "marketing messages"),
    "personalisation": pgettext_lazy("detail of a deed", "personal recommendations"),
    "training": pgettext_lazy("detail of a deed", "model training"),
    "next_item": pgettext_lazy("detail of a deed", "next items"),
    "engagement": pgettext_lazy("detail of a deed", "conversion"),
    "vectors": pgettext_lazy("detail of a deed", "item vectors"),
    "pictures": pgettext_lazy("detail of a deed", "tags of pictures"),
    "sentiment": pgettext_lazy("detail of a deed", "tone of texts"),
    "tags": pgettext_lazy("detail of a deed", "categories and tags"),
    "search": pgettext_lazy("detail of a deed", "search for better settings"),
    "learning_curve": pgettext_lazy("detail of a deed", "forecast for more data"),
    "cross_validation": pgettext_lazy("detail of a deed", "cross-validation"),
    "service": pgettext_lazy("detail of a deed", "service account"),
    "subscription": pgettext_lazy("detail of a deed", "subscription account"),
    "miniprogram": pgettext_lazy("detail of a deed", "mini program"),
    "page": pgettext_lazy("detail of a deed", "the contact's page"),
    "api": pgettext_lazy("detail of a deed", "the API"),
}
"""Stored words as people call them; others are names and stay as they are."""


def describe_details(details: dict[str, Any]) -> list[str]:
    """One sentence per detail that says something; names nobody has a sentence for are shown with their value."""
    said = {name: value for name, value in details.items() if value not in ("", None, [], {})}
    return [*_pairs(said), *(_sentence(name, value) for name, value in said.items())]


def _pairs(said: dict[str, Any]) -> Iterator[str]:
    """The pairs that are there; their names are taken out."""
    for (one, other), sentence in PAIRS.items():
        if one in said and other in said:
            yield sentence % {one: _word(said.pop(one)), other: _word(said.pop(other))}


def _sentence(name: str, value: Any) -> str:
    shown = filesizeformat(value) if name == "size_bytes" else _word(value)
    return str(SENTENCES[name] % {"value": shown}) if name in SENTENCES else f"{name}: {shown}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return ", ".join(f"{name} ← {_word(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    return str(WORDS.get(value, value)) if isinstance(value, str) else str(value)
