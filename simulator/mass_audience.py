"""Whom a mass send reaches, and the four-a-month rule, for audiences up to millions.

Generated followers who never did anything are not stored. They all got the same broadcasts, so one number counts for
them (`crowd_mass_count`); a stored follower of the crowd has only the difference from it in `mass_counts`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.messaging_state import MassJob, Messaging

if TYPE_CHECKING:
    from simulator.world import Account, User, World

MAX_PER_MONTH = 4


@dataclass
class Reached:
    """The outcome: stored users who get it, how many unstored ones do, and how many were left out."""

    users: "list[User]"
    num_unstored: int
    num_total: int
    num_filtered: int
    num_failed: int


def received_this_month(world: "World", account: "Account", user: "User") -> int:
    """Mass sends the user received in this Beijing month."""
    messaging = _counts_of(world, account)
    base = messaging.crowd_mass_count if user.crowd_number >= 0 else 0
    return base + messaging.mass_counts.get(user.openid, 0)


def _counts_of(world: "World", account: "Account") -> Messaging:
    messaging = account.messaging
    if messaging.mass_month != world.month():
        messaging.mass_month, messaging.crowd_mass_count, messaging.mass_counts = world.month(), 0, {}
    return messaging


def reach(world: "World", account: "Account", job: MassJob) -> Reached:
    """Decides who gets the job, and counts it for them.

    Filtered: who refuses messages, is blacklisted, or had four this month (service accounts). Failed: who left.
    """
    messaging = _counts_of(world, account)
    named = job.audience.get("openids")
    candidates = [account.keep_user(openid) for openid in named] if named else list(account.users.values())
    tag_id = job.audience.get("tag_id")
    stored = [one for one in candidates if one and _is_meant(one, tag_id, is_named=bool(named))]
    wanted = [one for one in stored if not _is_filtered(world, account, one)]
    getting = [one for one in wanted if one.is_following]
    num_unstored = _num_unstored(account) if job.audience.get("all") else 0
    is_full = account.kind == "service" and messaging.crowd_mass_count >= MAX_PER_MONTH
    num_crowd = 0 if is_full else num_unstored
    _count(messaging, account, getting, is_to_crowd=bool(num_unstored) and not is_full)
    num_failed = len(wanted) - len(getting)
    num_total = len(stored) + num_unstored
    return Reached(getting, num_crowd, num_total, num_total - len(wanted) - num_crowd, num_failed)


def _is_meant(user: "User", tag_id: int | None, *, is_named: bool) -> bool:
    if is_named:
        return True
    return user.is_following and (tag_id is None or tag_id in user.tag_ids)


def _is_filtered(world: "World", account: "Account", user: "User") -> bool:
    if user.refuses_messages or user.is_blacklisted:
        return True
    return account.kind == "service" and received_this_month(world, account, user) >= MAX_PER_MONTH


def _num_unstored(account: "Account") -> int:
    return account.crowd_size - sum(1 for one in account.users.values() if one.crowd_number >= 0)


def _count(messaging: Messaging, account: "Account", getting: "list[User]", *, is_to_crowd: bool) -> None:
    got = {one.openid for one in getting}
    counts = messaging.mass_counts
    if is_to_crowd:
        messaging.crowd_mass_count += 1
        for user in account.users.values():
            if user.crowd_number >= 0 and user.openid not in got:
                counts[user.openid] = counts.get(user.openid, 0) - 1
    for user in getting:
        if not (is_to_crowd and user.crowd_number >= 0):
            counts[user.openid] = counts.get(user.openid, 0) + 1
