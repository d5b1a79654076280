"""The JS-SDK's ticket and the check that a phone makes of a page's signature (fact sheet 6.3)."""

import hashlib
import hmac
import secrets
from typing import Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.control import control, get_account
from simulator.errors import Refusal
from simulator.world import IssuedToken, World

LIFE_SECONDS = 7200
RENEW_SECONDS = 300


@endpoint("GET", "/cgi-bin/ticket/getticket", need=Need.MENU, daily=1_000_000, permission_sets=(4,))
def get_ticket(call: Call) -> dict[str, Any]:
    """The account's ticket for pages: the same until close to its end."""
    if call.params.get("type") != "jsapi":
        raise Refusal(40097)
    tokens = call.world.state.tokens
    text = next((text for text, one in tokens.items() if _is_fresh(call, one)), "")
    if not text:
        text = f"jsapi-{secrets.token_urlsafe(60)}"
        until = call.now + LIFE_SECONDS
        tokens[text] = IssuedToken(call.account.app_id, "jsapi", until, until)
    return {**OK, "ticket": text, "expires_in": int(tokens[text].expires_at - call.now)}


def _is_fresh(call: Call, token: IssuedToken) -> bool:
    is_mine = token.pool == "jsapi" and token.app_id == call.account.app_id
    return is_mine and token.expires_at - call.now > RENEW_SECONDS


def sign_page(ticket: str, nonce: str, timestamp: str, url: str) -> str:
    """sha1 over the four in this order; the url without its fragment."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@control("open_page")
def open_page(world: World, app_id: str, url: str, timestamp: str, nonce: str, signature: str) -> dict[str, Any]:
    """What wx.config says to a page: ok, or invalid signature."""
    get_account(world, app_id)
    living = (
        text
        for text, one in world.state.tokens.items()
        if one.pool == "jsapi" and one.app_id == app_id and one.expires_at > world.now()
    )
    is_good = any(hmac.compare_digest(sign_page(text, nonce, str(timestamp), url), signature) for text in living)
    return {"errMsg": "config:ok" if is_good else "config:invalid signature"}
