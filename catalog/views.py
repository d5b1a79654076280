"""Pages of the catalog: list, item, form, state."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest, brand_url
from catalog import items as catalog_items
from catalog.access import item_for
from catalog.forms import ItemFilter, ItemForm
from catalog.models import Item
from common.errors import BadInput
from common.translation import explain

ITEMS_PER_PAGE = 24


@needs(Can.VIEW)
@require_safe
def items(request: BrandRequest) -> HttpResponse:
    """The list: pictures or table, filters, order, pages."""
    form = ItemFilter(request.GET)
    page = Paginator(catalog_items.search(**form.conditions), ITEMS_PER_PAGE).get_page(request.GET.get("page"))
    is_table = request.GET.get("look") == "table"
    context = {"form": form, "page": page, "is_table": is_table, "tags": catalog_items.tags()}
    return render(request, "catalog/items.html", context)


@needs(Can.VIEW)
@require_safe
def item(request: BrandRequest, external_id: str) -> HttpResponse:
    """One item with everything known about it."""
    return render(request, "catalog/item.html", {"item": item_for(external_id)})


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: BrandRequest) -> HttpResponse:
    """The empty form, and a new item."""
    return _form_page(request, None)


@needs(Can.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: BrandRequest, external_id: str) -> HttpResponse:
    """The filled form, and the changed item."""
    return _form_page(request, item_for(external_id))


def _form_page(request: BrandRequest, existing: Item | None) -> HttpResponse:
    form = ItemForm(existing, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            saved = form.save(by=request.actor)
        except BadInput as error:
            form.add_error(None, explain(error))
        else:
            messages.success(request, _("“%(title)s” is saved.") % {"title": saved})
            return HttpResponseRedirect(brand_url(request, "catalog:item", saved.external_id))
    context = {"form": form, "item": existing, "categories": catalog_items.categories()}
    return render(request, "catalog/form.html", context, status=422 if form.errors else 200)


@needs(Can.EDIT)
@require_POST
def set_state(request: BrandRequest, external_id: str) -> HttpResponse:
    """Show, hide or retire the item."""
    found = item_for(external_id)
    try:
        catalog_items.set_state(found, request.POST.get("state", ""), request.actor)
    except BadInput as error:
        messages.error(request, explain(error))
    else:
        messages.success(request, _("The state is now “%(state)s”.") % {"state": found.get_state_display()})
    return HttpResponseRedirect(brand_url(request, "catalog:item", external_id))
