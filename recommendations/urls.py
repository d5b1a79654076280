"""Pages of recommendations."""

from django.urls import URLPattern, path  # noqa: F401

app_name = "recommendations"
urlpatterns: list[URLPattern] = []
