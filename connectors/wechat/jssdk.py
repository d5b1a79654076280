"""Permission for a page to use WeChat's JavaScript: the shared ticket and the signature (fact sheet 6.3)."""

import hashlib
import secrets
from dataclasses import dataclass

from connectors.wechat.client import WeChatClient
from connectors.wechat.clock import Clock, now
from connectors.wechat.tokens import SharedTokens, Token, TokenStore, read_token


@dataclass(frozen=True)
class PageConfig:
    """What the page gives to `wx.config`, beside its list of functions."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


class JsTickets(SharedTokens):
    """The account's jsapi ticket, shared like a token."""

    def __init__(self, client: WeChatClient, store: TokenStore, clock: Clock = now) -> None:
        super().__init__(f"jsapi:{client.app_id}", store, clock)
        self._client = client

    def _fetch(self, old: Token | None) -> Token:
        answer = self._client.call("GET", "/cgi-bin/ticket/getticket", params={"type": "jsapi"})
        return read_token(answer, self._clock(), "ticket")


def sign_page(app_id: str, ticket: str, url: str, *, nonce: str = "", clock: Clock = now) -> PageConfig:
    """The configuration of the page at `url`, exactly as the browser shows it; what follows # does not count.

    The page's domain must be among the account's JS domains.
    """
    nonce = nonce or secrets.token_hex(8)
    timestamp = int(clock().timestamp())
    signed = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return PageConfig(app_id, timestamp, nonce, hashlib.sha1(signed.encode()).hexdigest())  # noqa: S324 - WeChat's choice
