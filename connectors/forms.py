"""Forms of connected accounts."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.forms import TagsField
from common.forms import BrandForm
from common.translation import explain
from connectors.models import ConnectedAccount, PushReceipt, QrCode
from connectors.problems import PlatformFailed
from connectors.wechat.errors import WeChatError
from connectors.wechat.materials import MEDIA_RULES, MediaKind, check_media

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

    kind = forms.ChoiceField(label=_("Kind"), choices=ConnectedAccount.Kind.choices)
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


class MaterialForm(BrandForm):
    """A file for the permanent library, checked by its own bytes before any of WeChat's quota is spent."""

    file = forms.FileField(label=_("File"))
    title = forms.CharField(label=_("Title"), max_length=64, required=False)
    introduction = forms.CharField(
        label=_("Introduction"), max_length=512, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = MediaKind(kind) if kind in ("image", "voice", "video") else None
        if self.kind is not None:
            rule = MEDIA_RULES[self.kind]
            limits = {"formats": ", ".join(rule.formats).upper(), "most": rule.most_bytes // 1024**2}
            self.fields["file"].help_text = _("%(formats)s, at most %(most)s MB.") % limits
            self.fields["file"].widget.attrs["accept"] = ",".join(f".{name}" for name in rule.formats)
        if self.kind == MediaKind.VIDEO:
            self.fields["title"].required = True
        else:
            del self.fields["title"], self.fields["introduction"]

    def clean_file(self) -> Any:
        """The file, if WeChat would take it as this kind."""
        if self.kind is None:
            raise forms.ValidationError(_("Articles are written in the draft box. Choose a kind of file."))
        file = self.cleaned_data["file"]
        most = MEDIA_RULES[self.kind].most_bytes
        content = file.read(most + 1)
        try:
            check_media(self.kind, content)
        except WeChatError as error:
            raise forms.ValidationError(explain(PlatformFailed(error))) from error
        self.cleaned_data["content"] = content
        return file

    def content(self) -> dict[str, Any]:
        """What is uploaded."""
        return {name: value for name, value in self.cleaned_data.items() if name != "file"}


class ReplyForm(forms.Form):
    """What to answer a person; WeChat takes 2,048 bytes."""

    text = forms.CharField(
        label=_("Your answer"), max_length=2048,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": _("Write an answer…")}),
    )  # fmt: skip
