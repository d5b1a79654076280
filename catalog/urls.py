"""Pages of the catalog. The verb stands before the id, because a brand's own ids may contain slashes."""

from django.urls import path

from catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.items, name="items"),
    path("new/", views.new, name="new"),
    path("item/<path:external_id>/", views.item, name="item"),
    path("edit/<path:external_id>/", views.edit, name="edit"),
    path("state/<path:external_id>/", views.set_state, name="state"),
]
