"""Followers: lists by pages of 10,000, today's few fields, remarks, the blacklist, migrated openids (fact sheet 3)."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from simulator import openids
from simulator.calls import OK, Call, Need, endpoint
from simulator.errors import Refusal
from simulator.world import Account, User

PAGE_SIZE = 10_000
MAX_BATCH = 100
MAX_BLACKLIST_BATCH = 20
MAX_REMARK = 30


@endpoint("GET", "/cgi-bin/user/get", need=Need.FANS, daily=500, test_daily=100, permission_sets=(2, 100))
def list_followers(call: Call) -> dict[str, Any]:
    """One page of openids after `next_openid`, and the last of them to go on with."""
    after = call.params.get("next_openid", "")
    found = list(islice(follower_openids(call.account, after), PAGE_SIZE))
    return {"total": call.account.num_following, **openid_page(found)}


def openid_page(found: list[str]) -> dict[str, Any]:
    """Count, openids and the next start; `data` is missing when there is nothing."""
    if not found:
        return {"count": 0, "next_openid": ""}
    return {"count": len(found), "data": {"openid": found}, "next_openid": found[-1]}


def follower_openids(account: Account, after: str = "") -> Iterator[str]:
    """All followers after one of them, the generated crowd first; 40003 for an `after` the account never had."""
    number = openids.crowd_number(account.app_id, after) if after else -1
    if after and number is None and after not in account.users:
        raise Refusal(40003)
    if number is not None:
        yield from _crowd_openids(account, number + 1)
        after = ""
    yield from stored_openids(account, after, lambda user: user.is_following and user.crowd_number < 0)


def _crowd_openids(account: Account, first: int) -> Iterator[str]:
    gone = {user.openid for user in account.users.values() if user.crowd_number >= 0 and not user.is_following}
    while first < account.crowd_size:
        num = min(PAGE_SIZE, account.crowd_size - first)
        page = openids.crowd_openids(account.app_id, first, num)
        yield from (openid for openid in page if openid not in gone) if gone else page
        first += num


def stored_openids(account: Account, after: str, is_meant: Callable[[User], bool]) -> Iterator[str]:
    """Stored users that are meant, behind `after` in the order they came."""
    users = iter(list(account.users.values()))
    if after and not any(user.openid == after for user in users):
        raise Refusal(40003)
    return (user.openid for user in users if is_meant(user))


@endpoint("GET", "/cgi-bin/user/info", need=Need.FANS, daily=500_000, permission_sets=(2, 100))
def get_user(call: Call) -> dict[str, Any]:
    """What the platform still tells about a person."""
    return describe_user(call.account, call.user(call.params.get("openid")))


@endpoint("POST", "/cgi-bin/user/info/batchget", need=Need.FANS, daily=500_000, permission_sets=(2, 100))
def get_users(call: Call) -> dict[str, Any]:
    """The same for up to 100."""
    wanted = call.body.get("user_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_BATCH:
        raise Refusal(40032)
    users = [call.user(one.get("openid") if isinstance(one, dict) else None) for one in wanted]
    return {"user_info_list": [describe_user(call.account, user) for user in users]}


def describe_user(account: Account, user: User) -> dict[str, Any]:
    """Nickname, avatar, sex, place and language have been empty since 2021-12-27."""
    if not user.is_following:
        return {"subscribe": 0, "openid": user.openid}
    bound = {"unionid": account.unionid(user)} if account.open_account else {}
    return {
        "subscribe": 1,
        "openid": user.openid,
        "nickname": "",
        "sex": 0,
        "language": "",
        "headimgurl": "",
        "subscribe_time": user.followed_at,
        **bound,
        "remark": user.remark,
        "groupid": user.tag_ids[0] if user.tag_ids else 0,
        "tagid_list": list(user.tag_ids),
        "subscribe_scene": user.scene,
        "qr_scene": user.qr_scene,
        "qr_scene_str": user.qr_scene_str,
    }


@endpoint("POST", "/cgi-bin/user/info/updateremark", need=Need.FANS, daily=10_000, permission_sets=(2, 100))
def set_remark(call: Call) -> dict[str, Any]:
    """The account's own note on a follower."""
    remark = call.body.get("remark")
    if not isinstance(remark, str) or len(remark) > MAX_REMARK:
        raise Refusal(40035, "remark")
    user = call.user(call.body.get("openid"), keep=True)
    if not user.is_following:
        raise Refusal(40003)
    user.remark = remark
    return OK


# --- the blacklist --------------------------------------------------------------------------------------------------


@endpoint("POST", "/cgi-bin/tags/members/getblacklist", need=Need.FANS, permission_sets=(2, 100))
def list_blacklist(call: Call) -> dict[str, Any]:
    """One page of the blacklist after `begin_openid`."""
    account, after = call.account, str(call.body.get("begin_openid") or "")
    found = list(islice(stored_openids(account, after, lambda user: user.is_blacklisted), PAGE_SIZE))
    return {"total": sum(user.is_blacklisted for user in account.users.values()), **openid_page(found)}


@endpoint("POST", "/cgi-bin/tags/members/batchblacklist", need=Need.FANS, permission_sets=(2, 100))
def blacklist(call: Call) -> dict[str, Any]:
    """Puts up to 20 on the blacklist."""
    return _set_blacklisted(call, True)


@endpoint("POST", "/cgi-bin/tags/members/batchunblacklist", need=Need.FANS, permission_sets=(2, 100))
def unblacklist(call: Call) -> dict[str, Any]:
    """Takes up to 20 off it."""
    return _set_blacklisted(call, False)


def _set_blacklisted(call: Call, is_blacklisted: bool) -> dict[str, Any]:
    for user in named_users(call, MAX_BLACKLIST_BATCH):
        user.is_blacklisted = is_blacklisted
    return OK


def named_users(call: Call, max_num: int) -> list[User]:
    """The users of `openid_list`, all of them or a refusal: 40032 size, 49003 another account's, 40003 nobody's."""
    wanted = call.body.get("openid_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= max_num:
        raise Refusal(40032)
    for openid in wanted:
        if not isinstance(openid, str) or call.account.find_user(openid) is None:
            others = (one for one in call.world.state.accounts.values() if one is not call.account)
            is_foreign = isinstance(openid, str) and any(one.find_user(openid) for one in others)
            raise Refusal(49003 if is_foreign else 40003)
    return [call.user(openid, keep=True) for openid in dict.fromkeys(wanted)]


# --- after an account migrated --------------------------------------------------------------------------------------


@endpoint("POST", "/cgi-bin/changeopenid", need=Need.FANS, permission_sets=(2, 100))
def change_openids(call: Call) -> dict[str, Any]:
    """The openids here of people who had others in the account this one came from."""
    wanted, source = call.body.get("openid_list"), call.world.state.accounts.get(str(call.body.get("from_appid", "")))
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_BATCH:
        raise Refusal(40032)
    if source is None:
        raise Refusal(40013)
    return {**OK, "result_list": [_changed(call.account, source, str(openid)) for openid in wanted]}


def _changed(account: Account, source: Account, openid: str) -> dict[str, str]:
    user = source.find_user(openid)
    new = openids.openid_of(account.app_id, user.person) if user else ""
    if account.find_user(new) is None:
        return {"ori_openid": openid, "err_msg": "ori_openid error"}
    return {"ori_openid": openid, "new_openid": new, "err_msg": "ok"}
