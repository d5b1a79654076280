"""Our third-party platform (component) on the Open Platform: its token, and accounts that authorise it (fact sheet 8).

An account authorised to the component is called like any other, with `AuthorizerTokens` as its token source. Pushes of
both kinds are opened with the component's AppID, token and keys.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import httpx

from connectors.wechat.answers import demand, inner, moment, number, rows, text
from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import Clock, now
from connectors.wechat.errors import NotAuthorised
from connectors.wechat.tokens import SharedTokens, Token, TokenStore, read_token
from connectors.wechat.transport import API_URL, Transport

LOGIN_URL = "https://mp.weixin.qq.com"  # the page for a computer, where the owner scans a code
PHONE_URL = "https://open.weixin.qq.com"  # the page inside WeChat on a phone
MAX_LISTED = 500
DEAD_REFRESH_TOKEN = 61023
_API = "/cgi-bin/component"


class AccountKinds(StrEnum):
    """Which accounts the authorisation page offers."""

    OFFICIAL = "1"
    MINI_PROGRAMS = "2"
    BOTH = "3"


@dataclass(frozen=True)
class PreAuthCode:
    """Opens the authorisation page once: make one per click."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Authorisation:
    """What an account's owner granted. Write `token` to the store of its `AuthorizerTokens`."""

    app_id: str
    token: Token
    permission_sets: tuple[int, ...]


@dataclass(frozen=True)
class AuthorisedAccount:
    """Who an authorised account is."""

    app_id: str
    name: str
    kind: str
    """subscription, service or miniprogram."""
    is_verified: bool
    original_id: str
    principal: str
    alias: str
    picture_url: str
    qrcode_url: str
    status: int
    """1 normal, 14 closed, 16 banned, 18 warned, 19 frozen."""
    permission_sets: tuple[int, ...]
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class ListedAuthorisation:
    """One line of the list of authorisations: the way to recover a lost refresh token."""

    app_id: str
    refresh_token: str = field(repr=False)
    authorised_at: datetime | None


class ComponentTokens(SharedTokens):
    """The component's own token, made of its secret and the last ticket that was pushed. `ticket` reads that one."""

    def __init__(
        self, app_id: str, secret: str, ticket: Callable[[], str], store: TokenStore, transport: Transport,
        clock: Clock = now,
    ) -> None:  # fmt: skip
        super().__init__(f"component:{app_id}", store, clock)
        self.app_id = app_id
        self._secret = secret
        self._ticket = ticket
        self._transport = transport

    def _fetch(self, old: Token | None) -> Token:
        body = {
            "component_appid": self.app_id,
            "component_appsecret": self._secret,
            "component_verify_ticket": self._ticket(),
        }
        answer = self._transport.ask("POST", f"{_API}/api_component_token", body=body)
        return read_token(answer, self._clock(), "component_access_token")


class Component:
    """Calls of the component itself."""

    def __init__(
        self, app_id: str, secret: str, ticket: Callable[[], str], store: TokenStore, *, base_url: str = API_URL,
        http: httpx.Client | None = None, clock: Clock = now,
    ) -> None:  # fmt: skip
        self.app_id = app_id
        self._secret = secret
        self._clock = clock
        self.transport = Transport(base_url, http)
        self.tokens = ComponentTokens(app_id, secret, ticket, store, self.transport, clock)
        self.client = WeChatClient(app_id, self.tokens, base_url=base_url, http=http)

    def __repr__(self) -> str:
        return f"Component({self.app_id!r})"

    def start_tickets(self) -> None:
        """Ask the platform to push tickets again, where it has stopped."""
        body = {"component_appid": self.app_id, "component_secret": self._secret}
        self.transport.ask("POST", f"{_API}/api_start_push_ticket", body=body)

    def create_pre_auth_code(self) -> PreAuthCode:
        """A code for one authorisation page. Raises BadTicket, AddressNotListed."""
        path = f"{_API}/api_create_preauthcode"
        answer = self._call(path)
        seconds = number(answer, "expires_in")
        return PreAuthCode(demand(answer, "pre_auth_code", path), self._clock() + timedelta(seconds=seconds))

    def query_authorisation(self, auth_code: str) -> Authorisation:
        """What the code of a redirect or an `authorized` push stands for; works once. Raises BadAuthCode."""
        path = f"{_API}/api_query_auth"
        info = inner(self._call(path, authorization_code=auth_code), "authorization_info")
        return Authorisation(
            demand(info, "authorizer_appid", path), _read_authorizer_token(info, self._clock()), _read_sets(info)
        )

    def refresh(self, app_id: str, refresh_token: str) -> Token:
        """A new token of an authorised account, with the refresh token to use next time. Raises NotAuthorised."""
        answer = self._call(
            f"{_API}/api_authorizer_token", authorizer_appid=app_id, authorizer_refresh_token=refresh_token
        )
        token = _read_authorizer_token(answer, self._clock())
        return token if token.refresh_token else replace(token, refresh_token=refresh_token)

    def fetch_account(self, app_id: str) -> AuthorisedAccount:
        """Who the account is and what it grants now. Raises NotAuthorised."""
        answer = self._call(f"{_API}/api_get_authorizer_info", idempotent=True, authorizer_appid=app_id)
        who, granted = inner(answer, "authorizer_info"), inner(answer, "authorization_info")
        return AuthorisedAccount(
            app_id=app_id,
            name=text(who, "nick_name"),
            kind=_read_kind(who),
            is_verified=number(inner(who, "verify_type_info") or {"id": -1}, "id") >= 0,
            original_id=text(who, "user_name"),
            principal=text(who, "principal_name"),
            alias=text(who, "alias"),
            picture_url=text(who, "head_img"),
            qrcode_url=text(who, "qrcode_url"),
            status=number(who, "account_status"),
            permission_sets=_read_sets(granted),
            refresh_token=text(granted, "authorizer_refresh_token"),
        )

    def list_authorisations(self) -> Iterator[ListedAuthorisation]:
        """Every account authorised now, 500 per call."""
        offset = 0
        while True:
            answer = self._call(f"{_API}/api_get_authorizer_list", idempotent=True, offset=offset, count=MAX_LISTED)
            listed = rows(answer, "list")
            for row in listed:
                yield ListedAuthorisation(
                    text(row, "authorizer_appid"), text(row, "refresh_token"), moment(row, "auth_time")
                )
            offset += len(listed)
            if not listed or offset >= number(answer, "total_count"):
                return

    def find_refresh_token(self, app_id: str) -> str:
        """The account's refresh token as the platform knows it; empty when the account is not authorised."""
        listed = (one.refresh_token for one in self.list_authorisations() if one.app_id == app_id)
        return next(listed, "")

    def get_option(self, app_id: str, name: str) -> str:
        """An option of the account: location_report, voice_recognize or customer_service."""
        answer = self._call(f"{_API}/get_authorizer_option", idempotent=True, authorizer_appid=app_id, option_name=name)
        return text(answer, "option_value")

    def set_option(self, app_id: str, name: str, value: str) -> None:
        """Set an option of the account."""
        self._call(
            f"{_API}/set_authorizer_option", idempotent=True,
            authorizer_appid=app_id, option_name=name, option_value=value,
        )  # fmt: skip

    def _call(self, path: str, *, idempotent: bool = False, **body: Any) -> dict[str, Any]:
        return self.client.call("POST", path, body={"component_appid": self.app_id, **body}, idempotent=idempotent)


