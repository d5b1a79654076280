"""Indexes of the request path on tables of the stages below.

`catalog_item_changed` answers "has anything in the catalogue changed?" from one index entry. `audience_event_owned` holds
only what people bought or finished, so that "never again" is checked over all their years without reading all their acts.
"""

from django.db import migrations

ITEM = "CREATE INDEX catalog_item_changed ON catalog_item (tenant_id, updated_at)"
EVENT = (
    "CREATE INDEX audience_event_owned ON audience_event (tenant_id, contact_id) INCLUDE (item_id) "
    "WHERE kind IN (12, 14, 15, 16)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("recommendations", "0002_protect"),
        ("catalog", "0002_protect"),
        ("audience", "0003_event_table"),
    ]

    operations = [
        migrations.RunSQL(ITEM, "DROP INDEX catalog_item_changed"),
        migrations.RunSQL(EVENT, "DROP INDEX audience_event_owned"),
    ]
