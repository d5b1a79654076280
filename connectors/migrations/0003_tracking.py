"""Keys to the collector, devices and the events that wait for their names, tracked links, counts.

Undoing an upload deletes contacts and items by SQL: a device goes with its contact, a link outlives its item.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy
from accounts.operations import ProtectTenantTable

_CONSTRAINT = (
    "ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_tenant_fk, ADD CONSTRAINT {table}_{column}_tenant_fk "
    "FOREIGN KEY (tenant_id, {column}) REFERENCES {target} (tenant_id, id) {action} DEFERRABLE INITIALLY DEFERRED"
)
_WITH_CONTACT = _CONSTRAINT.format(
    table="connectors_visitor", column="contact_id", target="audience_contact", action="ON DELETE CASCADE"
)
_WITHOUT_ITEM = _CONSTRAINT.format(
    table="connectors_trackedlink", column="item_id", target="catalog_item", action="ON DELETE SET NULL (item_id)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_protect"),
        ("audience", "0004_detached_months"),
        ("catalog", "0003_item_url"),
        ("connectors", "0002_protect"),
    ]

    operations = [
        migrations.CreateModel(
            name="LinkAddress",
            fields=[
                ("code", models.CharField(max_length=16, primary_key=True, serialize=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HeldEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("visitor", models.CharField(max_length=64)),
                ("source_id", models.CharField(max_length=140)),
                ("source", models.SmallIntegerField()),
                ("kind", models.SmallIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("item_id", models.BigIntegerField(null=True)),
                ("dwell_seconds", models.FloatField(null=True)),
                ("value", models.FloatField(null=True)),
                ("text", models.TextField(null=True)),
                ("received_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=accounts.tenancy.current_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant", "visitor"], name="held_event_visitor"),
                    models.Index(fields=["tenant", "received_at"], name="held_event_oldest"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "source_id", "source"), name="held_event_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackedLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=80)),
                ("target", models.URLField(max_length=1000)),
                ("campaign", models.CharField(blank=True, max_length=80)),
                ("channel", models.CharField(blank=True, max_length=80)),
                ("is_open", models.BooleanField(default=True)),
                ("created_by", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "item",
                    accounts.tenancy.TenantForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="catalog.item"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        default=accounts.tenancy.current_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-created_at"], name="tracked_link_newest")],
                "constraints": [models.UniqueConstraint(fields=("tenant", "code"), name="tracked_link_code")],
            },
        ),
        migrations.CreateModel(
            name="TrackingKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(max_length=80)),
                (
                    "places",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120), default=list, size=None
                    ),
                ),
                ("needs_consent", models.BooleanField(default=True)),
                ("created_by", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("first_event_at", models.DateTimeField(null=True)),
                ("last_event_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["tenant", "-created_at"], name="tracking_key_newest")],
            },
        ),
        migrations.CreateModel(
            name="TrackingTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=40)),
                ("day", models.DateField()),
                ("outcome", models.CharField(max_length=40)),
                ("slot", models.SmallIntegerField()),
                ("num", models.BigIntegerField()),
                (
                    "tenant",
                    models.ForeignKey(
                        default=accounts.tenancy.current_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "subject", "day", "outcome", "slot"), name="tracking_tally_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Visitor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=64)),
                ("is_signed_in", models.BooleanField(default=False)),
                ("named_at", models.DateTimeField()),
                (
                    "contact",
                    accounts.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="audience.contact"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        default=accounts.tenancy.current_tenant_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "contact"], name="visitor_contact")],
                "constraints": [models.UniqueConstraint(fields=("tenant", "code"), name="visitor_once")],
            },
        ),
        ProtectTenantTable("Visitor"),
        ProtectTenantTable("HeldEvent"),
        ProtectTenantTable("TrackedLink"),
        ProtectTenantTable("TrackingTally"),
        migrations.RunSQL([_WITH_CONTACT, _WITHOUT_ITEM], migrations.RunSQL.noop),
    ]
