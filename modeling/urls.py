"""Pages of runs and model versions."""

from django.urls import path

from modeling import views

app_name = "modeling"
urlpatterns = [
    path("", views.show_home, name="runs"),
    path("new/", views.start_run, name="new_run"),
    path("runs/<slug:code>/", views.show_run, name="run"),
    path("runs/<slug:code>/live/", views.show_live, name="run_live"),
    path("runs/<slug:code>/cancel/", views.cancel_run, name="cancel_run"),
    path("runs/<slug:code>/retry/", views.retry_run, name="retry_run"),
    path("versions/", views.compare_versions, name="versions"),
    path("versions/<slug:code>/", views.show_version, name="version"),
    path("versions/<slug:code>/promote/", views.promote_version, name="promote"),
    path("versions/<slug:code>/retire/", views.retire_version, name="retire"),
    path("roll-back/<slug:purpose>/", views.roll_back, name="roll_back"),
]
