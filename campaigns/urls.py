"""What the brand sees first: home."""

from django.urls import URLPattern, path  # noqa: F401

app_name = "campaigns"
urlpatterns: list[URLPattern] = []
