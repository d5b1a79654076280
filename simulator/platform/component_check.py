"""The tester of the release check (全网发布接入检测): plays its accounts' messages and judges the answers."""

import time
from typing import Any

from simulator import behaviour
from simulator.control import control
from simulator.platform import component as components
from simulator.platform.component_pages import get_component
from simulator.world import Account, Component, World

# app id, original id and kind of the first test account of each kind
TESTERS = (
    ("wx570bc396a51b8ff8", "gh_3c884a361561", "service"),
    ("wxd101a85aa106f53e", "gh_8dad206e9538", "miniprogram"),
)
TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"


@control("check_release", locked=False)
def check_release(world: World, component: str, timeout: float = 20.0) -> dict[str, Any]:
    """What passes of the three checks, for both kinds: text reply, reply through the API, ticket."""
    with world.lock:
        found = get_component(world, component)
    results: dict[str, Any] = {"ticket": _check_ticket(world, found, timeout)}
    for app_id, original_id, kind in TESTERS:
        with world.lock:
            account = world.state.accounts.setdefault(
                app_id, Account(app_id, "0" * 32, original_id, "release check", kind, is_verified=True)
            )
            found.test_app_ids = [*{*found.test_app_ids, app_id}]
            components.authorize(world, found, account)
        results[kind] = _check_messages(world, found, account, timeout)
    results["passed"] = results["ticket"] and all(all(results[kind].values()) for _, _, kind in TESTERS)
    return results


def _check_ticket(world: World, component: Component, timeout: float) -> bool:
    with world.lock:
        after = world.storage.last_number()
        components.push_ticket(world, component)
        ticket = component.ticket
    lines = _await(
        world,
        lambda: [
            line
            for line in world.storage.read_log("push", component.app_id, after=after)
            if line["message"].get("ComponentVerifyTicket") == ticket and line["outcome"] != "no answer"
        ],
        timeout,
    )
    return bool(lines) and lines[0]["answer"].strip() == "success"


def _check_messages(world: World, component: Component, account: Account, timeout: float) -> dict[str, bool]:
    passed = {}
    if not account.is_mini:
        reply = _say(world, account, TEXT, "passive", timeout)
        passed["text_reply"] = reply == f"{TEXT}_callback"
    with world.lock:
        code = components.authorize(world, component, account).auth_code
    reply = _say(world, account, f"QUERY_AUTH_CODE:{code}", "custom", timeout)
    passed["api_reply"] = reply == f"{code}_from_api"
    return passed


def _say(world: World, account: Account, text: str, via: str, timeout: float) -> str:
    """Writes as a person and returns the text that came back by the wanted way, empty when none did in time."""
    with world.lock:
        user = behaviour.meet(world, account, "release check tester")
        behaviour.add_follower(world, account, user)
        after = world.storage.last_number()
        behaviour.send(world, account, user, "text", Content=text)
    lines = _await(
        world,
        lambda: [
            line
            for line in world.storage.read_log("delivered", account.app_id, user.openid, after)
            if line.get("via") == via
        ],
        timeout,
    )
    if not lines:
        return ""
    payload = lines[0]["payload"]
    return str(payload.get("Content") or payload.get("content") or payload.get("text", {}).get("content", ""))


def _await(world: World, look: Any, timeout: float) -> list[dict[str, Any]]:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        with world.lock:
            if lines := look():
                return list(lines)
        time.sleep(0.02)
    return []
