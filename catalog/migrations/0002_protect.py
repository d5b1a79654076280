from django.db import migrations

from accounts.operations import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("accounts", "0002_protect")]

    operations = [ProtectTenantTable("Item")]
