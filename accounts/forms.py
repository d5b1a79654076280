"""Forms of brands, members and API keys."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.keys import SCOPES
from accounts.models import Role, Tenant

TIME_ZONES = (
    ("Asia/Shanghai", _("Beijing, Shanghai (UTC+8)")),
    ("Asia/Hong_Kong", _("Hong Kong, Macao (UTC+8)")),
    ("Asia/Taipei", _("Taipei (UTC+8)")),
    ("Asia/Singapore", _("Singapore, Kuala Lumpur (UTC+8)")),
    ("Asia/Tokyo", _("Tokyo (UTC+9)")),
    ("Australia/Sydney", _("Sydney")),
    ("Europe/London", _("London")),
    ("Europe/Paris", _("Paris, Berlin")),
    ("America/New_York", _("New York")),
    ("America/Los_Angeles", _("Los Angeles")),
)
LIFETIMES = (("90", _("90 days")), ("365", _("One year")), ("30", _("30 days")), ("never", _("No expiry")))
SCOPE_LABELS = {
    "contacts:read": _("Read contacts"),
    "contacts:write": _("Write contacts"),
    "items:read": _("Read the catalog"),
    "items:write": _("Write the catalog"),
    "events:write": _("Send events"),
    "imports:read": _("Read uploads"),
    "imports:write": _("Upload files"),
    "models:read": _("Read models and training runs"),
    "models:write": _("Train, promote and roll back models"),
    "profiles:read": _("Read profiles"),
    "recommendations:read": _("Get recommendations"),
    "accounts:read": _("Read connected accounts, their followers, QR codes, menus and totals"),
    "accounts:write": _("Fetch from accounts, make QR codes, set menus, publish articles"),
    "accounts:connect": _("Connect accounts by AppID and AppSecret"),
    "messages:read": _("Read messages and the ways to reach contacts"),
    "links:read": _("Read tracked links and their clicks"),
    "links:write": _("Make tracked links"),
    "segments:read": _("Read segments"),
    "segments:write": _("Write segments"),
}


class NewBrandForm(forms.Form):
    """Name, industry and time zone of a new brand."""

    name = forms.CharField(label=_("Brand name"), max_length=80, widget=forms.TextInput(attrs={"autofocus": True}))
    industry = forms.ChoiceField(label=_("Industry"), choices=Tenant.Industry.choices, widget=forms.RadioSelect)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=TIME_ZONES)

    def clean_time_zone(self) -> str:
        return ZoneInfo(self.cleaned_data["time_zone"]).key


class MemberForm(forms.Form):
    """A person to be added, by e-mail address."""

    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MARKETER)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class RoleForm(forms.Form):
    """A member's new role."""

    role = forms.ChoiceField(choices=Role.choices)


class KeyForm(forms.Form):
    """A new API key: what it is for, what it may do, how long it lives."""

    name = forms.CharField(label=_("What is it for?"), max_length=80)
    scopes = forms.MultipleChoiceField(
        label=_("What may it do?"),
        choices=[(scope, SCOPE_LABELS[scope]) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        initial=["events:write", "profiles:read", "recommendations:read"],
    )
    lifetime_days = forms.ChoiceField(label=_("Valid for"), choices=LIFETIMES, initial="90")

    def expires_at(self) -> datetime | None:
        """When the key ends, counted from now; None for a key without end."""
        days = self.cleaned_data["lifetime_days"]
        return timezone.now() + timedelta(days=int(days)) if days != "never" else None


class AuditFilter(forms.Form):
    """Which lines of the audit trail to show."""

    actor = forms.CharField(required=False, max_length=200)
    verb = forms.CharField(required=False, max_length=60)
