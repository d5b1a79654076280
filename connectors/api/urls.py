"""Addresses of the REST API below `/api/v1/` that are about accounts, messages and links."""

from typing import Any

from django.urls import path

from connectors.api.accounts import AccountViewSet, FollowerViewSet, SyncViewSet, TotalViewSet
from connectors.api.content import DraftViewSet, MenuViewSet, PublicationViewSet, QrCodeViewSet
from connectors.api.people import LinkViewSet, MessageViewSet, RouteViewSet

_LIST: dict[str, Any] = {"get": "list", "post": "create"}
_ONE: dict[str, Any] = {"get": "retrieve"}

urlpatterns = [
    path("accounts/", AccountViewSet.as_view(_LIST)),
    path("accounts/<slug:code>/", AccountViewSet.as_view(_ONE)),
    path("accounts/<slug:code>/health/", AccountViewSet.as_view({"get": "health"})),
    path("accounts/<slug:code>/syncs/", SyncViewSet.as_view(_LIST)),
    path("accounts/<slug:code>/syncs/<slug:sync>/", SyncViewSet.as_view(_ONE)),
    path("accounts/<slug:code>/syncs/<slug:sync>/cancel/", SyncViewSet.as_view({"post": "cancel"})),
    path("accounts/<slug:code>/followers/", FollowerViewSet.as_view({"get": "list"})),
    path("accounts/<slug:code>/totals/", TotalViewSet.as_view({"get": "list"})),
    path("accounts/<slug:code>/qr_codes/", QrCodeViewSet.as_view(_LIST)),
    path("accounts/<slug:code>/qr_codes/<slug:qr_code>/", QrCodeViewSet.as_view(_ONE)),
    path("accounts/<slug:code>/qr_codes/<slug:qr_code>/picture/", QrCodeViewSet.as_view({"get": "picture"})),
    path("accounts/<slug:code>/menu/", MenuViewSet.as_view({"get": "present", "post": "publish"})),
    path("accounts/<slug:code>/menu/versions/", MenuViewSet.as_view({"get": "versions"})),
    path("accounts/<slug:code>/menu/versions/<slug:version>/restore/", MenuViewSet.as_view({"post": "restore"})),
    path("accounts/<slug:code>/drafts/", DraftViewSet.as_view({"get": "list"})),
    path("accounts/<slug:code>/publications/", PublicationViewSet.as_view(_LIST)),
    path("accounts/<slug:code>/publications/<slug:publication>/", PublicationViewSet.as_view(_ONE)),
    path("contacts/<str:external_id>/messages/", MessageViewSet.as_view({"get": "of_contact"})),
    path("contacts/<str:external_id>/routes/", RouteViewSet.as_view({"get": "to_contact"})),
    path("links/", LinkViewSet.as_view(_LIST)),
    path("links/<slug:code>/", LinkViewSet.as_view(_ONE)),
]
