"""Forms of mass sends."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import BrandForm
from connectors import mass_audience
from connectors.models import ConnectedAccount, MassSend


class MassForm(BrandForm):
    """What goes to whom: a text, or the draft or picture that the page was opened with."""

    kind = forms.ChoiceField(choices=MassSend.Kind.choices, widget=forms.HiddenInput)
    media_id = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)
    title = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Text"), max_length=2048, required=False, widget=forms.Textarea(attrs={"rows": 5})
    )  # fmt: skip
    audience = forms.ChoiceField(label=_("To whom"))

    def __init__(self, *args: Any, account: ConnectedAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.fields["audience"].choices = mass_audience.choices(account)  # type: ignore[attr-defined]  # a ChoiceField
        if self["kind"].value() != MassSend.Kind.TEXT:
            del self.fields["text"]
        else:
            self.fields["text"].required = True

    def content(self) -> dict[str, Any]:
        """The fields of MassSend that say what is sent."""
        data = self.cleaned_data
        if data["kind"] == MassSend.Kind.TEXT:
            return {"kind": data["kind"], "text": data["text"], "title": data["text"].strip()[:60]}
        title = data["title"] or data["media_id"]
        return {"kind": data["kind"], "media_id": data["media_id"], "title": title}

    def audience_fields(self) -> dict[str, Any]:
        """The fields of MassSend that say to whom."""
        return mass_audience.chosen(self.account, self.cleaned_data["audience"])


class PreviewForm(forms.Form):
    """The one person who sees it first."""

    person = forms.CharField(label=_("WeChat ID or openid"), max_length=64)
