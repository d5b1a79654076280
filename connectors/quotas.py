"""The quota ledger of an account in the database: one row per API path and Beijing day. Writes connectors.ApiUsage."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.tenancy import tenant_scope
from connectors.models import ApiUsage, ConnectedAccount
from connectors.wechat.clock import beijing_day
from connectors.wechat.quotas import DAILY_LIMITS, OVER_QUOTA, over_quota

_RESERVE = """
INSERT INTO connectors_apiusage AS spent (tenant_id, account_id, day, path, num_used, is_exhausted)
VALUES (%s, %s, %s, %s, 1, false)
ON CONFLICT (tenant_id, account_id, day, path) DO UPDATE SET num_used = spent.num_used + 1
WHERE NOT spent.is_exhausted AND (%s::int IS NULL OR spent.num_used < %s::int)
RETURNING num_used
"""


@dataclass(frozen=True)
class Spent:
    """What an account has used of one path today; `limit` None where we know none."""

    path: str
    num_used: int
    limit: int | None
    is_exhausted: bool

    @property
    def percent(self) -> int:
        """Share of the limit in whole percent, 0 without one."""
        return min(100, 100 * self.num_used // self.limit) if self.limit else 100 * self.is_exhausted


class DatabaseLedger:
    """Reserves each call by one conditional write, so that all workers together stay below the limit.

    The row stays locked until the caller's transaction ends: call the platform outside transactions where it matters.
    """

    def __init__(self, account: ConnectedAccount) -> None:
        self._tenant_id, self._account_id = account.brand_id, account.pk
        self._limits = limits_of(account)

    def reserve(self, path: str) -> None:
        """Count one call that is about to be made. Raises OverQuota when today's are used up."""
        limit = self._limits.get(path)
        row: list[Any] = [self._tenant_id, self._account_id, beijing_day(timezone.now()), path[:120], limit, limit]
        with tenant_scope(self._tenant_id), connection.cursor() as cursor:
            cursor.execute(_RESERVE, row)
            is_reserved = cursor.fetchone() is not None
        if not is_reserved:
            raise over_quota(path, limit or 0)

    def report(self, path: str, errcode: int) -> None:
        """Hear how the call ended; after the platform's own 45009 nothing more is tried today."""
        if errcode != OVER_QUOTA:
            return
        with tenant_scope(self._tenant_id):
            ApiUsage.objects.filter(
                account_id=self._account_id, day=beijing_day(timezone.now()), path=path[:120]
            ).update(is_exhausted=True)


def limits_of(account: ConnectedAccount) -> dict[str, int]:
    """Calls per day by path: what WeChat has told about this account, else what it gives new accounts."""
    return DAILY_LIMITS | account.daily_limits


def today(account: ConnectedAccount) -> list[Spent]:
    """What the account has used today in Beijing, the scarcest first."""
    limits = limits_of(account)
    rows = ApiUsage.objects.filter(account=account, day=beijing_day(timezone.now()))
    spent = [Spent(row.path, row.num_used, limits.get(row.path), row.is_exhausted) for row in rows]
    return sorted(spent, key=lambda one: (-one.percent, -one.num_used, one.path))
