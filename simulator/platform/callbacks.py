"""The callback's verification, the platform's addresses and its network check (fact sheet 0.9, 2.1)."""

import secrets
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

from simulator import crypto
from simulator.calls import Call, endpoint
from simulator.errors import Refusal
from simulator.world import World

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
    url = call.account.callback.url
    if not url:
        raise Refusal(40035, "no callback url")
    addresses = _resolve(urlsplit(url).hostname or "")
    answer: dict[str, Any] = {}
    if action in ("dns", "all"):
        answer["dns"] = [{"ip": address, "real_operator": operator} for address in addresses]
    if action in ("ping", "all"):
        fields = {"from_operator": operator, "package_loss": "0%", "time": "12.345ms"}
        answer["ping"] = [{"ip": address, **fields} for address in addresses]
    return answer


def _resolve(host: str) -> list[str]:
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None)})
    except OSError:
        return []
