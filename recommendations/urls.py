"""Pages of recommendations. The word stands before the id, because a brand's own item ids may contain slashes."""

from django.urls import path

from recommendations import views

app_name = "recommendations"
urlpatterns = [
    path("", views.preview, name="preview"),
    path("profile/<slug:code>/", views.profile, name="profile"),
    path("similar/<path:external_id>/", views.similar, name="similar"),
]
