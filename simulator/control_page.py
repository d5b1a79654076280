"""The control page: what a person at the console sees of the world, and the reads behind it (see control.py)."""

from pathlib import Path
from typing import Any

from simulator import figures, reading
from simulator.brand_site import Item, Visit
from simulator.calls import Request, Response
from simulator.control import PAGES, Misuse, control, get_account, get_user
from simulator.crowd_control import crowds_of
from simulator.faults import KINDS
from simulator.records import to_json
from simulator.windows import open_windows
from simulator.world import Account, User, World

FOLDER = Path(__file__).parent / "pages"
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MAX_USERS, MAX_LINES = 50, 100


def show_file(name: str) -> Any:
    """A page function that answers with a file of `pages/`."""

    def show(_world: World, _request: Request) -> Response:
        content_type = f"{CONTENT_TYPES[Path(name).suffix]}; charset=utf-8"
        return Response((FOLDER / name).read_bytes(), 200, content_type, {"Cache-Control": "no-cache"})

    return show


PAGES[""] = show_file("control.html")
for _name in ("control.css", "control.js", "words.js"):
    PAGES[_name] = show_file(_name)


@control("overview")
def show_overview(world: World) -> dict[str, Any]:
    """The world in short: time, accounts, faults, what is under way."""
    pusher = getattr(world.send_push, "__self__", None)
    return {
        "now": world.now(),
        "offset_seconds": world.clock.offset_seconds,
        "num_pending_pushes": pusher.num_pending() if pusher is not None else 0,
        "num_tasks": len(world.state.tasks),
        "fault_kinds": list(KINDS),
        "faults": to_json(world.state.faults),
        "accounts": [_describe_account(one) for one in world.state.accounts.values()],
    }


@control("users")
def list_users(world: World, app_id: str, search: str = "", num: int = 20) -> dict[str, Any]:
    """The users touched last, and as many others of the generated ones as fit; `search` in person or openid."""
    account = get_account(world, app_id)
    wanted = search.strip().lower()
    found = [one for one in reversed(account.users.values()) if wanted in f"{one.person} {one.openid}".lower()]
    shown = found[: min(int(num), MAX_USERS)]
    if exact := account.find_user(search.strip()):
        shown = [exact]
    return {"num_stored": len(account.users), "users": [_describe_user(world, account, one) for one in shown]}


@control("latest")
def show_latest(world: World, kind: str, app_id: str = "", subject: str = "", num: int = 30) -> list[dict[str, Any]]:
    """The newest lines of a log, the newest first."""
    query = """SELECT id FROM log WHERE kind = ? AND ? IN ('', app_id) AND ? IN ('', subject)
        ORDER BY id DESC LIMIT 1 OFFSET ?"""
    row = world.storage.execute(query, (kind, app_id, subject, min(int(num), MAX_LINES)))
    after = int(row[0][0]) if row else 0
    return list(reversed(world.storage.read_log(kind, app_id, subject, after, MAX_LINES)))


@control("buy")
def buy(
    world: World, app_id: str, openid: str, item: str = "", title: str = "", amount_fen: int = 9900
) -> dict[str, Any]:
    """The user buys: noted as an order, in a mini program counted with its visit, and told to the brand's site."""
    account, user = get_user(world, app_id, openid)
    if account.is_mini:
        reading.visit_page(world, account, user, "pages/cart/index", 12.0, scene="1001")
        figures.count_act(world, app_id, "order", user.openid)
    world.log("order", app_id, user.openid, item=item, amount_fen=amount_fen)
    crowd = world.state.crowds.get(app_id)
    site = crowds_of(world).site_of(crowd) if crowd is not None else None
    if site is not None:
        if not item:
            raise Misuse("the brand's site wants to know which item")
        event = {"kind": "view", "item": item, "title": title or item}
        order = Item(item, title, "product", int(amount_fen), [])
        site.add(Visit(user.openid, world.now(), "", [event], order))
    return {"amount_fen": amount_fen}


def _describe_account(account: Account) -> dict[str, Any]:
    return {
        "app_id": account.app_id,
        "name": account.name,
        "kind": account.kind,
        "is_verified": account.is_verified,
        "num_following": account.num_following,
        "callback_url": account.callback.url,
        "callback_mode": account.callback.mode,
        "templates": [
            {"id": one.id, "title": one.title, "kind": one.kind} for one in account.messaging.templates.values()
        ],
        "codes": [
            {"ticket": one.ticket, "scene": one.scene_str or str(one.scene_id)}
            for one in list(account.qr_codes.values())[-30:]
        ],
        "menu": (account.menu or {}).get("button") or [],
        "waiting_mass": [str(one.msg_id) for one in account.messaging.jobs.values() if one.is_waiting_for_admin],
        "push_defects": account.push_defects,
        "articles": [
            {"msgid": f"{one.msg_data_id}_{number}", "title": article["title"]}
            for one in list(account.content.publications.values())[-10:]
            for number, article in enumerate(one.articles, start=1)
            if not article["is_deleted"]
        ],
    }


def _describe_user(world: World, account: Account, user: User) -> dict[str, Any]:
    given = account.messaging.consents.get(user.openid, {})
    return {
        "openid": user.openid,
        "person": user.person,
        "is_following": user.is_following,
        "followed_at": user.followed_at,
        "scene": user.scene,
        "tag_ids": user.tag_ids,
        "refuses_messages": user.refuses_messages,
        "is_blacklisted": user.is_blacklisted,
        "windows": open_windows(user, world.now()),
        "consents": {key: -1 if one.is_long_term else one.remaining for key, one in given.items()},
    }
