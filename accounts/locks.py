"""Turns within one brand: work that must not overlap takes the brand's lock of that kind until its transaction ends."""

from enum import IntEnum, unique

from django.db import connection

from accounts.tenancy import current_tenant_id


@unique
class Lock(IntEnum):
    """What takes turns. The numbers are PostgreSQL advisory lock classes, in use nowhere else."""

    IMPORT = 0x46570002
    TRAINING_START = 0x46570003
    MODEL_VERSIONS = 0x46570004
    ITEMS = 0x46570005
    CONTACTS = 0x46570006
    SYNC = 0x46570007
    PUSHES = 0x46570008


def take_turn(lock: Lock) -> None:
    """Wait until nobody else of the brand in scope holds the lock, then hold it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock.value, current_tenant_id() % 2**31])


def try_turn(lock: Lock) -> bool:
    """Hold the lock until the transaction ends, or say at once that somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [lock.value, current_tenant_id() % 2**31])
        return bool(cursor.fetchone()[0])
