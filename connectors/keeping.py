"""Durable inserts of pushes, many per commit. Stage: collect. Writes connectors.PushReceipt.

The disk's answer is the slowest part of receiving. So one thread at a time writes for a brand, and takes along the rows
of all that came while the one before it waited for the disk; each caller returns when its own row is safe.
"""

import json
import threading
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError

from accounts.jobs import DATABASE_AWAY
from common.queries import fetch_prepared

_MAX_WRITERS = 10_000
_INSERT = """
WITH scope AS MATERIALIZED (SELECT set_config('app.tenant', %s, true))
INSERT INTO connectors_pushreceipt (tenant_id, account_id, dedupe_key, kind, openid, body, event_at, received_at,
    state, error_code, error_template, error_context)
SELECT %s::bigint, account_id, dedupe_key, kind, openid, decode(body, 'base64'), event_at, now(),
    'received', '', '', '{}'::jsonb
FROM scope, json_to_recordset(%s::json)
    AS row(account_id bigint, dedupe_key uuid, kind text, openid text, body text, event_at timestamptz)
ON CONFLICT (tenant_id, account_id, dedupe_key) DO NOTHING
RETURNING account_id, dedupe_key
"""


@dataclass(frozen=True)
class NewPush:
    """A push to be kept."""

    account_id: int
    dedupe_key: UUID
    kind: str
    openid: str
    body: bytes
    event_at: datetime


@dataclass(eq=False)
class _Waiting:
    """A caller's row on its way to the disk."""

    push: NewPush
    is_done: bool = False
    is_new: bool = False
    error: Exception | None = None


class _Writer:
    """Writes one brand's pushes."""

    def __init__(self, tenant_id: int) -> None:
        self._tenant_id = tenant_id
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []

    def keep(self, push: NewPush) -> bool:
        """Whether the push is new; it is on the disk when this returns. Raises what the database raises."""
        mine = _Waiting(push)
        self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                batch, self._waiting = self._waiting, []
                self._write(batch)
        if mine.error is not None:
            raise mine.error
        return mine.is_new

    def _write(self, batch: list[_Waiting]) -> None:
        """Write all or, when one row is at fault, each alone. Sorted, so that two writers cannot block each other."""
        pushes = sorted((one.push for one in batch), key=lambda push: (push.account_id, push.dedupe_key))
        try:
            params = [str(self._tenant_id), self._tenant_id, json.dumps([_dump(push) for push in pushes])]
            rows = set(fetch_prepared(_INSERT, params))
        except DatabaseError as error:
            if len(batch) == 1 or isinstance(error, DATABASE_AWAY):
                for one in batch:
                    one.error, one.is_done = error, True
                return
            for one in batch:
                self._write([one])
            return
        for one in batch:
            key = (one.push.account_id, one.push.dedupe_key)
            one.is_new, one.is_done = key in rows, True
            rows.discard(key)


def _dump(push: NewPush) -> dict[str, object]:
    """As JSON: one parameter for all rows costs a fifth of what arrays of each column do."""
    return {
        "account_id": push.account_id,
        "dedupe_key": str(push.dedupe_key),
        "kind": push.kind,
        "openid": push.openid,
        "body": b64encode(push.body).decode(),
        "event_at": push.event_at.isoformat(),
    }


_writers: dict[int, _Writer] = {}


def keep(tenant_id: int, push: NewPush) -> bool:
    """Keep the push once; whether it is new. Raises what the database raises, and then nothing is kept."""
    if len(_writers) >= _MAX_WRITERS:
        _writers.clear()
    return _writers.setdefault(tenant_id, _Writer(tenant_id)).keep(push)
