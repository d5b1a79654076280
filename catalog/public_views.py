"""The one page of the catalog outside a brand: a picture by its signed address."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from catalog import pictures

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # a changed picture gets another address
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    """The stored picture; a forged address and a deleted picture look alike: 404."""
    found = pictures.read(token)
    if found is None:
        raise Http404
    content, content_type = found
    return HttpResponse(content, content_type, headers=_HEADERS)
