"""Pushes to the site: built in the account's mode and format, delivered with a deadline, repeated, logged, judged.

`push_message` and `push_event` say that something happened; the pusher's threads deliver it. Waits here are real
seconds, because the other side's deadline is; times inside a push are simulated.
"""

from __future__ import annotations

import functools
import heapq
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

from simulator import crypto

if TYPE_CHECKING:
    from simulator.world import Account, Callback, Component, World

NUM_THREADS = 8
MESSAGE_SETS = {1, 18, 19}  # one of these routes an account's pushes to a component
BROKEN_SERVICE = "该公众号提供的服务出现故障，请稍后再试"
UNWRAPPED = ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent")


@dataclass
class Target:
    """Where a push goes and under which keys."""

    url: str
    token: str
    aes_key: str
    trailer: str  # the app id inside the ciphertext
    mode: str
    format: str


@dataclass
class Push:
    """One thing that happened, to be delivered up to `num_left` times."""

    app_id: str
    openid: str
    message: dict[str, Any]
    target: Target
    num_left: int
    epoch: int
    envelope: str = "ToUserName"  # AppId for a component's events
    attempt: int = 0
    defects: dict[str, Any] = field(default_factory=dict)

    @property
    def is_message(self) -> bool:
        """A person's message, as opposed to an event."""
        return bool(self.message.get("MsgType", "event") != "event")


# --- what happened --------------------------------------------------------------------------------------------------


def push_event(world: World, account: Account, openid: str, event: str, **fields: Any) -> dict[str, Any]:
    """An event of the account; `openid` is FromUserName. Returns the message as pushed."""
    return push_message(world, account, openid, "event", Event=event, **fields)


def push_message(world: World, account: Account, openid: str, kind: str, **fields: Any) -> dict[str, Any]:
    """A message of a person (every kind but "event") or an event. Nothing is sent without a callback."""
    message: dict[str, Any] = {
        "ToUserName": account.original_id,
        "FromUserName": openid,
        "CreateTime": int(world.now()),
        "MsgType": kind,
        **fields,
    }
    if kind != "event":
        message["MsgId"] = world.next_id()
    for target in _targets(world, account):
        push = Push(account.app_id, openid, message, target, world.settings.num_deliveries, world.epoch)
        push.defects = dict(account.push_defects)
        _send(world, push)
    return message


def push_component_event(world: World, component: Component, kind: str, **fields: Any) -> None:
    """A component's event: ticket, authorized, updateauthorized, unauthorized; XML and always encrypted."""
    message = {"AppId": component.app_id, "CreateTime": int(world.now()), "InfoType": kind, **fields}
    if component.event_url:
        target = Target(component.event_url, component.token, component.aes_key, component.app_id, "safe", "xml")
        _send(world, Push(component.app_id, "", message, target, world.settings.num_deliveries, world.epoch, "AppId"))


def _targets(world: World, account: Account) -> list[Target]:
    """Every component that was granted the account's messages; without one the account's own callback."""
    found = [
        Target(
            component.message_url.replace("$APPID$", account.app_id),
            component.token, component.aes_key, component.app_id, "safe", "xml",
        )
        for component in world.state.components.values()
        if (authorization := component.authorizations.get(account.app_id))
        and MESSAGE_SETS & set(authorization.permission_sets)
        and component.message_url
    ]  # fmt: skip
    own = callback_target(account.app_id, account.callback)
    return found or ([own] if own else [])


def callback_target(app_id: str, callback: Callback) -> Target | None:
    """The account's own callback, None when it has none."""
    if not callback.url:
        return None
    return Target(callback.url, callback.token, callback.aes_key, app_id, callback.mode, callback.format)


def _send(world: World, push: Push) -> None:
    if push.defects.get("old_key"):
        push.target.aes_key = push.defects["old_key"]
    for _ in range(1 + int(push.defects.get("duplicates", 0))):
        world.send_push(replace(push))


# --- the wire -------------------------------------------------------------------------------------------------------


