"""Template tags of the page frame: navigation, durations, money, colours of people and states."""

from dataclasses import dataclass
from typing import Any

from django import forms, template
from django.forms import BoundField
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Job

register = template.Library()


@dataclass(frozen=True)
class NavEntry:
    """One line of the brand's navigation; `prefix` is the part of the address below the brand that it owns."""

    name: str
    prefix: str
    icon: str
    label: Any


NAVIGATION = (
    NavEntry("campaigns:home", "", "ti-smart-home", pgettext_lazy("navigation", "Home")),
    NavEntry("audience:imports", "data/", "ti-database-import", _("Data")),
    NavEntry("audience:contacts", "contacts/", "ti-users", _("Contacts")),
    NavEntry("segments:list", "segments/", "ti-chart-circles", _("Segments")),
    NavEntry("tracking:live", "tracking/", "ti-activity", _("Tracking")),
    NavEntry("catalog:items", "catalog/", "ti-books", _("Catalog")),
    NavEntry("connectors:accounts", "channels/", "ti-brand-wechat", pgettext_lazy("WeChat", "Accounts")),
    NavEntry("modeling:runs", "models/", "ti-brain", _("Models")),
    NavEntry("recommendations:preview", "recommendations/", "ti-sparkles", _("Recommendations")),
    NavEntry("settings:members", "settings/", "ti-settings", _("Settings")),
)


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The brand's navigation, with the entry of the present page marked `is_active`."""
    slug, path = context["tenant"].slug, context["request"].path
    below = path.removeprefix(f"/b/{slug}/")
    return [
        {
            "url": reverse(entry.name, args=[slug]),
            "icon": entry.icon,
            "label": entry.label,
            "is_active": below.startswith(entry.prefix) if entry.prefix else below == "",
        }
        for entry in NAVIGATION
    ]


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds for people, in two units at most: `1 min 20 s`; empty for None."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return gettext("%(seconds)s s") % {"seconds": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return gettext("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return gettext("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    days = hours // 24
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


@register.filter
def yuan(fen: int | None) -> str:
    """Money of the price tag: 12900 -> `¥129`, 12950 -> `¥129.50`; empty for None."""
    if fen is None:
        return ""
    sign, (whole, rest) = "-" if fen < 0 else "", divmod(abs(fen), 100)
    return f"{sign}¥{whole:,}" + (f".{rest:02d}" if rest else "")


@register.filter
def eta_seconds(job: Job) -> float | None:
    """Seconds until the job is done if it goes on as until now; None while that cannot be said."""
    if job.state != Job.State.RUNNING or not (job.started_at and job.progress_done and job.progress_total):
        return None
    elapsed = (timezone.now() - job.started_at).total_seconds()
    return elapsed * max(0, job.progress_total - job.progress_done) / job.progress_done


_HUES = ("green", "teal", "azure", "orange", "purple", "pink", "yellow", "lime")


@register.filter
def hue(name: object) -> str:
    """A colour word that stays the same for the same name (avatars)."""
    return _HUES[sum(str(name).encode()) % len(_HUES)]


@register.filter
def initial(name: object) -> str:
    """The letter or character that stands for a name in its avatar."""
    text = str(name).strip()
    return text[:1].upper()


_STATE_COLOURS = {
    "draft": "yellow", "confirmed": "azure", "running": "azure", "succeeded": "green", "done": "green", "failed": "red",
    "active": "green", "candidate": "azure", "live": "green", "granted": "green", "denied": "red", "revoked": "red",
    "applied": "green", "received": "azure", "paused": "yellow",
    "pending": "azure", "sending": "azure", "sent": "green", "refused": "red", "unknown": "yellow",
}  # fmt: skip


@register.filter
def state_colour(state: str) -> str:
    """The colour of a state's badge; grey for one that has none."""
    return _STATE_COLOURS.get(state, "secondary")


_INDUSTRY_ICONS = {"retail": "ti-shopping-bag", "education": "ti-school", "content": "ti-news"}


@register.filter
def industry_icon(industry: str) -> str:
    """The icon of a brand's industry."""
    return _INDUSTRY_ICONS.get(industry, "ti-building-store")


@register.filter
def is_group(field: BoundField) -> bool:
    """Whether the field is a group of radio buttons or boxes to tick."""
    return isinstance(field.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)


@register.filter
def is_tick(field: BoundField) -> bool:
    """Whether the field is one box to tick."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def styled(field: BoundField) -> SafeString:
    """The field's widget with the classes of the page's look and the marks of its errors."""
    widget = field.field.widget
    if is_group(field):
        return SafeString(field.as_widget(attrs={"class": "form-check-input"}))
    is_select = isinstance(widget, forms.Select)
    kind = "form-check-input" if is_tick(field) else "form-select" if is_select else "form-control"
    return field.as_widget(attrs={"class": f"{kind} is-invalid" if field.errors else kind})
