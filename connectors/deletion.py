"""Deleting what a disconnected account had given us, once its day has come. Deletes contacts through audience."""

from datetime import datetime

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from audience import contacts
from connectors.models import ConnectedAccount, PushReceipt

BATCH_ROWS = 1000
_State = ConnectedAccount.State


def delete_due(tenant_id: int, now: datetime) -> int:
    """Delete the data of the brand's accounts whose deletion is due; how many accounts. A batch per transaction."""
    with tenant_scope(tenant_id):
        due = list(
            ConnectedAccount.objects.filter(delete_after__lte=now, state__in=[_State.DISCONNECTED, _State.REVOKED])
        )
    for account in due:
        _delete(tenant_id, account)
    return len(due)


def _delete(tenant_id: int, account: ConnectedAccount) -> None:
    by = Actor.system("deletion")
    with tenant_scope(tenant_id):
        in_use = ConnectedAccount.objects.filter(app_id=account.app_id, state__in=[_State.ACTIVE, _State.PAUSED])
        is_connected_again = in_use.exists()
    while not is_connected_again:
        with tenant_scope(tenant_id):
            if not contacts.forget_account(account.app_id, BATCH_ROWS, by):
                break
    while True:
        with tenant_scope(tenant_id):
            batch = PushReceipt.objects.filter(account=account).values("pk")[:BATCH_ROWS]
            if not PushReceipt.objects.filter(pk__in=list(batch.values_list("pk", flat=True))).delete()[0]:
                break
    with tenant_scope(tenant_id):
        record(by, "delete_data", "account", account.code, app_id=account.app_id)
        ConnectedAccount.objects.filter(pk=account.pk).delete()
