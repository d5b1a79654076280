"""What pages and people outside the site call: the collector, tracked links, the demo page."""

from django.urls import URLPattern, path

from connectors.views import collect

app_name = "tracker"
urlpatterns: list[URLPattern] = [
    path("collect/v1/events", collect.collect_events, name="collect"),
    path("t/<str:code>/", collect.follow_link, name="link"),
    path("track/demo/", collect.show_demo, name="demo"),
]
