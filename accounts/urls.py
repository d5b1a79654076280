"""Pages outside a brand: home, the list of brands, a new brand."""

from django.urls import URLPattern

app_name = "accounts"
urlpatterns: list[URLPattern] = []
