"""Pages of the tracker: what arrives, how to install it, tracked links."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from audience.kinds import EventKind, Source
from common.errors import FanwiseError
from common.text import new_code
from common.translation import explain
from connectors.models import TrackedLink, TrackingKey
from connectors.tracking import batches, collector, keys, links, live, sights, tallies
from connectors.tracking.acts import PUBLIC_KINDS
from connectors.tracking.batches import Batch
from connectors.tracking.forms import KeyForm, LinkForm, LiveFilter
from connectors.tracking.snippets import snippets, warnings

LINKS_PER_PAGE = 30
RECENT = timedelta(days=6)
"""Links show their clicks of today and the six days before."""
NOTHING_NEW = 204


# --- live -----------------------------------------------------------------------------------------------------------


@require_safe
@needs(Can.VIEW)
def watch(request: BrandRequest) -> HttpResponse:
    """Events as they arrive, with what became of each."""
    return render(request, "connectors/tracking/live.html", _live_context(request))


@require_safe
@needs(Can.VIEW)
def watch_on(request: BrandRequest) -> HttpResponse:
    """The lines alone, asked for every two seconds; nothing when nothing has arrived since."""
    if request.GET.get("seen") == str(live.last(request.tenant.pk)):
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "connectors/tracking/stream.html", _live_context(request))


def _live_context(request: BrandRequest) -> dict[str, Any]:
    form = LiveFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    seen, chosen = wanted.get("seen") or 0, {name: wanted.get(name, "") for name in ("group", "kind", "source")}
    last = live.last(request.tenant.pk)
    return {
        "chosen": chosen,
        "seen": seen,
        "last": last,
        "lines": sights.lines(request.tenant, **chosen, seen=seen),
        "totals": sights.totals_today(request.tenant),
        "groups": sights.GROUPS.items(),
        "kinds": [(kind.word, kind.label) for kind in EventKind if kind in PUBLIC_KINDS],
        "sources": [(str(source.value), source.label) for source in (Source.TRACKER, Source.MINI_PROGRAM)],
        "keys": [key for key in keys.of_brand(request.tenant) if key.is_live],
    }


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def send_test(request: BrandRequest) -> HttpResponse:
    """Send one event through the collector's own way, as a device nobody knows; it never becomes anybody's."""
    key = next((key for key in keys.of_brand(request.tenant) if key.is_live), None)
    if key is None:
        raise Http404
    now = timezone.now()
    batch = Batch(
        key=key, source=Source.TRACKER, place=batches.own_place(request), visitor=f"test-{new_code()}",
        rows=[{"id": new_code(), "kind": EventKind.CUSTOM.word, "name": "test"}], received_at=now,
        sent_at_ms=now.timestamp() * 1000, consent="granted",
    )  # fmt: skip
    collector.collect(batch)
    return redirect(brand_url(request, "tracking:live"))


# --- install --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.VIEW, write=Can.MANAGE)
def install(request: BrandRequest) -> HttpResponse:
    """The brand's keys with the code to copy; POST makes a key."""
    form = KeyForm(request.POST or None, initial={"name": request.tenant.name})
    if request.method == "POST" and form.is_valid():
        keys.create(request.tenant, **form.cleaned_data, by=request.actor)
        messages.success(request, _("The key is ready. Copy the code into your pages."))
        return redirect(brand_url(request, "tracking:install"))
    rows = [_key_row(request, key) for key in keys.of_brand(request.tenant)]
    context = {"form": form, "rows": [row for row in rows if row["key"].is_live]}
    context["ended"] = [row["key"] for row in rows if not row["key"].is_live]
    return render(request, "connectors/tracking/install.html", context, status=422 if form.errors else 200)


def _key_row(request: BrandRequest, key: TrackingKey) -> dict[str, Any]:
    site = batches.own_place(request)
    filled = {"name": key.name, "places": "\n".join(key.places), "needs_consent": key.needs_consent}
    form = KeyForm(initial=filled, auto_id=f"id_{key.code}_%s")
    return {"key": key, "snippets": snippets(site, key), "warnings": warnings(key), "form": form}


@require_safe
@needs(Can.VIEW)
def show_light(request: BrandRequest) -> HttpResponse:
    """Whether the first event of a key has arrived; asked for until it has."""
    key = keys.key_of(request.tenant, request.GET.get("key", "")[:32].replace("\x00", ""))
    return render(request, "connectors/tracking/light.html", {"key": key})


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def change_key(request: BrandRequest, tracking_key: str) -> HttpResponse:
    """Set name, places and the demand for consent."""
    key = keys.key_of(request.tenant, tracking_key)
    form = KeyForm(request.POST)
    if form.is_valid():
        keys.change(key, **form.cleaned_data, by=request.actor)
        messages.success(request, _("Saved. It holds from the next request on."))
    for errors in form.errors.values():
        messages.error(request, " ".join(map(str, errors)))
    return redirect(brand_url(request, "tracking:install"))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def rotate_key(request: BrandRequest, tracking_key: str) -> HttpResponse:
    """Replace a key; the old one goes on for a while."""
    key = keys.key_of(request.tenant, tracking_key)
    try:
        with transaction.atomic():
            keys.rotate(key, request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        text = _("A new key is ready. The old one works for %(days)s more days: change your pages until then.")
        messages.success(request, text % {"days": keys.OVERLAP.days})
    return redirect(brand_url(request, "tracking:install"))


@require_POST
@needs(Can.VIEW, write=Can.MANAGE)
def revoke_key(request: BrandRequest, tracking_key: str) -> HttpResponse:
    """End a key at once."""
    keys.revoke(keys.key_of(request.tenant, tracking_key), request.actor)
    messages.success(request, _("The key is revoked; what pages send with it is refused from now on."))
    return redirect(brand_url(request, "tracking:install"))


# --- links ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Can.VIEW, write=Can.EDIT)
def list_links(request: BrandRequest) -> HttpResponse:
    """The brand's tracked links with their clicks; POST makes one."""
    form = LinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        link = links.create(**form.cleaned_data, by=request.actor)
        messages.success(request, _("The link “%(name)s” is ready to copy.") % {"name": link.name})
        return redirect(brand_url(request, "tracking:links"))
    found = TrackedLink.objects.select_related("item").order_by("-created_at")
    page = Paginator(found, LINKS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "rows": _link_rows(request, list(page)), "channels": _channels()}
    return render(request, "connectors/tracking/links.html", context, status=422 if form.errors else 200)


def _link_rows(request: BrandRequest, found: list[TrackedLink]) -> list[dict[str, Any]]:
    subjects = [f"link:{link.code}" for link in found]
    in_all = tallies.totals_of(subjects)
    recent = tallies.totals_of(subjects, tallies.today() - RECENT)
    return [
        {
            "link": link,
            "address": f"{batches.own_place(request)}/t/{link.code}/",
            "in_all": in_all[subject],
            "recent": recent[subject][links.CLICKS],
        }
        for link, subject in zip(found, subjects, strict=True)
    ]


def _channels() -> list[str]:
    used = TrackedLink.objects.exclude(channel="").values_list("channel", flat=True).distinct()
    return sorted(used)[:50]


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def open_link(request: BrandRequest, link: str) -> HttpResponse:
    """Close a link, or open it again."""
    found = links.link_for(link)
    links.set_open(found, request.actor, is_open=not found.is_open)
    return redirect(brand_url(request, "tracking:links"))