def build_request(push: Push, timestamp: int, nonce: str) -> tuple[dict[str, str], str, str]:
    """Query parameters, body and content type of one delivery."""
    target = push.target
    params = {"signature": crypto.sign(target.token, str(timestamp), nonce), "timestamp": str(timestamp)}
    params["nonce"] = nonce
    if push.openid:
        params["openid"] = push.openid
    fields: dict[str, Any] = as_json(push.message) if target.format == "json" else push.message
    if target.mode != "plain":
        plain = _render(fields, target.format)
        encrypted = crypto.encrypt(target.aes_key, push.defects.get("trailer") or target.trailer, plain)
        params["encrypt_type"] = "aes"
        params["msg_signature"] = crypto.sign(target.token, str(timestamp), nonce, encrypted)
        shown = fields if target.mode == "compatible" else {push.envelope: push.message[push.envelope]}
        fields = {**shown, "Encrypt": encrypted}
    if push.defects.get("forges"):
        params |= {name: "0" * 40 for name in ("signature", "msg_signature") if name in params}
    return params, _render(fields, target.format), "application/json" if target.format == "json" else "text/xml"


def as_json(message: dict[str, Any]) -> dict[str, Any]:
    """The message as JSON pushes show it: the subscription events lose their wrapper, one item loses its list."""
    found: dict[str, Any] = {}
    for name, value in message.items():
        if name in UNWRAPPED:
            items = value["List"]
            items = items if isinstance(items, list) else [items]
            found["List"] = items[0] if len(items) == 1 else items
        else:
            found[name] = value
    return found


def _render(fields: dict[str, Any], kind: str) -> str:
    return json.dumps(fields, ensure_ascii=False) if kind == "json" else crypto.to_xml(fields)


def read_reply(text: str, target: Target) -> dict[str, Any] | None:
    """The passive reply in an answer, None for `success` and empty; raises Undecipherable for anything else."""
    if text.strip() in ("", "success"):
        return None
    fields = _parse(text)
    if "Encrypt" in fields:
        sealed = str(fields["Encrypt"])
        signature = crypto.sign(target.token, str(fields.get("TimeStamp")), str(fields.get("Nonce")), sealed)
        if signature != fields.get("MsgSignature"):
            raise crypto.Undecipherable("MsgSignature")
        plain, app_id = crypto.decrypt(target.aes_key, sealed)
        if app_id != target.trailer:
            raise crypto.Undecipherable("app id")
        fields = _parse(plain)
    elif target.mode == "safe":
        raise crypto.Undecipherable("plain reply in safe mode")
    if "MsgType" not in fields:
        raise crypto.Undecipherable("no MsgType")
    return fields


