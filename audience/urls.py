"""Pages of data (uploads) and contacts."""

from django.urls import path

from audience.views import contacts, imports, merges

app_name = "audience"
urlpatterns = [
    path("data/", imports.imports, name="imports"),
    path("data/upload/", imports.upload, name="upload"),
    path("data/formats/", imports.formats, name="formats"),
    path("data/readiness/", imports.show_readiness, name="readiness"),
    path("data/<slug:code>/", imports.show, name="import"),
    path("data/<slug:code>/layout/", imports.change_layout, name="import_layout"),
    path("data/<slug:code>/check/", imports.check, name="import_check"),
    path("data/<slug:code>/start/", imports.start, name="import_start"),
    path("data/<slug:code>/progress/", imports.progress, name="import_progress"),
    path("data/<slug:code>/cancel/", imports.cancel, name="import_cancel"),
    path("data/<slug:code>/undo/", imports.undo, name="import_undo"),
    path("data/<slug:code>/discard/", imports.discard, name="import_discard"),
    path("data/<slug:code>/rejects/", imports.rejects, name="import_rejects"),
    path("contacts/", contacts.contacts, name="contacts"),
    path("contacts/<str:code>/", contacts.contact, name="contact"),
    path("contacts/<str:code>/timeline/", contacts.contact_timeline, name="timeline"),
    path("contacts/<str:code>/edit/", contacts.edit, name="edit_contact"),
    path("contacts/<str:code>/personalisation/", contacts.personalisation, name="personalisation"),
    path("contacts/<str:code>/merge/", merges.merge, name="merge_contact"),
    path("contacts/<str:code>/merges/<str:merge_code>/undo/", merges.undo, name="undo_merge"),
    path("activity/<path:external_id>/", contacts.item_activity, name="item_activity"),
]
