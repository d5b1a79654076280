from django.db import migrations

from accounts.operations import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [("audience", "0001_initial"), ("accounts", "0002_protect"), ("catalog", "0002_protect")]

    operations = [
        ProtectTenantTable("Contact"),
        ProtectTenantTable("Identity"),
        ProtectTenantTable("Consent"),
        ProtectTenantTable("Import"),
        ProtectTenantTable("Engagement"),
        ProtectTenantTable("IdempotencyRecord"),
    ]
