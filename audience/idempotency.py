"""The same `Idempotency-Key` gets the same answer; the work behind it is done once."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.tenancy import current_tenant_id
from audience.models import IdempotencyRecord
from common.errors import BadInput, Conflict

_KEEP = timedelta(days=7)
Answer = tuple[int, dict[str, Any]]


class KeyReused(Conflict):
    """The key came earlier with another body."""

    code = "idempotency_key_reused"


def once(key: str, request_body: Any, work: Callable[[], Answer]) -> tuple[Answer, bool]:
    """Do `work` in the running transaction unless this key was answered before; True when it is a replay."""
    if not 1 <= len(key) <= 128 or not key.isprintable():
        raise BadInput("Idempotency-Key must be 1 to 128 printable characters.")
    digest = hashlib.sha256(json.dumps(request_body, sort_keys=True).encode()).hexdigest()
    with connection.cursor() as cursor:  # two requests with one key take turns
        lock = f"{current_tenant_id()}:{key}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
    earlier: IdempotencyRecord | None = IdempotencyRecord.objects.filter(key=key).first()
    if earlier is None:
        status, answer = work()
        IdempotencyRecord.objects.create(key=key, request_digest=digest, status=status, answer=answer)
        return (status, answer), False
    if earlier.request_digest != digest:
        raise KeyReused("This Idempotency-Key was used for another body. Use a new key for new content.")
    return (earlier.status, earlier.answer), True


def forget_old() -> int:
    """Delete the answers of the scope's brand that are older than a week."""
    num_deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - _KEEP).delete()
    return num_deleted
