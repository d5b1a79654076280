"""Pages of materials and articles: the shelves, uploads, deletions, drafts being published and their outcome."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, enters_scopes_itself, needs
from accounts.http import BrandRequest, brand_url
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from common.translation import explain
from connectors import capabilities, materials, publications
from connectors.access import account_for, publication_for
from connectors.forms import MaterialForm
from connectors.models import ConnectedAccount
from connectors.views.changes import attempt
from connectors.wechat.paging import PAGE_SIZE, Page

LABELS = {
    "image": gettext_lazy("Pictures"),
    "voice": gettext_lazy("Voices"),
    "video": gettext_lazy("Videos"),
    "drafts": gettext_lazy("Drafts"),
    "published": gettext_lazy("Published"),
}


@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def shelf(request: BrandRequest, code: str, shelf: str) -> HttpResponse:
    """One shelf of the library, 20 a page; sending the form uploads."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    if shelf not in materials.SHELVES:
        raise Http404
    form = MaterialForm(request.POST or None, request.FILES or None, kind=shelf)
    if request.method == "POST" and form.is_valid():
        try:
            materials.upload(account, shelf, **form.content(), by=request.actor)
        except FanwiseError as error:
            form.add_error("file", explain(error))
        else:
            messages.success(request, _("WeChat keeps it now."))
            return redirect(brand_url(request, "connectors:shelf", code, shelf))
    return _page(request, account, shelf, form)


def _page(request: BrandRequest, account: ConnectedAccount, shelf: str, form: MaterialForm) -> HttpResponse:
    with tenant_scope(request.tenant):
        context: dict[str, Any] = {"account": account, "tab": "materials", "shelf": shelf, "form": form}
        context |= {"shelves": LABELS.items(), "label": LABELS[shelf]}
        context["can_read"] = capabilities.has(account, "drafts")
        if context["can_read"]:
            context |= _contents(request, account, shelf)
        if shelf in ("drafts", "published"):
            context["publications"] = publications.newest(account)
        return render(request, "connectors/materials.html", context, status=422 if form.errors else 200)


def _contents(request: BrandRequest, account: ConnectedAccount, shelf: str) -> dict[str, Any]:
    """The shelf's page and the counts, or why WeChat does not tell them."""
    number = request.GET.get("page", "1")
    wanted = int(number) if number.isdecimal() and int(number[:6]) > 0 else 1
    try:
        found, counts = materials.page(account, shelf, wanted), materials.count(account)
    except FanwiseError as error:
        return {"problem": explain(error)}
    have = {"image": counts.num_images, "voice": counts.num_voices, "video": counts.num_videos}
    context: dict[str, Any] = {"found": found.entries, "num": have.get(shelf), "most": materials.LIMITS.get(shelf)}
    return context | {"page": _pager(found, wanted)}


def _pager(found: Page[Any], number: int) -> Any:
    """The page as the pager reads it."""
    return Paginator(range(found.total), PAGE_SIZE).get_page(number)


@require_POST
@enters_scopes_itself
@needs(Can.VIEW, write=Can.EDIT)
def delete(request: BrandRequest, code: str, shelf: str) -> HttpResponse:
    """Delete one material for good."""
    with tenant_scope(request.tenant):
        account = account_for(code)
    if shelf not in materials.LIMITS:
        raise Http404
    media_id, name = request.POST.get("media_id", ""), request.POST.get("name", "")
    try:
        materials.delete(account, media_id, name[:200], request.actor)
    except FanwiseError as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("It is deleted on WeChat."))
    return redirect(brand_url(request, "connectors:shelf", code, shelf))


@require_POST
@needs(Can.VIEW, write=Can.EDIT)
def publish(request: BrandRequest, code: str) -> HttpResponse:
    """Begin to publish a draft."""
    account = account_for(code)
    media_id, title = request.POST.get("media_id", "")[:128], request.POST.get("title", "")[:200]
    done = _("WeChat is asked to publish it. The outcome appears here.")
    attempt(request, lambda: publications.start(account, media_id, title, request.actor), done)
    return redirect(brand_url(request, "connectors:shelf", code, "drafts"))


@needs(Can.VIEW)
@require_safe
def publication(request: BrandRequest, code: str, publication: str) -> HttpResponse:
    """One publication's line, asked for every few seconds until its outcome is known."""
    account = account_for(code)
    found = publication_for(account, publication)
    status = 286 if found.is_ended else 200  # 286: htmx stops asking
    return render(request, "connectors/publication.html", {"account": account, "one": found}, status=status)
