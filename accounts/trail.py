"""The audit trail in words: what the stored verbs and object types are called on the page."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import pgettext_lazy

from accounts.deeds import describe_details
from accounts.models import AuditEntry

VERBS: dict[str, Any] = {
    "accept": pgettext_lazy("deed", "Accepted"),
    "add": pgettext_lazy("deed", "Added"),
    "add_drafts": pgettext_lazy("deed", "Added drafts"),
    "archive": pgettext_lazy("deed", "Archived"),
    "authorise": pgettext_lazy("deed", "Authorised"),
    "block_contact": pgettext_lazy("deed", "Put on the blacklist on WeChat"),
    "bind": pgettext_lazy("deed", "Tied a WeChat login to"),
    "cancel": pgettext_lazy("deed", "Cancelled"),
    "change_layout": pgettext_lazy("deed", "Changed how it is read"),
    "change_role": pgettext_lazy("deed", "Changed the role"),
    "change_secret": pgettext_lazy("deed", "Changed the AppSecret"),
    "check": pgettext_lazy("deed", "Checked"),
    "clear_profile": pgettext_lazy("deed", "Cleared the profile"),
    "confirm": pgettext_lazy("deed", "Confirmed"),
    "connect": pgettext_lazy("deed", "Connected"),
    "create": pgettext_lazy("deed", "Created"),
    "create_tag": pgettext_lazy("deed", "Made a tag"),
    "delete_data": pgettext_lazy("deed", "Deleted the data"),
    "add_template": pgettext_lazy("deed", "Added a template on WeChat"),
    "clear_quotas": pgettext_lazy("deed", "Reset the day's calls on WeChat"),
    "delete_material": pgettext_lazy("deed", "Deleted a material on WeChat"),
    "delete_template": pgettext_lazy("deed", "Deleted a template on WeChat"),
    "delete_menu": pgettext_lazy("deed", "Deleted the menu"),
    "discard": pgettext_lazy("deed", "Discarded"),
    "disconnect": pgettext_lazy("deed", "Disconnected"),
    "dismiss": pgettext_lazy("deed", "Dismissed"),
    "erase": pgettext_lazy("deed", "Erased"),
    "label": pgettext_lazy("deed", "Labelled"),
    "lead_tag": pgettext_lazy("deed", "Decided who leads a tag"),
    "load": pgettext_lazy("deed", "Loaded"),
    "merge": pgettext_lazy("deed", "Merged a contact into"),
    "pause": pgettext_lazy("deed", "Paused"),
    "personalisation_off": pgettext_lazy("deed", "Switched personalisation off"),
    "personalisation_on": pgettext_lazy("deed", "Switched personalisation on"),
    "promote": pgettext_lazy("deed", "Promoted"),
    "create_draft": pgettext_lazy("deed", "Wrote a draft"),
    "save_draft": pgettext_lazy("deed", "Changed a draft"),
    "delete_draft": pgettext_lazy("deed", "Deleted a draft on WeChat"),
    "unpublish_article": pgettext_lazy("deed", "Deleted a published article"),
    "publish_article": pgettext_lazy("deed", "Published an article"),
    "draft_mass_send": pgettext_lazy("deed", "Wrote a mass send"),
    "send_mass": pgettext_lazy("deed", "Sent a mass send"),
    "retry_mass_send": pgettext_lazy("deed", "Tried a mass send again"),
    "discard_mass_send": pgettext_lazy("deed", "Discarded a mass send"),
    "preview_mass_send": pgettext_lazy("deed", "Previewed a mass send"),
    "take_back_mass_send": pgettext_lazy("deed", "Deleted a sent mass send"),
    "publish_menu": pgettext_lazy("deed", "Published the menu"),
    "remove": pgettext_lazy("deed", "Removed"),
    "remove_member": pgettext_lazy("deed", "Took a person off"),
    "restore": pgettext_lazy("deed", "Brought back"),
    "restore_menu": pgettext_lazy("deed", "Restored the menu"),
    "resume": pgettext_lazy("deed", "Resumed"),
    "retire": pgettext_lazy("deed", "Retired"),
    "retry": pgettext_lazy("deed", "Retried"),
    "revoke": pgettext_lazy("deed", "Revoked"),
    "roll_back": pgettext_lazy("deed", "Rolled back"),
    "rotate": pgettext_lazy("deed", "Replaced"),
    "rotate_keys": pgettext_lazy("deed", "Made a new key"),
    "schedule_erasure": pgettext_lazy("deed", "Scheduled the deletion"),
    "send_message": pgettext_lazy("deed", "Sent a message"),
    "set_consent": pgettext_lazy("deed", "Noted consent"),
    "set_state": pgettext_lazy("deed", "Changed the state"),
    "start": pgettext_lazy("deed", "Started"),
    "sync": pgettext_lazy("deed", "Fetched"),
    "train_with": pgettext_lazy("deed", "Trained with the settings of"),
    "unblock_contact": pgettext_lazy("deed", "Took off the blacklist on WeChat"),
    "undo": pgettext_lazy("deed", "Undid"),
    "undo_merge": pgettext_lazy("deed", "Took a merge apart"),
    "update": pgettext_lazy("deed", "Changed"),
    "upload": pgettext_lazy("deed", "Uploaded"),
    "upload_material": pgettext_lazy("deed", "Uploaded a material to WeChat"),
    "upsert": pgettext_lazy("deed", "Wrote"),
}
THINGS: dict[str, Any] = {
    "account": pgettext_lazy("trail", "WeChat account"),
    "api_key": pgettext_lazy("trail", "API key"),
    "brand": pgettext_lazy("trail", "Brand"),
    "consents": pgettext_lazy("trail", "Consents"),
    "contact": pgettext_lazy("trail", "Contact"),
    "contacts": pgettext_lazy("trail", "Contacts"),
    "content_model": pgettext_lazy("trail", "Content model"),
    "dataset": pgettext_lazy("trail", "Dataset"),
    "import": pgettext_lazy("trail", "Upload"),
    "item": pgettext_lazy("trail", "Item"),
    "items": pgettext_lazy("trail", "Items"),
    "labelled_pictures": pgettext_lazy("trail", "Labelled pictures"),
    "member": pgettext_lazy("trail", "Member"),
    "model_version": pgettext_lazy("trail", "Model version"),
    "qr_code": pgettext_lazy("trail", "QR code"),
    "sentiments": pgettext_lazy("trail", "Tone of texts"),
    "suggestions": pgettext_lazy("trail", "Suggestions"),
    "tracked_link": pgettext_lazy("trail", "Tracked link"),
    "tracking_key": pgettext_lazy("trail", "Tracking key"),
    "pushes": pgettext_lazy("trail", "Pushes"),
    "study": pgettext_lazy("trail", "Study of models"),
    "training_run": pgettext_lazy("trail", "Training run"),
    "segment": pgettext_lazy("trail", "Segment"),
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
    thing = str(THINGS.get(entry.object_type, entry.object_type))
    return Line(entry, verb_label(entry.verb), thing, describe_details(entry.details))


def verb_label(verb: str) -> str:
    """What the verb is called on the page."""
    return str(VERBS.get(verb, verb))
