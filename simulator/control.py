"""The control API: what a test, the control page or a person at the console may do to the world.

`POST /_control/<name>` with a JSON object; the answer is JSON, status 400 with `{"error": …}` when it cannot be done.
An area adds a name with `@control("name")`: a function of the world and keyword arguments, under the world's lock.
"""

import inspect
import json
import time
from collections.abc import Callable
from typing import Any

from simulator import access, behaviour, openids, schedule
from simulator.calls import Request, Response, json_response
from simulator.errors import Refusal
from simulator.faults import KINDS, Fault
from simulator.records import to_json
from simulator.world import Account, Person, User, World, make_secret

CONTROLS: dict[str, tuple[Callable[..., Any], bool]] = {}
PAGES: dict[str, Callable[[World, Request], Response]] = {}  # GET path below /_control/ -> page


class Misuse(Exception):
    """A control call that makes no sense."""


def control(name: str, *, locked: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a control; `locked=False` for one that waits or speaks to the network."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        CONTROLS[name] = (function, locked)
        return function

    return register


def answer(world: World, request: Request) -> Response:
    """The response to a request below /_control/."""
    name = request.path.removeprefix("/_control").strip("/")
    if request.method == "GET" and name in PAGES:
        with world.lock:
            return PAGES[name](world, request)
    if name not in CONTROLS:
        return json_response({"error": f"no control {name!r}; there are {', '.join(sorted(CONTROLS))}"}, 404)
    try:
        arguments = json.loads(request.body) if request.body.strip() else dict(request.params)
        return json_response(run(world, name, arguments))
    except (Misuse, Refusal, ValueError, TypeError) as error:
        return json_response({"error": str(error)}, 400)


def run(world: World, name: str, arguments: dict[str, Any]) -> Any:
    """Does it; raises Misuse for unknown or missing arguments."""
    function, locked = CONTROLS[name]
    signature = inspect.signature(function)
    try:
        signature.bind(world, **arguments)
    except TypeError as error:
        raise Misuse(f"{name}: {error}") from None
    for argument, value in arguments.items():
        parameter = signature.parameters.get(argument)
        if parameter is not None and parameter.annotation in (str, "str") and not isinstance(value, str):
            raise Misuse(f"{name}: {argument} must be a text")
    if not locked:
        return function(world, **arguments)
    with world.lock:
        return function(world, **arguments)


def get_account(world: World, app_id: str) -> Account:
    """The account; raises Misuse."""
    if app_id not in world.state.accounts:
        raise Misuse(f"no account {app_id}")
    return world.state.accounts[app_id]


def get_user(world: World, app_id: str, openid: str) -> tuple[Account, User]:
    """The account and its user, stored; raises Misuse."""
    account = get_account(world, app_id)
    user = account.keep_user(openid)
    if user is None:
        raise Misuse(f"{app_id} has no user {openid}")
    return account, user


# --- the world ------------------------------------------------------------------------------------------------------


@control("reset")
def reset(world: World, seed: int = 1) -> dict[str, Any]:
    """Empties the world and forgets what is under way; the clock shows real time again."""
    world.clear(seed)
    pusher = getattr(world.send_push, "__self__", None)
    if pusher is not None:
        pusher.forget()
    start_anew(world)
    return {}


def start_anew(world: World) -> None:
    """Sets the standing tasks of a new world."""
    for begin in STARTS:
        begin(world)


STARTS: list[Callable[[World], None]] = []


@control("settings")
def change_settings(world: World, **values: Any) -> Any:
    """Changes the named settings; returns all."""
    for name, value in values.items():
        if not hasattr(world.settings, name):
            raise Misuse(f"no setting {name}")
        setattr(world.settings, name, value)
    return to_json(world.settings)


@control("clock")
def move_clock(world: World, advance: float = 0.0, to: float | None = None) -> dict[str, Any]:
    """Advances simulated time by seconds or to a Unix time; what became due happens at once."""
    if to is not None:
        world.clock.move_to(to)
    world.clock.advance(advance)
    schedule.run_due(world)
    return {"now": world.now(), "offset_seconds": world.clock.offset_seconds}


@control("settle", locked=False)
def settle(world: World, timeout: float = 10.0) -> dict[str, Any]:
    """Waits until no push waits or is under way."""
    pusher = getattr(world.send_push, "__self__", None)
    until = time.monotonic() + timeout
    while pusher is not None and pusher.num_pending() and time.monotonic() < until:
        time.sleep(0.005)
    return {"pending": pusher.num_pending() if pusher is not None else 0}


@control("log")
def read_log(
    world: World, kind: str, app_id: str = "", subject: str = "", after: int = 0, limit: int = 1000
) -> list[dict[str, Any]]:
    """Lines of a log, oldest first: call, push, delivered, said, notice."""
    return world.storage.read_log(kind, app_id, subject, int(after), int(limit))


@control("state")
def show_state(world: World, app_id: str = "") -> Any:
    """The world, or one account, without its users."""
    accounts = [get_account(world, app_id)] if app_id else list(world.state.accounts.values())
    shown = {}
    for account in accounts:
        record = {name: value for name, value in vars(account).items() if name not in ("users", "qr_codes")}
        shown[account.app_id] = to_json(record) | {"num_qr_codes": len(account.qr_codes)}
    return {
        "now": world.now(), "settings": to_json(world.settings), "accounts": shown,
        "components": sorted(world.state.components), "merchants": sorted(world.state.merchants),
        "faults": to_json(world.state.faults), "num_tasks": len(world.state.tasks),
    }  # fmt: skip


# --- faults ---------------------------------------------------------------------------------------------------------


@control("add_fault")
def add_fault(world: World, kind: str, **rule: Any) -> dict[str, Any]:
    """Adds a rule: kind, app_id, path, errcode, status, seconds, remaining, probability, after (faults.py)."""
    if kind not in KINDS:
        raise Misuse(f"no fault {kind}; there are {', '.join(KINDS)}")
    try:
        world.state.faults.append(Fault(kind, **rule))
    except TypeError as error:
        raise Misuse(str(error)) from None
    return {"num_faults": len(world.state.faults)}


@control("clear_faults")
def clear_faults(world: World, app_id: str = "") -> dict[str, Any]:
    """Removes the rules of an account, or all."""
    world.state.faults[:] = [fault for fault in world.state.faults if app_id and fault.app_id != app_id]
    return {"num_faults": len(world.state.faults)}


@control("kill_tokens")
def kill_tokens(world: World, app_id: str) -> dict[str, Any]:
    """Someone else fetched new tokens: those handed out are invalid now."""
    return {"num_killed": access.kill_tokens(world, app_id)}


@control("push_defects")
def set_push_defects(world: World, app_id: str, **defects: Any) -> dict[str, Any]:
    """How an account's pushes go wrong from now on; without arguments: no more.

    duplicates (so many more of each), mixes (held back until so many are there, then shuffled), forges (wrong
    signatures), loses, delay_seconds, old_key (encrypts with this key), trailer (a foreign app id inside).
    """
    account = get_account(world, app_id)
    account.push_defects = defects
    pusher = getattr(world.send_push, "__self__", None)
    num_released = pusher.release(app_id) if pusher is not None and not defects.get("mixes") else 0
    return {"push_defects": defects, "num_released": num_released}


# --- accounts and people --------------------------------------------------------------------------------------------


@control("add_account")
def add_account(
    world: World, kind: str = "service", verified: bool = True, app_id: str = "", name: str = "", **more: Any
) -> Any:
    """Makes an account; returns its app_id, secret, original_id. `more`: any other field of Account."""
    if kind not in ("subscription", "service", "miniprogram"):
        raise Misuse(f"no kind {kind}")
    account = Account(
        app_id=app_id or f"wx{make_secret(8)}",
        secret=more.pop("secret", "") or make_secret(),
        original_id=more.pop("original_id", "") or f"gh_{make_secret(6)}",
        name=name or f"{kind} account",
        kind=kind,
        is_verified=verified,
        created_at=world.now(),
    )
    world.state.accounts[account.app_id] = account
    change_account(world, account.app_id, **more)
    account.num_following = account.crowd_size
    return {name: getattr(account, name) for name in ("app_id", "secret", "original_id", "name", "kind")}


@control("change_account")
def change_account(world: World, app_id: str, **fields: Any) -> Any:
    """Sets plain fields: is_verified, whitelist, is_secret_frozen, secret, limits, open_account, status, …"""
    account = get_account(world, app_id)
    for name, value in fields.items():
        if not hasattr(account, name) or name in ("users", "callback", "tags", "qr_codes", "app_id"):
            raise Misuse(f"an account's {name} cannot be set")
        setattr(account, name, value)
    return {"app_id": app_id}


@control("grow_crowd")
def grow_crowd(world: World, app_id: str, num: int) -> dict[str, Any]:
    """Gives the account `num` generated followers, once; they cost no memory until they do something."""
    account = get_account(world, app_id)
    if account.crowd_size:
        raise Misuse("the account has its crowd already")
    account.crowd_size = num
    account.num_following += num
    return {"num_following": account.num_following}


@control("list_openids")
def list_openids(world: World, app_id: str, first: int = 0, num: int = 100) -> list[str]:
    """Openids of the generated followers `first`, `first` + 1, …"""
    account = get_account(world, app_id)
    return openids.crowd_openids(app_id, int(first), max(0, min(int(num), account.crowd_size - int(first))))


@control("add_person")
def add_person(world: World, name: str, nickname: str = "", avatar_url: str = "", phone: str = "") -> dict[str, Any]:
    """A human with a profile, the same one in every account."""
    world.state.people[name] = Person(name, nickname or name, avatar_url, phone)
    return {"person": name}


@control("add_user")
def add_user(world: World, app_id: str, person: str = "", following: bool = True, num: int = 0) -> Any:
    """A person's user in an account, a follower without any push; with `num` a list of so many new persons."""
    account = get_account(world, app_id)
    if num:
        return [add_user(world, app_id, f"{person or 'person'}-{number}", following) for number in range(num)]
    user = behaviour.meet(world, account, person or f"person-{make_secret(6)}")
    if following:
        behaviour.add_follower(world, account, user)
    return {"openid": user.openid, "unionid": account.unionid(user), "person": user.person}


# --- acts -----------------------------------------------------------------------------------------------------------


@control("follow")
def follow(world: World, app_id: str, openid: str, scene: str = "ADD_SCENE_SEARCH") -> dict[str, Any]:
    """Follows, with push."""
    behaviour.follow(world, *get_user(world, app_id, openid), scene)
    return {}


@control("unfollow")
def unfollow(world: World, app_id: str, openid: str) -> dict[str, Any]:
    """Leaves, with push."""
    behaviour.unfollow(world, *get_user(world, app_id, openid))
    return {}


@control("scan")
def scan(world: World, app_id: str, openid: str, ticket: str) -> dict[str, Any]:
    """Scans a parametric code: subscribe or SCAN."""
    behaviour.scan(world, *get_user(world, app_id, openid), ticket)
    return {}


@control("tap_menu")
def tap_menu(world: World, app_id: str, openid: str, event: str, key: str, **fields: Any) -> dict[str, Any]:
    """Taps a menu button; `fields` are the event's further fields."""
    account, user = get_user(world, app_id, openid)
    behaviour.tap_menu(world, account, user, event, key, **fields)
    return {}


@control("send")
def send(world: World, app_id: str, openid: str, kind: str = "text", **fields: Any) -> dict[str, Any]:
    """Writes a message: kind and its fields (Content, PicUrl, MediaId, Location_X, …); returns it."""
    return behaviour.send(world, *get_user(world, app_id, openid), kind, **fields)


@control("tap_message_menu")
def tap_message_menu(world: World, app_id: str, openid: str, menu_id: str, content: str) -> dict[str, Any]:
    """Taps an item of a msgmenu message."""
    return behaviour.tap_message_menu(world, *get_user(world, app_id, openid), menu_id, content)


@control("enter_chat")
def enter_chat(world: World, app_id: str, openid: str, session_from: str = "") -> dict[str, Any]:
    """Opens the chat."""
    behaviour.enter_chat(world, *get_user(world, app_id, openid), session_from)
    return {}


@control("withdraw_consent")
def withdraw_consent(world: World, app_id: str, openid: str, event: str, revoke_info: str = "") -> dict[str, Any]:
    """user_authorization_revoke, user_authorization_cancellation, user_info_modified."""
    behaviour.withdraw_consent(world, *get_user(world, app_id, openid), event, revoke_info)
    return {}


@control("push")
def push(world: World, app_id: str, openid: str, event: str, **fields: Any) -> dict[str, Any]:
    """Pushes any event with any fields, also ones nobody has heard of."""
    from simulator.pushing import push_event

    return push_event(world, get_account(world, app_id), openid, event, **fields)
