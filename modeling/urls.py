"""Pages of datasets, runs and model versions."""

from django.urls import URLPattern, path  # noqa: F401

app_name = "modeling"
urlpatterns: list[URLPattern] = []
