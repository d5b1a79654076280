"""Pages of data: list of uploads, upload form, help on formats."""

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest
from audience.models import Import
from audience.presets import PRESETS
from audience.words import ITEM_WORDS, KIND_WORDS

IMPORTS_PER_PAGE = 25


@needs(Can.VIEW)
@require_safe
def imports(request: BrandRequest) -> HttpResponse:
    """The list of uploads, newest first."""
    found = Import.objects.select_related("job").order_by("-created_at", "-pk")
    page = Paginator(found, IMPORTS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "audience/imports.html", {"page": page})


@needs(Can.IMPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: BrandRequest) -> HttpResponse:
    """The upload form."""
    context = {"limit_bytes": settings.UPLOAD_MAX_BYTES, "preset": PRESETS.get(request.GET.get("preset", ""))}
    return render(request, "audience/upload.html", context)


@needs(Can.VIEW)
@require_safe
def formats(request: BrandRequest) -> HttpResponse:
    """What files may look like: the kinds of table, their columns, the known words."""
    return render(request, "audience/formats.html", {"presets": PRESETS.values()})
