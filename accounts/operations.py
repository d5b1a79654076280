"""Migration operations that put a tenant table under row-level security and tie its references to the tenant."""

from typing import Any

from django.db.migrations.operations.base import Operation

from accounts.tenancy import TenantForeignKey

_OWN_ROWS = "tenant_id = nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint"
_SYSTEM = "current_setting('app.tenant', true) = 'system'"


def protect_sql(table: str, *, is_system_visible: bool = False) -> list[str]:
    """Statements that enable and force row-level security on `table` (also for its owner)."""
    rule = f"({_OWN_ROWS}) OR ({_SYSTEM})" if is_system_visible else _OWN_ROWS
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant_isolation ON {table} USING ({rule}) WITH CHECK ({rule})",
    ]


def _foreign_key_sql(table: str, column: str, target: str) -> str:
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_tenant_fk FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED"
    )


class ProtectTenantTable(Operation):
    """Row-level security, `UNIQUE (tenant_id, id)` and composite foreign keys for one model's table."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, is_system_visible: bool = False) -> None:
        self.model_name = model_name
        self.is_system_visible = is_system_visible

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The project state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for statement in protect_sql(table, is_system_visible=self.is_system_visible):
            schema_editor.execute(statement)
        schema_editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_row UNIQUE (tenant_id, id)")
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                schema_editor.execute(_foreign_key_sql(table, field.column, field.related_model._meta.db_table))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{field.column}_tenant_fk")
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_tenant_row")
        schema_editor.execute(f"DROP POLICY tenant_isolation ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Put {self.model_name} under row-level security"


class AddTenantForeignKey(Operation):
    """The composite constraint of a `TenantForeignKey` that joined an existing table."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name = model_name
        self.field_name = field_name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The project state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.field_name)
        schema_editor.execute(_foreign_key_sql(model._meta.db_table, field.column, field.related_model._meta.db_table))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table, column = model._meta.db_table, model._meta.get_field(self.field_name).column
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_tenant_fk")

    def describe(self) -> str:
        return f"Tie {self.model_name}.{self.field_name} to the tenant"
