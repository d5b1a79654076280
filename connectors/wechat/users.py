"""Followers of an account: pages of openids, what the platform still tells about each, remarks, the blacklist.

Since 2021-12-27 the platform gives no names, faces, sex or places; only the fields of `Follower`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.wechat.answers import inner, moment, number, rows, text, texts
from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import Refused
from connectors.wechat.limits import batches, check_chars

PAGE_SIZE = 10_000
INFO_BATCH = 100
BLACKLIST_BATCH = 20
EXCHANGE_BATCH = 100
REMARK_CHARS = 30
# Errcodes about one person in a batch: the others of the batch are tried again without that person.
ABOUT_ONE_PERSON = frozenset({40003, 45059, 46004, 49003})


@dataclass(frozen=True)
class OpenidPage:
    """One page of openids. A reader who stops goes on later from `next_openid`."""

    openids: tuple[str, ...]
    next_openid: str
    total: int


@dataclass(frozen=True)
class Follower:
    """What the platform tells about one person today. `scene` is how they came (ADD_SCENE_QR_CODE, …)."""

    openid: str
    is_following: bool
    followed_at: datetime | None = None
    unionid: str = ""
    remark: str = ""
    group_id: int = 0
    tag_ids: tuple[int, ...] = ()
    scene: str = ""
    qr_scene: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Rejection:
    """One person for whom a batch call was refused."""

    openid: str
    why: Refused


@dataclass(frozen=True)
class Applied:
    """What a batch call changed; nothing else was refused."""

    num_done: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class Exchanged:
    """The openid a person has after the account moved; `new_openid` is "" with the platform's reason in `error`."""

    old_openid: str
    new_openid: str
    error: str


def follower_pages(client: WeChatClient, next_openid: str = "") -> Iterator[OpenidPage]:
    """Pages of the account's followers, the longest-standing first; one call each, of 500 a day.

    Give the last page's `next_openid` to go on where an earlier reading stopped.
    """
    path = "/cgi-bin/user/get"
    return openid_pages(lambda cursor: client.call("GET", path, params={"next_openid": cursor}), next_openid)


def openid_pages(read: Callable[[str], dict[str, Any]], cursor: str = "") -> Iterator[OpenidPage]:
    """Pages from any call that answers count, data.openid and next_openid; ends with the first that is not full."""
    while True:
        answer = read(cursor)
        openids = texts(inner(answer, "data"), "openid")
        if not openids:
            return
        following = text(answer, "next_openid") or openids[-1]
        yield OpenidPage(openids, following, number(answer, "total"))
        if len(openids) < PAGE_SIZE or following == cursor:
            return
        cursor = following


def read_user(client: WeChatClient, openid: str) -> Follower:
    """What the platform tells about one person."""
    return _follower(client.call("GET", "/cgi-bin/user/info", params={"openid": openid, "lang": "zh_CN"}))


def read_users(client: WeChatClient, openids: Iterable[str]) -> Iterator[Follower]:
    """The same for many, 100 per call."""
    for batch in batches(openids, INFO_BATCH):
        body = {"user_list": [{"openid": openid, "lang": "zh_CN"} for openid in batch]}
        answer = client.call("POST", "/cgi-bin/user/info/batchget", body=body, idempotent=True)
        yield from (_follower(row) for row in rows(answer, "user_info_list"))


def _follower(row: dict[str, Any]) -> Follower:
    is_following = number(row, "subscribe") == 1
    if not is_following:
        return Follower(text(row, "openid"), False, unionid=text(row, "unionid"), raw=row)
    return Follower(
        openid=text(row, "openid"),
        is_following=True,
        followed_at=moment(row, "subscribe_time"),
        unionid=text(row, "unionid"),
        remark=text(row, "remark"),
        group_id=number(row, "groupid"),
        tag_ids=tuple(int(tag_id) for tag_id in texts(row, "tagid_list") if tag_id.isdecimal()),
        scene=text(row, "subscribe_scene"),
        qr_scene=text(row, "qr_scene_str") or str(number(row, "qr_scene") or ""),
        raw=row,
    )


def set_remark(client: WeChatClient, openid: str, remark: str) -> None:
    """Note a name for a person in the account's console, at most 30 characters; "" takes it away."""
    check_chars("Remark", remark, REMARK_CHARS)
    body = {"openid": openid, "remark": remark}
    client.call("POST", "/cgi-bin/user/info/updateremark", body=body, idempotent=True)


def blacklist_pages(client: WeChatClient, next_openid: str = "") -> Iterator[OpenidPage]:
    """Pages of the people on the account's blacklist."""
    path = "/cgi-bin/tags/members/getblacklist"
    return openid_pages(
        lambda cursor: client.call("POST", path, body={"begin_openid": cursor}, idempotent=True), next_openid
    )


def block(client: WeChatClient, openids: Iterable[str]) -> Applied:
    """Put people on the blacklist, 20 per call. Repeating it does no harm."""
    return _change_blacklist(client, "/cgi-bin/tags/members/batchblacklist", openids)


def unblock(client: WeChatClient, openids: Iterable[str]) -> Applied:
    """Take people off the blacklist, 20 per call. Repeating it does no harm."""
    return _change_blacklist(client, "/cgi-bin/tags/members/batchunblacklist", openids)


def _change_blacklist(client: WeChatClient, path: str, openids: Iterable[str]) -> Applied:
    def change(batch: Sequence[str]) -> None:
        client.call("POST", path, body={"openid_list": list(batch)}, idempotent=True)

    return apply_in_batches(change, openids, BLACKLIST_BATCH)


def apply_in_batches(change: Callable[[Sequence[str]], None], openids: Iterable[str], size: int) -> Applied:
    """Run `change` for all openids, `size` at a time; a batch refused for one person's sake is halved until that
    person stands alone. Any other refusal is raised; what came before it is done, and the whole may be repeated.
    """
    waiting = list(batches(openids, size))
    num_done, rejected = 0, []
    while waiting:
        batch = waiting.pop(0)
        try:
            change(batch)
            num_done += len(batch)
        except Refused as error:
            if error.errcode not in ABOUT_ONE_PERSON:
                raise
            if len(batch) == 1:
                rejected.append(Rejection(batch[0], error))
            else:
                middle = len(batch) // 2
                waiting[:0] = [batch[:middle], batch[middle:]]
    return Applied(num_done, tuple(rejected))


def exchange_openids(client: WeChatClient, from_app_id: str, openids: Iterable[str]) -> Iterator[Exchanged]:
    """The new openids of people whose account moved here from `from_app_id`, 100 per call."""
    for batch in batches(openids, EXCHANGE_BATCH):
        body = {"from_appid": from_app_id, "openid_list": list(batch)}
        answer = client.call("POST", "/cgi-bin/changeopenid", body=body, idempotent=True)
        for row in rows(answer, "result_list"):
            new_openid = text(row, "new_openid")
            yield Exchanged(text(row, "ori_openid"), new_openid, "" if new_openid else text(row, "err_msg"))
