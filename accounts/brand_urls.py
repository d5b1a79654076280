"""Settings of a brand: members, API keys, the audit trail."""

from django.urls import URLPattern

app_name = "settings"
urlpatterns: list[URLPattern] = []
