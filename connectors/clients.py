"""The one way to talk to the platform on behalf of a connected account."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from accounts.tenancy import tenant_scope
from common.errors import Conflict
from connectors import open_platform, problems
from connectors.models import ConnectedAccount
from connectors.quotas import DatabaseLedger
from connectors.secrets import unseal
from connectors.tokens import DatabaseTokens
from connectors.wechat.client import Media, WeChatClient
from connectors.wechat.component import AuthorizerTokens
from connectors.wechat.errors import WeChatError
from connectors.wechat.tokens import StableTokens, TokenSource

_State = ConnectedAccount.State
_WHY_NOT = {
    _State.PAUSED: gettext_noop("The account %(name)s is paused. Resume it on the accounts page."),
    _State.REVOKED: gettext_noop(
        "The owner of %(name)s has withdrawn the authorisation. They can scan the code again."
    ),
    _State.DISCONNECTED: gettext_noop("The account %(name)s is disconnected. Connect it again on the accounts page."),
}


class AccountUnavailable(Conflict):
    """The account is paused, disconnected, or its owner withdrew the authorisation: no calls are made."""

    code = "account_unavailable"


class AccountClient(WeChatClient):
    """A client whose account-wide troubles are counted on the account's health page."""

    def __init__(self, account: ConnectedAccount, tokens: TokenSource) -> None:
        super().__init__(account.app_id, tokens, base_url=base_url_of(account), ledger=DatabaseLedger(account))
        self._account = account

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """As in `WeChatClient`."""
        try:
            return super().call(method, path, **options)
        except WeChatError as error:
            self._note(error, path)
            raise

    def fetch(self, method: str, path: str, **options: Any) -> Media:
        """As in `WeChatClient`."""
        try:
            return super().fetch(method, path, **options)
        except WeChatError as error:
            self._note(error, path)
            raise

    def _note(self, error: WeChatError, path: str) -> None:
        with tenant_scope(self._account.brand_id):
            problems.note(self._account, error, path)


def client_for(account: ConnectedAccount) -> AccountClient:
    """A client with the account's shared token and quota ledger. Raises AccountUnavailable for one not in use.

    Its errors are `connectors.wechat.errors.WeChatError`; `problems.explained()` makes them the site's. Long work calls
    it outside transactions: a reserved quota row stays locked until the transaction ends.
    """
    if account.state in _WHY_NOT:
        raise AccountUnavailable(_WHY_NOT[_State(account.state)], name=account.name)
    return AccountClient(account, tokens_of(account))


def tokens_of(account: ConnectedAccount) -> TokenSource:
    """The source of the account's access token, shared by all workers."""
    if account.route == ConnectedAccount.Route.COMPONENT:
        return AuthorizerTokens(open_platform.component(), account.app_id, DatabaseTokens(account))
    return StableTokens(
        account.app_id, unseal(account, "app_secret"), DatabaseTokens(account), base_url=base_url_of(account)
    )


def base_url_of(account: ConnectedAccount) -> str:
    """Where the platform answers for this account."""
    return settings.SIMULATOR_URL if account.is_simulated else settings.WECHAT_API_URL
