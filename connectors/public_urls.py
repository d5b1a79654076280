"""Addresses that platforms call."""

from django.urls import path

from connectors.views import hooks

app_name = "hooks"
urlpatterns = [
    path("wechat/<slug:code>/", hooks.account_push, name="wechat"),
    path("wechat-open/", hooks.platform_notice, name="platform"),
    path("wechat-open/<slug:app_id>/", hooks.authorised_push, name="authorised_push"),
]
