"""Pages outside a brand: home, the list of brands, a new brand, the health check."""

from django.urls import URLPattern, path

from accounts import views

app_name = "accounts"
urlpatterns: list[URLPattern] = [
    path("", views.open_home, name="home"),
    path("brands/", views.list_brands, name="brands"),
    path("brands/new/", views.create_brand, name="new_brand"),
    path("healthz", views.check_health, name="health"),
]
