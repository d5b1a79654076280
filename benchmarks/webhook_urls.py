"""The site's addresses with one more: a view that does nothing, measured beside the callback."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def say_success(request: HttpRequest) -> HttpResponse:
    """The yardstick: no body read, no query, nothing kept."""
    return HttpResponse(b"success", content_type="text/plain")


urlpatterns = [
    path("nothing/", say_success),
    path("hooks/nothing/", say_success),
    path("", include("config.urls")),
]
handler404 = "config.api.answer_not_found"
