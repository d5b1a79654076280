"""What people do: follow, leave, scan, tap, view, write. Each act changes the world and pushes what the platform would.

Used by the control API, the control page and the crowd.
"""

from typing import Any

from simulator import figures, openids
from simulator.errors import Refusal
from simulator.pushing import push_event, push_message
from simulator.windows import open_window
from simulator.world import Account, QrCode, User, World

MENU_WINDOW_EVENTS = ("CLICK", "scancode_push", "scancode_waitmsg")


def meet(world: World, account: Account, person: str) -> User:
    """The person's user in this account, made if need be; not following yet."""
    world.person(person)
    openid = openids.openid_of(account.app_id, person)
    return account.users.setdefault(openid, User(openid, person))


def follow(
    world: World, account: Account, user: User, scene: str = "ADD_SCENE_SEARCH", code: QrCode | None = None
) -> None:
    """Follows, through a QR code when one is given; a second follow in a row changes nothing and pushes nothing."""
    if user.is_following:
        return
    _enter(account, user, int(world.now()))
    user.scene = "ADD_SCENE_QR_CODE" if code else scene
    user.qr_scene, user.qr_scene_str = (code.scene_id, code.scene_str) if code else (0, "")
    open_window(user, "follow", world.now())
    figures.count_act(world, account.app_id, "follow", user.openid, scene=user.scene)
    fields = {"EventKey": f"qrscene_{scene_value(code)}", "Ticket": code.ticket} if code else {"EventKey": ""}
    push_event(world, account, user.openid, "subscribe", **fields)


def add_follower(world: World, account: Account, user: User) -> None:
    """Makes a follower without any push, as if from before the account was connected."""
    if not user.is_following:
        _enter(account, user, int(world.now()))
        figures.count_act(world, account.app_id, "follow", user.openid, scene=user.scene)


def _enter(account: Account, user: User, now: int) -> None:
    user.is_following, user.followed_at = True, now
    account.num_following += 1
    account.users.pop(user.openid, None)  # the newest follower is the last of the list
    account.users[user.openid] = user


def unfollow(world: World, account: Account, user: User) -> None:
    """Leaves: windows close, tags and remark are gone."""
    if not user.is_following:
        return
    user.is_following, user.unfollowed_at = False, int(world.now())
    account.num_following -= 1
    for tag_id in user.tag_ids:
        account.tags[str(tag_id)].count -= 1
    user.tag_ids, user.remark = [], ""
    user.windows.clear()
    figures.count_act(world, account.app_id, "unfollow", user.openid)
    push_event(world, account, user.openid, "unsubscribe", EventKey="")


def scan(world: World, account: Account, user: User, ticket: str) -> None:
    """Scans a parametric QR code: follows through it, or SCAN for a follower; 40129 for a dead code."""
    code = account.qr_codes.get(ticket)
    if code is None or (not code.is_permanent and world.now() >= code.expires_at):
        raise Refusal(40129)
    if user.is_following:
        push_event(world, account, user.openid, "SCAN", EventKey=scene_value(code), Ticket=ticket)
    else:
        follow(world, account, user, code=code)
    open_window(user, "scan", world.now())


def scene_value(code: QrCode) -> str:
    """The scene as event keys show it."""
    return code.scene_str or str(code.scene_id)


def tap_menu(world: World, account: Account, user: User, event: str, key: str, **fields: Any) -> None:
    """Taps a menu button: CLICK, VIEW, view_miniprogram, scancode_push, pic_sysphoto, location_select, …"""
    if event in MENU_WINDOW_EVENTS:
        open_window(user, "menu", world.now())
    push_event(world, account, user.openid, event, EventKey=key, **fields)


def send(world: World, account: Account, user: User, kind: str, **fields: Any) -> dict[str, Any]:
    """Writes to the account: text, image, voice, video, shortvideo, location, link, miniprogrampage."""
    open_window(user, "mini_message" if account.is_mini else "message", world.now())
    message = push_message(world, account, user.openid, kind, **fields)
    figures.count_act(world, account.app_id, "message", user.openid, scene=kind)
    world.log("said", account.app_id, user.openid, kind=kind, message=message)
    return message


def tap_message_menu(world: World, account: Account, user: User, menu_id: str, content: str) -> dict[str, Any]:
    """Taps an item of a msgmenu: a text message with the item's id; counts as a menu click."""
    open_window(user, "menu", world.now())
    figures.count_act(world, account.app_id, "message", user.openid, scene="text")
    return push_message(world, account, user.openid, "text", Content=content, bizmsgmenuid=menu_id)


def enter_chat(world: World, account: Account, user: User, session_from: str = "") -> None:
    """Opens the chat: a mini program's user_enter_tempsession; an official account's LOCATION, if it asks for it."""
    if account.is_mini:
        open_window(user, "mini_enter", world.now())
        push_event(world, account, user.openid, "user_enter_tempsession", SessionFrom=session_from)
    elif account.callback.reports_location:
        push_event(
            world, account, user.openid, "LOCATION", Latitude=23.137466, Longitude=113.352425, Precision=119.385040
        )


def withdraw_consent(world: World, account: Account, user: User, event: str, revoke_info: str = "") -> None:
    """user_authorization_revoke, user_authorization_cancellation or user_info_modified, sent by the platform."""
    fields = {"OpenID": user.openid, "AppID": account.app_id}
    if revoke_info:
        fields["RevokeInfo"] = revoke_info
    if unionid := account.unionid(user):
        fields["UnionID"] = unionid
    if event != "user_info_modified":
        user.has_consented_userinfo = False
    push_event(world, account, openids.openid_of(account.app_id, "the platform"), event, **fields)
