"""Forms of contacts and uploads."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from audience import contacts
from audience.models import Consent, Contact
from catalog.forms import TagsField
from common.forms import BrandForm

_YES_NO = {"yes": True, "no": False}


def _regions() -> list[tuple[str, Any]]:
    return [("", _("All regions")), *((region, region) for region in contacts.regions())]


class ContactFilter(BrandForm):
    """What the list of contacts is narrowed to; values that make no sense ask nothing."""

    text = forms.CharField(max_length=80, required=False, label=_("Search"))
    gender = forms.ChoiceField(
        choices=[("", _("All genders")), *Contact.Gender.choices[1:]], required=False, label=_("Gender")
    )
    age_band = forms.ChoiceField(
        choices=[("", _("All ages")), *Contact.AgeBand.choices[1:]], required=False, label=_("Age")
    )
    region = forms.ChoiceField(choices=_regions, required=False, label=_("Region"))
    tag = forms.CharField(max_length=40, required=False, label=_("Tag"))
    has_events = forms.ChoiceField(
        choices=[("", _("Any activity")), ("yes", _("Has acted")), ("no", _("Never acted"))],
        required=False,
        label=_("Acts"),
    )
    is_personalisation_off = forms.ChoiceField(
        choices=[
            ("", _("Any personalisation")),
            ("no", _("Personalisation on")),
            ("yes", _("Personalisation off")),
        ],
        required=False,
        label=_("Personalisation"),
    )
    order = forms.ChoiceField(
        choices=[("newest", _("Newest first")), ("last_act", _("Last act first")), ("name", _("Name"))],
        required=False,
        label=_("Sort by"),
    )

    @property
    def conditions(self) -> dict[str, Any]:
        """Arguments for `contacts.search`."""
        self.is_valid()
        return {name: _YES_NO.get(value, value) for name, value in self.cleaned_data.items() if value}

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order was asked."""
        return bool(self.conditions.keys() - {"order"})


class AttributesField(forms.CharField):
    """The brand's own fields as lines `name: value`; cleaned to a dict of texts."""

    widget = forms.Textarea({"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        lines = [line.replace("：", ":").partition(":") for line in str(value or "").splitlines() if line.strip()]
        if any(not colon or not name.strip() for name, colon, _text in lines):
            raise forms.ValidationError(_("Write one field per line as “name: value”."))
        return {name.strip(): text.strip() for name, _colon, text in lines}

    def run_validators(self, value: Any) -> None:
        super().run_validators("\n".join(f"{name}{text}" for name, text in value.items()))


def _answer(purpose: Consent.Purpose) -> forms.ChoiceField:
    choices = [("", _("Never asked")), *Consent.State.choices]
    return forms.ChoiceField(choices=choices, required=False, label=purpose.label)


class ContactForm(BrandForm):
    """Facts, tags and consent of a contact."""

    name = forms.CharField(max_length=80, required=False, label=_("Name"))
    gender = forms.ChoiceField(choices=Contact.Gender.choices, required=False, label=_("Gender"))
    age_band = forms.ChoiceField(choices=Contact.AgeBand.choices, required=False, label=_("Age"))
    region = forms.CharField(max_length=40, required=False, label=_("Region"))
    city = forms.CharField(max_length=40, required=False, label=_("City"))
    followed_at = forms.DateTimeField(
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        required=False,
        label=_("Follows since"),
    )
    tags = TagsField(required=False, label=_("Tags"), help_text=_("Separate tags by commas."))
    attributes = AttributesField(
        max_length=10_000, required=False, label=_("Own fields"), help_text=_("One per line: name: value")
    )
    consent_marketing = _answer(Consent.Purpose.MARKETING)
    consent_personalisation = _answer(Consent.Purpose.PERSONALISATION)
    consent_training = _answer(Consent.Purpose.TRAINING)
    evidence = forms.CharField(
        max_length=200, required=False, label=_("How do you know?"),
        help_text=_("Kept as proof when an answer changes: a form, a call, a chat, with its date."),
    )  # fmt: skip

    def __init__(self, contact: Contact, *args: Any, **kwargs: Any) -> None:
        self.contact = contact
        self._answers = {consent.purpose: consent.state for consent in contact.consents.all()}
        initial = {name: getattr(contact, name) for name in contacts.WRITABLE}
        initial |= {f"consent_{purpose}": state for purpose, state in self._answers.items()}
        super().__init__(*args, initial=initial, **kwargs)
        for purpose in self._answers:  # an answer changes but never becomes unasked
            field = self.fields[f"consent_{purpose}"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = Consent.State.choices

    @property
    def consents(self) -> list[forms.BoundField]:
        """The fields of the answers, one per purpose."""
        return [self[f"consent_{purpose}"] for purpose in Consent.Purpose.values]

    def clean(self) -> dict[str, Any]:
        """An answer changes only with its proof."""
        if self._changed_answers() and not self.cleaned_data.get("evidence"):
            self.add_error("evidence", _("Write down how you know the new answer."))
        return self.cleaned_data

    def save(self, by: Actor) -> None:
        """Write what changed, and each changed answer with its proof."""
        row = {name: self.cleaned_data[name] for name in contacts.WRITABLE if name in self.changed_data}
        if "attributes" in row:
            row["attributes"] = _keep_types(self.contact.attributes, row["attributes"])
        if row:
            contacts.upsert([{"external_id": self.contact.external_id, **row}], by)
        for purpose, state in self._changed_answers().items():
            contacts.set_consent(self.contact, purpose, state, by, evidence=self.cleaned_data["evidence"])

    def _changed_answers(self) -> dict[str, str]:
        given = {purpose: self.cleaned_data.get(f"consent_{purpose}", "") for purpose in Consent.Purpose.values}
        return {purpose: state for purpose, state in given.items() if state and state != self._answers.get(purpose)}


def _keep_types(before: dict[str, Any], after: dict[str, str]) -> dict[str, Any]:
    """The new texts, but a value whose text did not change stays what it was (a number stays a number)."""
    return {name: before[name] if str(before.get(name)) == text else text for name, text in after.items()}
