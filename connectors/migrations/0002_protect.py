from django.db import migrations

from accounts.operations import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [("connectors", "0001_initial"), ("accounts", "0002_protect")]

    operations = [
        ProtectTenantTable("ConnectedAccount"),
        ProtectTenantTable("AccountToken"),
        ProtectTenantTable("ApiUsage"),
        ProtectTenantTable("AccountProblem"),
        ProtectTenantTable("Authorisation"),
        ProtectTenantTable("PushReceipt"),
    ]
