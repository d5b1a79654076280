"""Forms of tracking keys and tracked links."""

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Item
from common.errors import BadInput
from common.forms import BrandForm
from common.translation import explain
from connectors.tracking import keys


class KeyForm(BrandForm):
    """What a key is for and where it works."""

    name = forms.CharField(label=_("Name"), max_length=80)
    places = forms.CharField(
        label=_("Where it works"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "placeholder": "https://h5.example.com"}),
        help_text=_("One per line: origins such as https://h5.example.com or https://*.example.com, and AppIDs."),
    )
    needs_consent = forms.BooleanField(
        label=_("Send nothing before the person has agreed"),
        required=False,
        initial=True,
        help_text=_("The law asks for it where behaviour feeds a profile. Off only where you have asked before."),
    )

    def clean_places(self) -> list[str]:
        try:
            return keys.parse_places(self.cleaned_data["places"])
        except BadInput as error:
            raise forms.ValidationError(explain(error)) from error


class LinkForm(BrandForm):
    """Where a tracked link leads and what it is for."""

    name = forms.CharField(label=_("Name"), max_length=80)
    target = forms.URLField(
        label=_("Leads to"), max_length=1000, assume_scheme="https", help_text=_("Fixed once the link is made.")
    )
    item = forms.CharField(
        label=_("Item"),
        max_length=128,
        required=False,
        help_text=_("Id of the catalog's item that the page is about."),
    )
    campaign = forms.CharField(label=_("Campaign"), max_length=80, required=False)
    channel = forms.CharField(
        label=_("Channel"), max_length=80, required=False, widget=forms.TextInput(attrs={"list": "channels"})
    )

    def clean_item(self) -> Item | None:
        external_id = self.cleaned_data["item"]
        found: Item | None = Item.objects.filter(external_id=external_id).first() if external_id else None
        if external_id and found is None:
            raise forms.ValidationError(_("The catalog has no item with this id."))
        return found


class LiveFilter(forms.Form):
    """What the Live page is narrowed to; values that make no sense ask nothing."""

    group = forms.CharField(required=False, max_length=20)
    kind = forms.CharField(required=False, max_length=20)
    source = forms.CharField(required=False, max_length=4)
    seen = forms.IntegerField(required=False, min_value=0)
