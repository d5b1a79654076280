from django.db import migrations

from accounts.operations import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("recommendations", "0001_initial"),
        ("audience", "0002_protect"),
        ("modeling", "0002_protect"),
    ]

    operations = [ProtectTenantTable("ContactScore")]
