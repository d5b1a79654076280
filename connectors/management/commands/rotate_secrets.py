"""Wrap every stored secret with the first master key, so that the others can be removed from FIELD_ENCRYPTION_KEYS."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from accounts.models import Tenant
from accounts.tenancy import TenantModel, tenant_scope
from connectors.secrets import CannotUnseal, SealedField, is_current, rewrap

BATCH_ROWS = 500


class Command(BaseCommand):
    """Safe beside a running site and to be stopped at any time: what is done is skipped by the next run."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        num_rewrapped = num_lost = 0
        for model, fields in sealed_columns():
            for tenant in _tenants_of(model):
                done, lost = _rotate(model, fields, tenant)
                num_rewrapped, num_lost = num_rewrapped + done, num_lost + lost
        self.stdout.write(f"{num_rewrapped} secrets rewrapped with the first key")
        if num_lost:
            raise CommandError(f"{num_lost} secrets open with none of the keys: keep the old keys and look for more.")


def sealed_columns() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Every model with sealed fields, and their names."""
    for model in apps.get_models():
        fields = [field.name for field in model._meta.local_fields if isinstance(field, SealedField)]
        if fields:
            yield model, fields


def _tenants_of(model: type[models.Model]) -> list[Tenant | None]:
    return list(Tenant.objects.order_by("pk")) if issubclass(model, TenantModel) else [None]


def _rotate(model: type[models.Model], fields: list[str], tenant: Tenant | None) -> tuple[int, int]:
    """(rewrapped, not to be opened) of one table and brand, a batch per transaction."""
    num_rewrapped = num_lost = last_pk = 0
    while True:
        with tenant_scope(tenant) if tenant else transaction.atomic():
            rows = list(model._default_manager.filter(pk__gt=last_pk).order_by("pk")[:BATCH_ROWS])
            for row, field in ((row, field) for row in rows for field in fields):
                outcome = _rewrap_one(model, row, field)
                num_rewrapped, num_lost = num_rewrapped + (outcome is True), num_lost + (outcome is False)
        if len(rows) < BATCH_ROWS:
            return num_rewrapped, num_lost
        last_pk = rows[-1].pk


def _rewrap_one(model: type[models.Model], row: models.Model, field: str) -> bool | None:
    """Whether the value could be rewrapped; None when there was nothing to do. A value changed meanwhile is left."""
    sealed = getattr(row, field)
    if not sealed or is_current(sealed):
        return None
    try:
        fresh = rewrap(row, field)
    except CannotUnseal:
        return False
    same = model._default_manager.filter(**{"pk": row.pk, field: bytes(sealed)})
    return bool(same.update(**{field: fresh})) or None
