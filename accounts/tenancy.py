"""Tenant scope: one brand at a time, and nothing without a brand.

Two lines of defence. In Python, `TenantModel.objects` filters by the current scope and raises outside one. In
PostgreSQL, forced row-level security shows a role that is neither owner nor superuser only the rows of `app.tenant`,
set for the running transaction alone (`SET LOCAL`), so that a pooled connection cannot carry it to the next request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from django.db import connection, models, transaction

from common.queries import fetch_prepared

if TYPE_CHECKING:
    from accounts.models import Tenant

_SYSTEM = 0
_current: ContextVar[int | None] = ContextVar("current_tenant", default=None)


class NoTenantScope(RuntimeError):
    """Tenant data was touched outside a tenant scope: a programming error, never shown as data."""


def current_tenant_id() -> int:
    """The tenant of the running scope; raises `NoTenantScope` outside one."""
    tenant_id = _current.get()
    if not tenant_id:
        raise NoTenantScope("No tenant scope. Enter one with `tenant_scope(tenant)`.")
    return tenant_id


def is_in_scope() -> bool:
    """Whether a tenant scope, and so its transaction, is running."""
    return bool(_current.get())


@contextmanager
def tenant_scope(tenant: "Tenant | int") -> Iterator[None]:
    """Run the block in one transaction that sees and writes this tenant's rows only. Scopes nest."""
    with _scope(tenant if isinstance(tenant, int) else tenant.pk, str(getattr(tenant, "pk", tenant))):
        yield


@contextmanager
def system_scope() -> Iterator[None]:
    """Run the block with sight of every tenant's `Job` rows (their policy allows it) and of no other tenant data."""
    with _scope(_SYSTEM, "system"):
        yield


@contextmanager
def _scope(tenant_id: int, setting: str) -> Iterator[None]:
    is_nested = connection.in_atomic_block
    with transaction.atomic():
        outer = _database_tenant() if is_nested else ""
        _set_database_tenant(setting)
        token = _current.set(tenant_id)
        try:
            yield
        finally:
            _current.reset(token)
        if is_nested and not connection.needs_rollback:
            _set_database_tenant(outer)


def _set_database_tenant(value: str) -> None:
    fetch_prepared("SELECT set_config('app.tenant', %s, true)", [value])


def _database_tenant() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant', true), '')")
        return str(cursor.fetchone()[0])


class TenantQuerySet(models.QuerySet[Any]):
    """A query set that knows it belongs to one tenant."""


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]  # built at run time
    """Rows of the current scope; `unscoped()` for `system_scope` (row-level security still decides)."""

    def get_queryset(self) -> TenantQuerySet:
        queryset: TenantQuerySet = super().get_queryset().filter(tenant_id=current_tenant_id())
        return queryset

    def unscoped(self) -> TenantQuerySet:
        queryset: TenantQuerySet = super().get_queryset()
        return queryset


class TenantModel(models.Model):
    """Base of every table that holds a brand's data. The tenant comes from the scope, never from a form."""

    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, default=current_tenant_id, editable=False)

    objects = TenantManager()

    class Meta:
        abstract = True


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A reference between tenant tables. The database constraint is (tenant_id, column) -> (tenant_id, id).

    The constraint is made by `ProtectTenantTable` (or `AddTenantForeignKey`) in the migration.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class OwnerRouter:
    """Migrations run as the schema's owner (`migrate --database owner`), everything else as the bound role."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return None

    def allow_relation(self, obj1: Self, obj2: Self, **hints: Any) -> bool:
        return True
