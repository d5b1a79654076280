"""What was received, applied: each push once, in the order of what happened. Stage: collect.

Reads and marks connectors.PushReceipt; what a push does stands in connectors/pushes.py.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.actors import Actor, record
from accounts.jobs import DATABASE_AWAY, UnexpectedError
from accounts.locks import Lock, take_turn
from accounts.tenancy import tenant_scope
from common.errors import FanwiseError
from connectors.models import CallbackAddress, ConnectedAccount, PushReceipt
from connectors.problems import PlatformFailed
from connectors.pushes import HANDLERS
from connectors.receiving import hint
from connectors.wechat import pushes
from connectors.wechat.documents import read_document
from connectors.wechat.errors import WeChatError

logger = logging.getLogger(__name__)
BATCH_PUSHES = 100
_State = PushReceipt.State


def apply_waiting(tenant_id: int, account_id: int) -> int:
    """Apply every waiting push of the account, a batch per transaction; the number applied. Workers take turns."""
    num_done = 0
    while num := _apply_batch(tenant_id, account_id):
        num_done += num
    return num_done


def _apply_batch(tenant_id: int, account_id: int) -> int:
    with tenant_scope(tenant_id):
        take_turn(Lock.PUSHES)
        account = ConnectedAccount.objects.filter(pk=account_id, state=ConnectedAccount.State.ACTIVE).first()
        if account is None:  # paused: applied after resuming
            return 0
        waiting = PushReceipt.objects.filter(account=account, state=_State.RECEIVED).order_by("event_at", "pk")
        batch = list(waiting[:BATCH_PUSHES])
        for receipt in batch:
            _apply(account, receipt)
        if batch:
            _note_arrival(account, batch)
    return len(batch)


def _apply(account: ConnectedAccount, receipt: PushReceipt) -> None:
    """Do what the push asks for and mark it, or mark it failed with the reason."""
    try:
        with transaction.atomic():
            receipt.state = _do(account, receipt)
        receipt.error_code, receipt.error_template, receipt.error_context = "", "", {}
    except WeChatError as error:
        _fail(receipt, PlatformFailed(error))
    except FanwiseError as error:
        _fail(receipt, error)
    except DATABASE_AWAY:
        raise
    except (DatabaseError, LookupError, TypeError, ValueError):  # one odd push must not hold up the others
        logger.exception("push_failed", extra={"receipt": receipt.pk})
        _fail(receipt, UnexpectedError())
    receipt.applied_at = timezone.now()
    receipt.save(update_fields=["state", "applied_at", "error_code", "error_template", "error_context"])


def _do(account: ConnectedAccount, receipt: PushReceipt) -> PushReceipt.State:
    push = pushes.parse(read_document(bytes(receipt.body)))
    handle = HANDLERS.get(type(push))
    if handle is None:
        return _State.IGNORED
    handle(account, push, receipt)
    return _State.APPLIED


def _fail(receipt: PushReceipt, error: FanwiseError) -> None:
    receipt.state = _State.FAILED
    receipt.error_code, receipt.error_template = error.code[:60], error.template
    receipt.error_context = {name: str(value) for name, value in error.context.items()}


def _note_arrival(account: ConnectedAccount, batch: list[PushReceipt]) -> None:
    times = [receipt.received_at for receipt in batch]
    account.first_push_at = min(times + [at for at in (account.first_push_at,) if at])
    account.last_push_at = max(times + [at for at in (account.last_push_at,) if at])
    account.save(update_fields=["first_push_at", "last_push_at"])


def retry_failed(account: ConnectedAccount, by: Actor) -> int:
    """Put the account's failed pushes back among the waiting."""
    num = PushReceipt.objects.filter(account=account, state=_State.FAILED).update(state=_State.RECEIVED)
    record(by, "retry", "pushes", account.code, num=num)
    transaction.on_commit(lambda: hint(account.brand_id, account.pk))
    return num


def sweep(older_than: timedelta = timedelta(seconds=5)) -> int:
    """Apply what no hint led to; the number of pushes applied."""
    num_done = 0
    for address in CallbackAddress.objects.order_by("code").iterator():
        if _has_waiting(address.tenant_id, address.account_id, timezone.now() - older_than):
            num_done += apply_waiting(address.tenant_id, address.account_id)
    return num_done


def _has_waiting(tenant_id: int, account_id: int, before: datetime) -> bool:
    with tenant_scope(tenant_id):
        waiting = PushReceipt.objects.filter(account_id=account_id, state=_State.RECEIVED, received_at__lt=before)
        return bool(waiting.exists())


def forget_old(tenant_id: int, now: datetime) -> int:
    """Delete the brand's raw pushes that are older than PUSH_KEEP_DAYS; waiting ones stay."""
    with tenant_scope(tenant_id):
        old = PushReceipt.objects.filter(received_at__lt=now - timedelta(days=settings.PUSH_KEEP_DAYS))
        return int(old.exclude(state=_State.RECEIVED).delete()[0])
