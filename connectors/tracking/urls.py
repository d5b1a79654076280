"""Pages of the tracker: what arrives, how to install it, tracked links."""

from django.urls import URLPattern, path

from connectors.views import tracking as views

app_name = "tracking"
urlpatterns: list[URLPattern] = [
    path("", views.watch, name="live"),
    path("stream/", views.watch_on, name="stream"),
    path("test/", views.send_test, name="send_test"),
    path("install/", views.install, name="install"),
    path("install/light/", views.show_light, name="light"),
    path("keys/<slug:tracking_key>/", views.change_key, name="change_key"),
    path("keys/<slug:tracking_key>/rotate/", views.rotate_key, name="rotate_key"),
    path("keys/<slug:tracking_key>/revoke/", views.revoke_key, name="revoke_key"),
    path("links/", views.list_links, name="links"),
    path("links/<slug:link>/", views.open_link, name="open_link"),
]
