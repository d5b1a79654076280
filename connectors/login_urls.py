"""Logging in through the brand's accounts."""

from django.urls import path

from connectors.views import login

app_name = "login"
urlpatterns = [
    path("<slug:code>/login/", login.start, name="start"),
    path("<slug:code>/login/back/", login.finish, name="back"),
    path("<slug:code>/session/", login.mini_session, name="session"),
]
