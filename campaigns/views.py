"""A brand's home."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import Can, needs
from accounts.http import BrandRequest


@require_safe
@needs(Can.VIEW)
def show_home(request: BrandRequest) -> HttpResponse:
    """What is useful at once."""
    return render(request, "campaigns/home.html")


@require_safe
@needs(Can.VIEW)
def show_card(request: BrandRequest) -> HttpResponse:
    """The brand's numbers in the list of brands."""
    return render(request, "campaigns/card.html")
