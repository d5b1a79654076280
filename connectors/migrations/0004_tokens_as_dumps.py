"""Tokens are kept as the protocol core dumps them, one row per key; the earlier rows held nothing yet."""

import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy
import connectors.secrets
from accounts.operations import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_tracking")]

    operations = [
        migrations.DeleteModel("AccountToken"),
        migrations.CreateModel(
            name="AccountToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("value", connectors.secrets.SealedField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("fetched_at", models.DateTimeField(null=True)),
                (
                    "account",
                    accounts.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to="connectors.connectedaccount",
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
                "constraints": [models.UniqueConstraint(fields=["tenant", "account", "key"], name="account_token_once")]
            },
        ),
        ProtectTenantTable("AccountToken"),
        migrations.RemoveField("authorisation", "refresh_token"),
        migrations.AddField("connectedaccount", "daily_limits", models.JSONField(default=dict)),
    ]
