"""The two lines of tenant defence: the manager in Python and row-level security in PostgreSQL."""

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import GLOBAL_MODELS
from accounts.tenancy import NoTenantScope, TenantForeignKey, TenantModel, tenant_scope
from audience.models import Contact, Identity
from catalog.models import Item
from connectors.models import GLOBAL_MODELS as CONNECTORS_GLOBAL

OWN_APPS = ["accounts", "catalog", "audience", "modeling", "recommendations", "campaigns", "connectors"]
TENANT_TABLES = [m for app in OWN_APPS for m in apps.get_app_config(app).get_models() if issubclass(m, TenantModel)]


def scalar(sql: str, *params: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def test_every_model_is_tenant_scoped_or_listed_as_global():
    models = [m for app in OWN_APPS for m in apps.get_app_config(app).get_models()]
    scoped = [m for m in models if issubclass(m, TenantModel) or m._meta.label == "audience.Event"]
    assert {m._meta.label for m in models} - {m._meta.label for m in scoped} == GLOBAL_MODELS | CONNECTORS_GLOBAL


@pytest.mark.django_db
@pytest.mark.parametrize("table", [m._meta.db_table for m in TENANT_TABLES] + ["audience_event", "audience_event_key"])
def test_every_tenant_table_forces_row_level_security(table):
    assert scalar("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table)


@pytest.mark.django_db
def test_every_event_partition_forces_row_level_security():
    naked = scalar(
        "SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = 'audience_event'::regclass AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert naked == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "column"),
    [
        (m._meta.db_table, f.column)
        for m in TENANT_TABLES
        for f in m._meta.local_fields
        if isinstance(f, TenantForeignKey)
    ],
)
def test_every_reference_between_tenant_tables_carries_the_tenant(table, column):
    keys = scalar(
        "SELECT count(*) FROM pg_constraint c WHERE contype = 'f' AND conrelid = %s::regclass "
        "AND cardinality(conkey) = 2 AND EXISTS (SELECT 1 FROM pg_attribute a "
        "WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey) AND attname = %s)",
        table,
        column,
    )
    assert keys == 1


@pytest.mark.django_db
def test_the_site_runs_as_a_role_that_row_level_security_binds():
    assert scalar("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") is False
    assert scalar("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relowner = current_user::regrole") == 0


def test_reading_outside_a_scope_raises(brand):
    with pytest.raises(NoTenantScope):
        Item.objects.count()


def test_building_a_row_outside_a_scope_raises(brand):
    with pytest.raises(NoTenantScope):
        Item(external_id="a")


def test_the_database_hides_other_tenants_from_raw_sql(brand, other_brand):
    with tenant_scope(other_brand):
        Item.objects.create(external_id="theirs")
    with tenant_scope(brand):
        Item.objects.create(external_id="ours")
        assert scalar("SELECT string_agg(external_id, ',') FROM catalog_item WHERE 1 = 1 OR 1 = 1") == "ours"
        assert Item.objects.unscoped().count() == 1
    assert scalar("SELECT count(*) FROM catalog_item") == 0


def test_the_database_refuses_a_row_for_another_tenant(brand, other_brand):
    with tenant_scope(brand), pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        Item.objects.create(external_id="smuggled", tenant=other_brand)


def test_the_database_refuses_a_reference_into_another_tenant(brand, other_brand):
    with tenant_scope(other_brand):
        theirs = Contact.objects.create(external_id="theirs")
    with tenant_scope(brand):
        Identity.objects.create(contact_id=theirs.pk, kind="openid", value="o1")
        with pytest.raises(IntegrityError), connection.cursor() as cursor, transaction.atomic():
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def test_scopes_nest_and_restore_the_outer_tenant(brand, other_brand):
    with tenant_scope(brand):
        with tenant_scope(other_brand):
            Item.objects.create(external_id="inner")
        Item.objects.create(external_id="outer")
        assert list(Item.objects.values_list("external_id", flat=True)) == ["outer"]


def test_an_error_inside_a_nested_scope_restores_the_outer_tenant(brand, other_brand):
    with tenant_scope(brand):
        with pytest.raises(ZeroDivisionError), tenant_scope(other_brand):
            raise ZeroDivisionError
        Item.objects.create(external_id="outer")
        assert Item.objects.count() == 1


def test_the_audit_trail_can_only_grow(scope, by):
    from accounts.actors import record
    from accounts.models import AuditEntry

    record(by, "test", "thing", "x")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        AuditEntry.objects.update(verb="forged")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        AuditEntry.objects.all()._raw_delete("default")
