"""Pages of data (uploads) and contacts."""

from django.urls import URLPattern, path  # noqa: F401

app_name = "audience"
urlpatterns: list[URLPattern] = []
