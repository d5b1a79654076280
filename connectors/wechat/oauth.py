"""Who is the person in the browser: web login inside WeChat (fact sheet 6.4).

The token of a login is the person's, not the account's access token. Both routes are the same to the caller: an account
connected by its secret (`SecretRoute`) and one authorised to our component (`ComponentRoute`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from connectors.wechat.answers import demand, number, text
from connectors.wechat.clock import Clock, now
from connectors.wechat.component import Component
from connectors.wechat.errors import Refused, TooLong, WeChatError
from connectors.wechat.transport import API_URL, Params, Transport

OPEN_URL = "https://open.weixin.qq.com"
MAX_STATE_BYTES = 128
USER_INFO_PATH = "/sns/userinfo"


class Scope(StrEnum):
    """What the person is asked for."""

    BASE = "snsapi_base"  # nothing: silent, gives only the openid
    USERINFO = "snsapi_userinfo"  # nickname and picture, after a click


class SnapshotVisitor(WeChatError):
    """WeChat showed the page as a preview: openid and name are a virtual account's, so nothing may be bound to it."""

    code = "snapshot_visitor"
    permanent = False


class Route(Protocol):
    """How the account's logins are asked for."""

    @property
    def app_id(self) -> str: ...

    @property
    def transport(self) -> Transport: ...

    def ask(self, step: str, params: Params) -> dict[str, Any]:
        """The platform's answer to a step: `code`, `refresh` or `mini`."""


class SecretRoute:
    """Logins of an account connected by AppID and AppSecret."""

    _paths = {"code": "/sns/oauth2/access_token", "refresh": "/sns/oauth2/refresh_token", "mini": "/sns/jscode2session"}

    def __init__(self, app_id: str, secret: str, *, base_url: str = API_URL, http: httpx.Client | None = None) -> None:
        self.app_id = app_id
        self._secret = secret
        self.transport = Transport(base_url, http)

    def ask(self, step: str, params: Params) -> dict[str, Any]:
        """With the secret, except to refresh."""
        proof = {} if step == "refresh" else {"secret": self._secret}
        return self.transport.ask("GET", self._paths[step], params={"appid": self.app_id, **proof, **params})


class ComponentRoute:
    """Logins of an account authorised to our component."""

    _paths = {
        "code": "/sns/oauth2/component/access_token",
        "refresh": "/sns/oauth2/component/refresh_token",
        "mini": "/sns/component/jscode2session",
    }

    def __init__(self, app_id: str, component: Component) -> None:
        self.app_id = app_id
        self.transport = component.transport
        self._component = component

    def ask(self, step: str, params: Params) -> dict[str, Any]:
        """With the component's token."""
        params = {"appid": self.app_id, **params, "component_appid": self._component.app_id}
        path = self._paths[step]
        return self._component.client.call("GET", path, params=params, token="component_access_token", idempotent=False)  # noqa: S106 - a name, no secret


@dataclass(frozen=True)
class WebLogin:
    """A person, logged in."""

    openid: str
    union_id: str
    scope: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    """Of the access token; the refresh token lives 30 days."""


@dataclass(frozen=True)
class Profile:
    """What a person shows of themselves."""

    openid: str
    nickname: str
    picture_url: str
    union_id: str


def authorise_link(
    app_id: str, redirect_uri: str, state: str, scope: Scope = Scope.BASE, *, component_app_id: str = "",
    is_forced_popup: bool = False, base_url: str = OPEN_URL,
) -> str:  # fmt: skip
    """The address a person opens inside WeChat to log in; its parameters stand in the order WeChat wants.

    The domain of `redirect_uri` must be the account's registered one. Raises TooLong for a long `state`.
    """
    if len(state.encode()) > MAX_STATE_BYTES:
        raise TooLong("The state is longer than %(limit)s bytes. Shorten it.", limit=MAX_STATE_BYTES)
    query = {
        "appid": app_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": scope.value,
        "state": state,
    }
    query |= {"forcePopup": "true"} if is_forced_popup else {}
    query |= {"component_appid": component_app_id} if component_app_id else {}
    return f"{base_url.rstrip('/')}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"


def exchange_code(route: Route, code: str, *, clock: Clock = now) -> WebLogin:
    """Who came back with this code; works once within 5 minutes. Raises LoginExpired, SnapshotVisitor."""
    answer = route.ask("code", {"code": code, "grant_type": "authorization_code"})
    if number(answer, "is_snapshotuser"):
        raise SnapshotVisitor("WeChat showed this page as a preview. Tap “use the full service” and log in again.")
    return _read_login(answer, clock())


def refresh_login(route: Route, refresh_token: str, *, clock: Clock = now) -> WebLogin:
    """The login with a new access token. Raises LoginExpired after 30 days."""
    return _read_login(route.ask("refresh", {"grant_type": "refresh_token", "refresh_token": refresh_token}), clock())


def fetch_profile(route: Route, login: WebLogin, language: str = "zh_CN") -> Profile:
    """Nickname and picture; NotAllowed without the scope USERINFO. Sex and place are not given any more."""
    params = {"access_token": login.access_token, "openid": login.openid, "lang": language}
    answer = route.transport.ask("GET", USER_INFO_PATH, params=params)
    return Profile(
        demand(answer, "openid", USER_INFO_PATH), text(answer, "nickname"), text(answer, "headimgurl"),
        text(answer, "unionid"),
    )  # fmt: skip


def is_login_valid(route: Route, login: WebLogin) -> bool:
    """Whether the person's access token is still good."""
    try:
        route.transport.ask("GET", "/sns/auth", params={"access_token": login.access_token, "openid": login.openid})
    except Refused:
        return False
    return True


def _read_login(answer: dict[str, Any], at: datetime) -> WebLogin:
    path = "/sns/oauth2"
    return WebLogin(
        openid=demand(answer, "openid", path),
        union_id=text(answer, "unionid"),
        scope=text(answer, "scope"),
        access_token=demand(answer, "access_token", path),
        refresh_token=text(answer, "refresh_token"),
        expires_at=at + timedelta(seconds=number(answer, "expires_in")),
    )
