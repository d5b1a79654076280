"""The account's real daily limits, as WeChat tells them, and beginning the day's counts anew.

Reads the platform's quotas; writes ConnectedAccount.daily_limits (which the ledger obeys) and ApiUsage. What calls the
platform runs outside transactions.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.actors import Actor, record
from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import capabilities
from connectors.clients import base_url_of, client_for, tokens_of
from connectors.models import ApiUsage, ConnectedAccount
from connectors.problems import PlatformFailed, explained
from connectors.wechat import accounts
from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import beijing_day
from connectors.wechat.errors import Refused
from connectors.wechat.quotas import DAILY_LIMITS

EVERY = timedelta(days=1)
MAX_RESETS = 10
NOT_TOLD = frozenset({48001, 61007, 76021, 76022})
"""The account may not use the call, or WeChat counts it nowhere: nothing to know, and nothing wrong."""


def ask(account: ConnectedAccount) -> dict[str, int]:
    """Ask WeChat for the limits of the calls we make, and keep them; calls per day by path. Raises PlatformFailed.

    Where WeChat has counted more calls than we (its console, another program), its count becomes ours.
    """
    with tenant_scope(account.brand_id):
        client_for(account)  # raises AccountUnavailable
        used = ApiUsage.objects.filter(account=account, day=beijing_day(timezone.now())).values_list("path", flat=True)
        paths = sorted({*DAILY_LIMITS, *used})
    client = WeChatClient(account.app_id, tokens_of(account), base_url=base_url_of(account))
    with explained():
        told = [quota for path in paths if (quota := _read(client, path)) is not None]
    with tenant_scope(account.brand_id):
        account.daily_limits = {quota.path: quota.daily_limit for quota in told}
        account.limits_asked_at = timezone.now()
        account.save(update_fields=["daily_limits", "limits_asked_at"])
        today = ApiUsage.objects.filter(account=account, day=beijing_day(timezone.now()))
        for quota in told:
            today.filter(path=quota.path).update(num_used=Greatest("num_used", quota.num_used))
    return dict(account.daily_limits)


def _read(client: WeChatClient, path: str) -> accounts.Quota | None:
    try:
        return accounts.read_quota(client, path)
    except Refused as error:
        if error.errcode not in NOT_TOLD:
            raise
        return None


def due(tenant_id: int, now: datetime) -> list[int]:
    """Ids of the brand's accounts whose limits were not asked for within a day."""
    with tenant_scope(tenant_id):
        waiting = Q(limits_asked_at=None) | Q(limits_asked_at__lte=now - EVERY)
        found = ConnectedAccount.objects.filter(waiting, state=ConnectedAccount.State.ACTIVE)
        return [one.pk for one in found if capabilities.has(one, "customer_messages")]


def ask_due(tenant_id: int, account_id: int, now: datetime) -> None:
    """Ask for one account's limits, unless another worker has just done so; a failure waits for the next turn."""
    if account_id not in due(tenant_id, now):
        return
    with tenant_scope(tenant_id):
        account = ConnectedAccount.objects.get(pk=account_id)
    try:
        ask(account)
    except PlatformFailed:  # the client has counted what is wrong with the account; asked again in minutes
        return


def num_resets(account: ConnectedAccount) -> int:
    """How often we had the counts reset in this month of Beijing."""
    month = beijing_day(timezone.now()).replace(day=1)
    return sum(beijing_day(datetime.fromisoformat(at)) >= month for at in account.quota_resets)


def reset(account: ConnectedAccount, by: Actor) -> None:
    """Have WeChat begin all counts of today anew, and ours with them: ten times a month. Raises Conflict after that."""
    if num_resets(account) >= MAX_RESETS:
        raise Conflict(
            "All %(num)s resets of this month are used. The counts begin anew at midnight in Beijing.", num=MAX_RESETS
        )
    with tenant_scope(account.brand_id):
        client = client_for(account)
    with explained():
        accounts.clear_quotas(client, account.app_id)
    with tenant_scope(account.brand_id):
        held = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        held.quota_resets = [*held.quota_resets, timezone.now().isoformat()][-MAX_RESETS:]
        held.save(update_fields=["quota_resets"])
        ApiUsage.objects.filter(account=account, day=beijing_day(timezone.now())).delete()
        record(by, "clear_quotas", "account", account.code, num=num_resets(held))
