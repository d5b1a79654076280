"""Template filters for numbers and times, shared by the pages of catalog and audience."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

register = template.Library()


@register.filter
def grouped(number: int | float | str | None) -> str:
    """A whole number with commas between thousands, in every language: 12345.6 is 12,346; nothing stays empty."""
    return f"{number:,.0f}" if isinstance(number, int | float) else ""


@register.filter
def share_of(part: int | None, whole: int | None) -> str:
    """Percent with one decimal below ten: 3 of 40 is 7.5; of nothing it is 0."""
    percent = 100 * part / whole if part and whole else 0.0
    return f"{percent:.1f}" if 0 < percent < 10 else f"{percent:.0f}"


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago, in one unit; beyond a month the date: "3 hours ago"."""
    if at is None:
        return ""
    gone = timezone.now() - at
    minutes, hours, days = gone // timedelta(minutes=1), gone // timedelta(hours=1), gone.days
    if minutes < 1:
        return gettext("just now")
    if hours < 1:
        return ngettext("%(num)s minute ago", "%(num)s minutes ago", minutes) % {"num": minutes}
    if days < 1:
        return ngettext("%(num)s hour ago", "%(num)s hours ago", hours) % {"num": hours}
    if days < 31:
        return ngettext("%(num)s day ago", "%(num)s days ago", days) % {"num": days}
    return date_format(timezone.localtime(at), "Y-m-d")
