"""Settings of a brand: members, API keys, the audit trail."""

from django.urls import URLPattern, path

from accounts import brand_views as views

app_name = "settings"
urlpatterns: list[URLPattern] = [
    path("", views.list_members, name="members"),
    path("members/<int:member_id>/role/", views.change_role, name="change_role"),
    path("members/<int:member_id>/remove/", views.remove_member, name="remove_member"),
    path("keys/", views.list_keys, name="keys"),
    path("keys/<slug:prefix>/revoke/", views.revoke_key, name="revoke_key"),
    path("audit/", views.list_audit, name="audit"),
]
