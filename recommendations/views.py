"""Pages of recommendations: the preview, a contact's profile, similar items."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest
from audience.access import contact_for
from catalog.access import item_for
from catalog.models import Item
from recommendations import charts, previews, slates
from recommendations.activity import Activity, activity_of, stage_of
from recommendations.interests import interests_of
from recommendations.previews import Preview
from recommendations.profiles import profile_of

NUM_ON_PROFILE = 6
NUM_SIMILAR = 6


@needs(Can.VIEW)
@require_safe
def preview(request: BrandRequest) -> HttpResponse:
    """Choose a contact (or a newcomer) and see the slate, alone or by two versions side by side."""
    asked = Preview.read(request.GET)
    now = timezone.now()
    context: dict[str, Any] = {
        "asked": asked,
        "columns": asked.columns(now),
        "kinds": Item.Kind.choices,
        "versions": previews.next_item_versions(),
        "newcomer": previews.NEWCOMER,
    }
    if asked.contact is not None and not asked.is_newcomer:
        activity = activity_of(asked.contact.pk, now)
        context |= {
            "acts": previews.latest_acts(asked.contact),
            "activity": activity,
            "stage": stage_of(asked.contact, activity, now),
            "interests": interests_of(asked.contact.pk, now),
        }
    return render(request, "recommendations/preview.html", context)


@needs(Can.VIEW)
@require_safe
def profile(request: BrandRequest, code: str) -> HttpResponse:
    """A contact's 用户画像 with recommendations: the part that the contact's page fetches."""
    contact = contact_for(code)
    found = profile_of(contact)
    context = {
        "profile": found,
        "windows": _windows(found.activity),
        "slate": slates.recommend(contact, NUM_ON_PROFILE),
        "radar": charts.interest_radar(found.interests["categories"]),
    }
    return render(request, "recommendations/profile.html", context)


def _windows(activity: Activity) -> list[tuple[int, str]]:
    names = {7: _("acts in 7 days"), 30: _("acts in 30 days"), 90: _("acts in 90 days")}
    return [*((activity.num_acts(days), name) for days, name in names.items()), (activity.num_acts(), _("acts in all"))]


@needs(Can.VIEW)
@require_safe
def similar(request: BrandRequest, external_id: str) -> HttpResponse:
    """What goes with an item: the part that the item's page fetches."""
    item = item_for(external_id)
    return render(request, "recommendations/similar.html", {"item": item, "slate": slates.similar(item, NUM_SIMILAR)})
