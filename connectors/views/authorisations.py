"""Authorising an account by QR code on the Open Platform: the way there and back."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest


@needs(Can.MANAGE)
@require_safe
def start(request: BrandRequest) -> HttpResponse:
    """The page that leads to WeChat."""
    raise Http404


@needs(Can.MANAGE)
@require_safe
def finish(request: BrandRequest) -> HttpResponse:
    """Where WeChat sends the administrator back to."""
    raise Http404
