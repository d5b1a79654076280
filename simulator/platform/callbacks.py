"""The callback's verification, the platform's addresses and its network check (fact sheet 0.9, 2.1)."""

import secrets
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

from simulator import crypto
from simulator.calls import Call, endpoint
from simulator.control import Misuse, control, get_account
from simulator.errors import Refusal
from simulator.records import to_json
from simulator.world import Callback, World

ADDRESSES = ["127.0.0.1", "::1"]
OPERATORS = ("CHINANET", "UNICOM", "CAP", "DEFAULT")


def verify_url(world: World, url: str, token: str) -> str:
    """Asks the URL to echo a text under the token's signature; returns what is wrong, empty when nothing is."""
    timestamp, nonce, echo = str(int(world.now())), str(secrets.randbelow(10**10)), str(secrets.randbelow(10**19))
    params = {"signature": crypto.sign(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    try:
        answer = httpx.get(
            url, params=params | {"echostr": echo}, timeout=world.settings.push_timeout_seconds, trust_env=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer from {url}: {type(error).__name__}"
    if answer.status_code != 200:
        return f"{url} answered with status {answer.status_code}"
    return "" if answer.text == echo else f"{url} did not answer with the echostr alone"


@endpoint("GET", "/cgi-bin/getcallbackip")
@endpoint("GET", "/cgi-bin/get_api_domain_ip")
def list_addresses(call: Call) -> dict[str, Any]:
    """The addresses pushes come from, or calls go to."""
    return {"ip_list": ADDRESSES}


@endpoint("POST", "/cgi-bin/callback/check")
def check_callback(call: Call) -> dict[str, Any]:
    """Whether the callback's host resolves and answers, as one operator's network sees it."""
    action, operator = call.body.get("action"), call.body.get("check_operator")
    if action not in ("dns", "ping", "all") or operator not in OPERATORS:
        raise Refusal(40035)
    if not call.account.callback.url:
        raise Refusal(40035, "no callback url")
    addresses = call.account.callback.addresses
    answer: dict[str, Any] = {}
    if action in ("dns", "all"):
        answer["dns"] = [{"ip": address, "real_operator": operator} for address in addresses]
    if action in ("ping", "all"):
        fields = {"from_operator": operator, "package_loss": "0%", "time": "12.345ms"}
        answer["ping"] = [{"ip": address, **fields} for address in addresses]
    return answer


def _resolve(url: str) -> list[str]:
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(urlsplit(url).hostname, None)})
    except OSError:
        return []


# --- controls -------------------------------------------------------------------------------------------------------


@control("configure_callback", locked=False)
def configure_callback(
    world: World, app_id: str, url: str, token: str, aes_key: str = "", mode: str = "plain", format: str = "xml"
) -> dict[str, Any]:
    """Sets the callback as the console does: only when the URL answers the verification with its echostr."""
    if not (3 <= len(token) <= 32 and token.isalnum() and token.isascii()):
        raise Misuse("the token must be 3 to 32 letters and digits")
    if mode != "plain" and len(aes_key) != 43:
        raise Misuse("the EncodingAESKey must have 43 characters")
    trouble = verify_url(world, url, token)
    if trouble:
        return {"ok": False, "error": trouble}
    set_callback(world, app_id, url=url, token=token, aes_key=aes_key, mode=mode, format=format)
    return {"ok": True}


@control("set_callback", locked=False)
def set_callback(world: World, app_id: str, **fields: Any) -> dict[str, Any]:
    """Sets the callback's fields without verification; makes a key when there is none, keeps the one before."""
    addresses = _resolve(str(fields["url"])) if "url" in fields else None
    with world.lock:
        account = get_account(world, app_id)
        before = to_json(account.callback)
        try:
            account.callback = Callback(**{**before, **fields})
        except TypeError as error:
            raise Misuse(str(error)) from None
        callback = account.callback
        callback.aes_key = callback.aes_key or crypto.make_key()
        if before["aes_key"] and callback.aes_key != before["aes_key"]:
            callback.previous_aes_key = before["aes_key"]
        callback.addresses = addresses if addresses is not None else callback.addresses
        return dict(to_json(callback))
