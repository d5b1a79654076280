"""Forms of connected accounts."""

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.forms import TagsField
from common.forms import BrandForm
from connectors.models import ConnectedAccount, PushReceipt, QrCode

_NO_AUTOFILL = {"autocomplete": "off", "spellcheck": "false"}


def _secret_field() -> forms.CharField:
    return forms.CharField(
        label="AppSecret",
        max_length=128,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown again."),
    )


class ConnectForm(forms.Form):
    """An account, by AppID and AppSecret."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ConnectedAccount.Kind.choices, widget=forms.RadioSelect)
    name = forms.CharField(label=_("Name of the account"), max_length=80)
    app_id = forms.CharField(
        label="AppID", max_length=32, widget=forms.TextInput(attrs=_NO_AUTOFILL | {"placeholder": "wx…"})
    )
    app_secret = _secret_field()


class SecretForm(forms.Form):
    """A new AppSecret."""

    app_secret = _secret_field()


class AccountSettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """What may be changed without asking WeChat."""

    class Meta:
        model = ConnectedAccount
        fields = ("name", "message_mode", "is_handing_over")
        labels = {
            "name": _("Name of the account"),
            "message_mode": _("Message mode set in the WeChat console"),
            "is_handing_over": _("Hand messages over to human agents"),
        }
        help_texts = {
            "message_mode": _("Safe mode is best: only there does WeChat sign what it sends."),
            "is_handing_over": _("WeChat then opens a chat with your customer service for whoever writes."),
        }


class PushFilter(forms.Form):
    """Which pushes to show."""

    state = forms.ChoiceField(choices=[("", _("All states")), *PushReceipt.State.choices], required=False)
    kind = forms.CharField(required=False, max_length=60)


class TagForm(forms.Form):
    """A new tag of an account."""

    name = forms.CharField(
        label=_("Name of the new tag"),
        max_length=30,
        widget=forms.TextInput(attrs={"class": "form-control form-control-sm", "placeholder": _("New tag")}),
    )


class QrCodeForm(BrandForm):
    """A new QR code with a parameter."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("For example: 静安店 收银台"))
    purpose = forms.ChoiceField(label=_("Stands for"), choices=QrCode.Purpose.choices)
    tags = TagsField(
        label=_("Tags"), required=False, help_text=_("Put on everybody who scans it; separate with commas.")
    )
    lives_days = forms.IntegerField(
        label=_("Days it lives"),
        min_value=1,
        max_value=30,
        required=False,
        help_text=_("1 to 30. Empty: for ever; an account can have 100,000 of these and delete none."),
    )
