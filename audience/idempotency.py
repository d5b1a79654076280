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
    _check(key)
    with connection.cursor() as cursor:  # two requests with one key take turns
        lock = f"{current_tenant_id()}:{key}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
    earlier = recall(key, request_body)
    if earlier is not None:
        return earlier, True
    answer = work()
    keep(key, request_body, answer)
    return answer, False


def recall(key: str, request_body: Any) -> Answer | None:
    """The answer this key got before. Raises KeyReused when it came with another body.

    With `keep` for work outside transactions, which must then be safe to repeat by itself.
    """
    _check(key)
    earlier: IdempotencyRecord | None = IdempotencyRecord.objects.filter(key=key).first()
    if earlier is None:
        return None
    if earlier.request_digest != _digest(request_body):
        raise KeyReused("This Idempotency-Key was used for another body. Use a new key for new content.")
    return earlier.status, earlier.answer


def keep(key: str, request_body: Any, answer: Answer) -> None:
    """Note the answer for repetitions; the first one stays."""
    first = {"request_digest": _digest(request_body), "status": answer[0], "answer": answer[1]}
    IdempotencyRecord.objects.get_or_create(key=key, defaults=first)


def _check(key: str) -> None:
    if not 1 <= len(key) <= 128 or not key.isprintable():
        raise BadInput("Idempotency-Key must be 1 to 128 printable characters.")


def _digest(request_body: Any) -> str:
    return hashlib.sha256(json.dumps(request_body, sort_keys=True).encode()).hexdigest()


def forget_old() -> int:
    """Delete the answers of the scope's brand that are older than a week."""
    num_deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - _KEEP).delete()
    return num_deleted
