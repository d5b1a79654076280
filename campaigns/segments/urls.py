"""Pages of segments."""

from django.urls import path

from campaigns.segments import views

app_name = "segments"
urlpatterns = [
    path("", views.show_all, name="list"),
    path("new/", views.make, name="new"),
    path("upload/", views.upload, name="upload"),
    path("preview/", views.preview, name="preview"),
    path("<slug:code>/", views.show, name="segment"),
    path("<slug:code>/edit/", views.edit, name="edit"),
    path("<slug:code>/portrait/", views.show_portrait, name="portrait"),
    path("<slug:code>/members.csv", views.export, name="export"),
    path("<slug:code>/archive/", views.archive, name="archive"),
    path("<slug:code>/restore/", views.restore, name="restore"),
    path("<slug:code>/why/<slug:contact>/", views.why, name="why"),
    path("<slug:code>/members/<slug:contact>/remove/", views.remove_member, name="remove_member"),
]
