"""Pages of contacts: list, contact, timeline, form, personalisation switch; and what people did with an item."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience import contacts as audience_contacts
from audience import merging, timeline
from audience.access import contact_for
from audience.forms import ContactFilter, ContactForm
from audience.models import Contact
from catalog.access import item_for

CONTACTS_PER_PAGE = 30


@needs(Can.VIEW)
@require_safe
def contacts(request: BrandRequest) -> HttpResponse:
    """The list: search, filters, order, pages."""
    form = ContactFilter(request.GET)
    found = audience_contacts.search(**form.conditions)
    page = Paginator(found, CONTACTS_PER_PAGE).get_page(request.GET.get("page"))
    acts = timeline.acts_of([contact.pk for contact in page])
    rows = [(contact, acts.get(contact.pk, timeline.Acts())) for contact in page]
    context = {"form": form, "page": page, "rows": rows, "tags": audience_contacts.tags()}
    return render(request, "audience/contacts.html", context)


@needs(Can.VIEW)
@require_safe
def contact(request: BrandRequest, code: str) -> HttpResponse:
    """One contact: who it is, what it agreed to, what it did, and the profile (fetched by the page)."""
    found = contact_for(code)
    context = _timeline_context(request, found) | {
        "identities": found.identities.order_by("kind", "pk"),
        "consents": found.consents.order_by("purpose"),
        "suggestions": merging.suggestions(found),
        "merges": merging.merges_of(found),
        "acts": timeline.acts_of([found.pk]).get(found.pk, timeline.Acts()),
    }
    return render(request, "audience/contact.html", context)


@needs(Can.VIEW)
@require_safe
def contact_timeline(request: BrandRequest, code: str) -> HttpResponse:
    """The timeline alone: another group of acts, or the next older ones."""
    return render(request, "audience/timeline.html", _timeline_context(request, contact_for(code)))


def _timeline_context(request: BrandRequest, contact: Contact) -> dict[str, Any]:
    group = request.GET.get("group", "")
    try:
        after = timeline.Place.parse(request.GET["after"]) if "after" in request.GET else None
    except ValueError as error:
        raise Http404 from error
    return {
        "contact": contact,
        "group": group,
        "groups": [(name, label) for name, (label, _kinds) in timeline.GROUPS.items()],
        "timeline": timeline.of_contact(contact, group, after),
        "after": after,
        "day_before": timezone.localtime(after.occurred_at).date() if after else None,
    }


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: BrandRequest, code: str) -> HttpResponse:
    """The form of facts, tags and consent."""
    found = contact_for(code)
    form = ContactForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save(by=request.actor)
        messages.success(request, _("The contact is saved."))
        return HttpResponseRedirect(brand_url(request, "audience:contact", code))
    context = {"form": form, "contact": found}
    return render(request, "audience/contact_form.html", context, status=422 if form.errors else 200)


@needs(Can.EDIT)
@require_POST
def personalisation(request: BrandRequest, code: str) -> HttpResponse:
    """Switch personal recommendations on or off; it works from the next answer on."""
    found = contact_for(code)
    audience_contacts.set_personalisation(found, is_off="is_on" not in request.POST, by=request.actor)
    if not request.htmx:
        return HttpResponseRedirect(brand_url(request, "audience:contact", code))
    answer = render(request, "audience/personalisation.html", {"contact": found})
    answer.headers["HX-Trigger"] = "personalisation-changed"
    return answer


@needs(Can.VIEW)
@require_safe
def item_activity(request: BrandRequest, external_id: str) -> HttpResponse:
    """A fragment of the item's page: what followers did with it lately."""
    activity = timeline.of_item(item_for(external_id))
    context = {"activity": activity, "num_days": timeline.ACTIVITY_DAYS, "chart": _bars(activity)}
    return render(request, "audience/item_activity.html", context)


def _bars(activity: timeline.Activity) -> dict[str, Any]:
    """Options of the chart: acts per day."""
    return {
        "grid": {"left": 8, "right": 8, "top": 12, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": activity.days},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [{"type": "bar", "name": _("Acts"), "data": activity.acts_per_day, "barMaxWidth": 18}],
    }
