"""The judge's record: what each simulated user really received, and which sends were refused and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator.errors import Refusal

if TYPE_CHECKING:
    from simulator.world import Account, User, World

CROWD = "*crowd*"  # subject of one line that stands for every generated follower who is not stored


def deliver(
    world: "World", account: "Account", openid: str, via: str, kind: str, payload: Any, msg_id: int, **more: Any
) -> None:
    """The message is on the user's phone."""
    body = {"via": via, "kind": kind, "msg_id": str(msg_id), "payload": payload, **more}
    world.log("delivered", account.app_id, openid, **body)


@contextmanager
def judged(world: "World", account: "Account", openid: Any, via: str) -> Iterator[None]:
    """Notes a refusal raised inside, then lets it pass."""
    try:
        yield
    except Refusal as refusal:
        body = {"via": via, "errcode": refusal.errcode, "errmsg": refusal.errmsg}
        world.log("refused", account.app_id, openid if isinstance(openid, str) else "", **body)
        raise


def recipient(account: "Account", openid: Any, *, must_follow: bool = True) -> "User":
    """The stored user, reachable in principle: 40003 unknown, 43004 not following, 43019 blacklisted, 48002 refuses."""
    user = account.keep_user(openid) if isinstance(openid, str) else None
    if user is None:
        raise Refusal(40003)
    if must_follow and not user.is_following:
        raise Refusal(43004)
    if user.is_blacklisted:
        raise Refusal(43019)
    if user.refuses_messages:
        raise Refusal(48002)
    return user
