"""Tokens of an account in the database, shared by all workers. Writes connectors.AccountToken.

A worker that finds a token too old takes the row's lock, fetches a new one and writes it; the others wait for the lock
and find the new token. A killed worker's lock ends with its connection.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from accounts.tenancy import tenant_scope
from connectors.models import AccountToken, ConnectedAccount
from connectors.secrets import seal, unseal
from connectors.wechat.errors import StoreBusy, WeChatError
from connectors.wechat.tokens import Token

LOCK_SECONDS = 20


class DatabaseTokens:
    """The `TokenStore` of one account."""

    def __init__(self, account: ConnectedAccount) -> None:
        self._tenant_id, self._account_id = account.brand_id, account.pk

    def read(self, key: str) -> Token | None:
        """The token written last."""
        with tenant_scope(self._tenant_id):
            row = self._rows(key).first()
            return Token.load(json.loads(unseal(row, "value"))) if row and row.value else None

    def write(self, key: str, token: Token) -> None:
        """Replace the token; others see it when the lock is given back."""
        with tenant_scope(self._tenant_id):
            row = AccountToken.objects.get_or_create(account_id=self._account_id, key=key)[0]
            seal(row, "value", json.dumps(token.dump()))
            row.expires_at, row.fetched_at = token.expires_at, token.fetched_at
            row.save(update_fields=["value", "expires_at", "fetched_at"])

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Exclusive across all workers. What was written inside stays even if the platform then fails."""
        failure: WeChatError | None = None
        with tenant_scope(self._tenant_id):
            self._take(key)
            try:
                yield
            except WeChatError as error:
                failure = error
        if failure is not None:
            raise failure

    def _take(self, key: str) -> None:
        try:
            with tenant_scope(self._tenant_id), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
                AccountToken.objects.get_or_create(account_id=self._account_id, key=key)
                self._rows(key).select_for_update().get()
                cursor.execute("SELECT set_config('lock_timeout', '0', true)")
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
                raise
            raise StoreBusy(
                "Another worker has been fetching the access token for %(seconds)s seconds. Try again in a minute.",
                seconds=LOCK_SECONDS,
            ) from error

    def _rows(self, key: str):  # type: ignore[no-untyped-def]  # a query set of the tenant manager
        return AccountToken.objects.filter(account_id=self._account_id, key=key)


def forget(account: ConnectedAccount) -> None:
    """Drop every token of the account, in the current scope."""
    AccountToken.objects.filter(account=account).delete()
