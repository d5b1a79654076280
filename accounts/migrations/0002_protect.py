from django.conf import settings
from django.db import migrations

from accounts.operations import ProtectTenantTable


def grant(apps, schema_editor):
    """Let the site's role work on everything the owner makes; the audit trail can only grow."""
    app, owner = settings.DATABASES["default"]["USER"], schema_editor.connection.settings_dict["USER"]
    quote = schema_editor.quote_name
    if app == owner:
        return
    tables = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{}}TABLES {{}}TO {quote(app)}"
    sequences = f"GRANT USAGE, SELECT ON {{}}SEQUENCES {{}}TO {quote(app)}"
    for statement in (tables, sequences):
        schema_editor.execute(statement.format("ALL ", "IN SCHEMA public "))
        schema_editor.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public " + statement.format("", ""))
    schema_editor.execute(f"REVOKE UPDATE, DELETE ON accounts_auditentry FROM {quote(app)}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunPython(grant, migrations.RunPython.noop),
        ProtectTenantTable("AuditEntry"),
        ProtectTenantTable("Job", is_system_visible=True),
    ]