def _parse(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return crypto.read_xml(text)
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise crypto.Undecipherable(str(error)) from error


# --- delivering -----------------------------------------------------------------------------------------------------


class Pusher:
    """Threads for everything that waits for the site: pushes, each when it is due, and `world.run_outside`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._due: list[tuple[float, int, Callable[[httpx.Client], None]]] = []
        self._changed = threading.Condition()
        self._num_added = 0
        self._num_busy = 0
        self._is_stopping = False
        self._held: dict[str, list[Push]] = {}
        self._client = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=NUM_THREADS))
        world.send_push, world.run_outside = self.add, self.run
        self._threads = [threading.Thread(target=self._work, name="push", daemon=True) for _ in range(NUM_THREADS)]
        for thread in self._threads:
            thread.start()

    def add(self, push: Push, wait_seconds: float = 0.0) -> None:
        """Delivers a push after a wait; one of an account that mixes its pushes waits for company."""
        num_mixed = int(push.defects.get("mixes", 0))
        with self._changed:
            if num_mixed and not push.attempt:
                held = self._held.setdefault(push.app_id, [])
                held.append(push)
                if len(held) < num_mixed:
                    return
                self._release(push.app_id)
            else:
                wait_seconds += float(push.defects.get("delay_seconds", 0))
                self._enter(functools.partial(self._deliver, push=push), wait_seconds)

    def run(self, job: Callable[[httpx.Client], None]) -> None:
        """Runs a job that speaks to the site, soon, without the world's lock."""
        with self._changed:
            self._enter(job, 0)

    def release(self, app_id: str) -> int:
        """Sends what an account that mixes its pushes still holds back; returns how many."""
        with self._changed:
            return self._release(app_id)

    def num_pending(self) -> int:
        """Deliveries that are due or under way, without those held back for mixing."""
        with self._changed:
            return len(self._due) + self._num_busy

    def forget(self) -> None:
        """Drops what waits."""
        with self._changed:
            self._due.clear()
            self._held.clear()

    def stop(self) -> None:
        """Ends the threads; what waits is dropped."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(6)
        self._client.close()

    def _release(self, app_id: str) -> int:
        held = self._held.pop(app_id, [])
        self.world.random.shuffle(held)
        for at, push in enumerate(held):
            self._enter(functools.partial(self._deliver, push=push), at * 0.01)
        return len(held)

    def _enter(self, job: Callable[[httpx.Client], None], wait_seconds: float) -> None:
        self._num_added += 1
        heapq.heappush(self._due, (time.monotonic() + wait_seconds, self._num_added, job))
        self._changed.notify()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            try:
                job(self._client)
            finally:
                with self._changed:
                    self._num_busy -= 1

    def _take(self) -> Callable[[httpx.Client], None] | None:
        with self._changed:
            while not self._is_stopping:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    self._num_busy += 1
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _deliver(self, client: httpx.Client, push: Push) -> None:
        with self.world.lock:
            if push.epoch != self.world.epoch:
                return
            timestamp, nonce = int(self.world.now()), str(secrets.randbelow(10**10))
            settings = self.world.settings
        if push.defects.get("loses"):
            self._log(push, "lost", 0, "", 0.0)
            return
        params, body, content_type = build_request(push, timestamp, nonce)
        began = time.monotonic()
        try:
            answer = client.post(
                push.target.url,
                params=params,
                content=body.encode(),
                headers={"Content-Type": content_type},
                timeout=settings.push_timeout_seconds,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fail(push, type(error).__name__, time.monotonic() - began)
            return
        self._judge(push, answer, time.monotonic() - began)

    def _fail(self, push: Push, trouble: str, seconds: float) -> None:
        self._log(push, "no answer", 0, trouble, seconds)
        push.attempt, push.num_left = push.attempt + 1, push.num_left - 1
        if push.num_left > 0:
            self.add(push, self.world.settings.push_retry_seconds)
        else:
            self._show_broken(push)

    def _judge(self, push: Push, answer: httpx.Response, seconds: float) -> None:
        text = answer.text
        try:
            if answer.status_code != 200:
                raise crypto.Undecipherable(f"status {answer.status_code}")
            reply = read_reply(text, push.target)
        except crypto.Undecipherable as error:
            self._log(push, f"wrong answer: {error}", answer.status_code, text, seconds)
            self._show_broken(push)
            return
        self._log(push, "accepted" if reply is None else "replied", answer.status_code, text, seconds)
        if reply is not None:
            self._show(push, str(reply["MsgType"]), reply)

    def _show_broken(self, push: Push) -> None:
        if push.is_message:
            self._show(push, "broken", {"Content": BROKEN_SERVICE})

    def _show(self, push: Push, kind: str, payload: dict[str, Any]) -> None:
        with self.world.lock:
            if push.epoch == self.world.epoch:
                self.world.log("delivered", push.app_id, push.openid, via="passive", kind=kind, payload=payload)

    def _log(self, push: Push, outcome: str, status: int, answer: str, seconds: float) -> None:
        with self.world.lock:
            if push.epoch == self.world.epoch:
                self.world.log(
                    "push", push.app_id, push.openid, outcome=outcome, status=status, answer=answer[:2000],
                    seconds=round(seconds, 3), attempt=push.attempt + 1, url=push.target.url, message=push.message,
                )  # fmt: skip