class AuthorizerTokens(SharedTokens):
    """The token of an account authorised to the component, renewed with the refresh token that lies beside it.

    Each answer's refresh token replaces the one before. Where ours is missing or dead (the answer that brought the new
    one got lost), the platform's list of authorisations has it.
    """

    def __init__(self, component: Component, app_id: str, store: TokenStore, clock: Clock = now) -> None:
        super().__init__(f"authorizer:{component.app_id}:{app_id}", store, clock)
        self.app_id = app_id
        self._component = component

    def accept(self, authorisation: Authorisation) -> None:
        """Keep what the owner has just granted."""
        with self._store.lock(self.key):
            self._store.write(self.key, authorisation.token)

    def _fetch(self, old: Token | None) -> Token:
        known = old.refresh_token if old else ""
        if known:
            try:
                return self._component.refresh(self.app_id, known)
            except NotAuthorised as error:
                if error.errcode != DEAD_REFRESH_TOKEN:
                    raise
        listed = self._component.find_refresh_token(self.app_id)
        if not listed or listed == known:
            raise NotAuthorised(DEAD_REFRESH_TOKEN, "no refresh token is known", f"{_API}/api_authorizer_token")
        return self._component.refresh(self.app_id, listed)


def login_link(
    component_app_id: str, code: PreAuthCode, redirect_uri: str, *, kinds: AccountKinds = AccountKinds.BOTH,
    app_id: str = "", base_url: str = LOGIN_URL,
) -> str:  # fmt: skip
    """The authorisation page for a computer. Has to be opened by a link on the component's registered domain.

    `app_id` narrows the page to one account.
    """
    query = _link_query(component_app_id, code, redirect_uri, kinds, app_id)
    return f"{base_url.rstrip('/')}/cgi-bin/componentloginpage?{query}"


def phone_link(
    component_app_id: str, code: PreAuthCode, redirect_uri: str, *, kinds: AccountKinds = AccountKinds.BOTH,
    app_id: str = "", base_url: str = PHONE_URL,
) -> str:  # fmt: skip
    """The authorisation page inside WeChat on the owner's phone."""
    query = _link_query(component_app_id, code, redirect_uri, kinds, app_id)
    return f"{base_url.rstrip('/')}/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&{query}#wechat_redirect"


def _link_query(component_app_id: str, code: PreAuthCode, redirect_uri: str, kinds: AccountKinds, app_id: str) -> str:
    query = {
        "component_appid": component_app_id,
        "pre_auth_code": code.value,
        "redirect_uri": redirect_uri,
        "auth_type": kinds.value,
    }
    return urlencode(query | ({"biz_appid": app_id} if app_id else {}))


def _read_authorizer_token(answer: dict[str, Any], at: datetime) -> Token:
    token = read_token(answer, at, "authorizer_access_token")
    return replace(token, refresh_token=text(answer, "authorizer_refresh_token"))


def _read_sets(info: dict[str, Any]) -> tuple[int, ...]:
    return tuple(number(inner(row, "funcscope_category"), "id") for row in rows(info, "func_info"))


def _read_kind(who: dict[str, Any]) -> str:
    if inner(who, "MiniProgramInfo"):
        return "miniprogram"
    return "service" if number(inner(who, "service_type_info"), "id") == 2 else "subscription"
