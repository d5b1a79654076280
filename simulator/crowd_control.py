"""Controls of the crowd (see control.py)."""

import time
from typing import Any

from simulator.control import STARTS, Misuse, control, get_account, grow_crowd
from simulator.crowd import CELL_SECONDS, CELLS_AT_ONCE, Crowds
from simulator.crowd_state import BrandSettings, Crowd
from simulator.tastes import NAMES, member_of
from simulator.world import World

MAX_SPEED = 3600.0


def crowds_of(world: World) -> Crowds:
    """The one keeper of crowds of a world."""
    if not isinstance(world.crowds, Crowds):
        world.crowds = Crowds(world)
    return world.crowds


@control("crowd_on")
def switch_on(
    world: World,
    app_id: str,
    num: int = 3000,
    speed: float = 1.0,
    mini_app_id: str = "",
    newcomers_per_day: float | None = None,
    liveliness: float = 1.0,
    brand: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Brings the account's generated followers to life (and makes `num` of them if there are none).

    speed: simulated seconds per real second. liveliness: acts of their own accord against ordinary people's.
    brand: url, key, origin, api_key, contact_prefix, contacts of the brand's own site.
    """
    account = get_account(world, app_id)
    if not 0 < speed <= MAX_SPEED:
        raise Misuse(f"speed must be above 0 and at most {MAX_SPEED}")
    if mini_app_id:
        get_account(world, mini_app_id)
    if not account.crowd_size:
        grow_crowd(world, app_id, int(num))
    crowd = world.state.crowds.setdefault(app_id, Crowd(app_id, last_log_id=_last_line(world)))
    crowd.is_on, crowd.speed, crowd.mini_app_id = True, float(speed), mini_app_id or crowd.mini_app_id
    crowd.newcomers_per_day = account.crowd_size / 100 if newcomers_per_day is None else float(newcomers_per_day)
    crowd.liveliness = float(liveliness)
    crowd.last_cell = int(world.now() // CELL_SECONDS) - 1
    crowd.last_publication_at = crowd.last_publication_at or world.now()
    if brand is not None:
        crowd.brand = BrandSettings(**brand)
    return show(world, app_id)


@control("crowd_brand")
def change_brand(world: World, app_id: str, **brand: Any) -> dict[str, Any]:
    """Changes the named ones of the brand's site (see crowd_on), as when it has moved to another port."""
    crowd = world.state.crowds.get(app_id)
    if crowd is None:
        raise Misuse(f"{app_id} has no crowd")
    crowd.brand = BrandSettings(**{**vars(crowd.brand), **brand})
    return show(world, app_id)


@control("crowd_off")
def switch_off(world: World, app_id: str) -> dict[str, Any]:
    """Puts the crowd to sleep; what it planned waits."""
    if app_id in world.state.crowds:
        world.state.crowds[app_id].is_on = False
    return show(world, app_id)


@control("crowd")
def show(world: World, app_id: str) -> dict[str, Any]:
    """Whether the crowd lives, how fast, what it did, and how the brand's site took it."""
    get_account(world, app_id)
    crowd = world.state.crowds.get(app_id)
    if crowd is None:
        return {"is_on": False, "counts": {}, "brand": {}}
    site = crowds_of(world).sites.get(app_id)
    return {
        "is_on": crowd.is_on,
        "speed": crowd.speed,
        "liveliness": crowd.liveliness,
        "brand": {"url": crowd.brand.url, "key": crowd.brand.key, "origin": crowd.brand.origin},
        "num_newcomers": crowd.num_newcomers,
        "num_feeds": len(crowd.feeds),
        "num_planned": len(crowd.reactions),
        "num_stored_users": len(world.state.accounts[app_id].users),
        "minutes_behind": max(int(world.now() // CELL_SECONDS) - crowd.last_cell - 1, 0),
        "counts": dict(sorted(crowd.counts.items())),
        "site": {**site.counts, "items": len(site.items), "last_error": site.last_error} if site else None,
    }


@control("crowd_catch_up", locked=False)
def catch_up(world: World, timeout: float = 120.0) -> dict[str, Any]:
    """Waits until every crowd has lived up to now."""
    crowds, until = crowds_of(world), time.monotonic() + timeout
    while True:
        with world.lock:
            left = crowds.live_some(CELLS_AT_ONCE)
        waiting = sum(site.num_waiting() for site in crowds.sites.values())
        if (not left and not waiting) or time.monotonic() > until:
            return {"minutes_left": left, "visits_left": waiting}
        time.sleep(0.001)


@control("tastes")
def show_tastes(world: World, app_id: str, first: int = 0, num: int = 10) -> list[dict[str, Any]]:
    """The hidden truth about some members, for judging what a product learnt."""
    members = [member_of(world.state.seed, app_id, number) for number in range(first, first + num)]
    return [
        {
            "number": one.number,
            "loves": NAMES[one.loves],
            "likes": [NAMES[index] for index in one.likes],
            "curiosity": round(one.curiosity, 3),
            "warmth": round(one.warmth, 3),
            "thrift": round(one.thrift, 3),
            "patience": one.patience,
        }
        for one in members
    ]


def _last_line(world: World) -> int:
    return int(world.storage.execute("SELECT coalesce(max(id), 0) FROM log")[0][0])


STARTS.append(lambda world: crowds_of(world).forget())
