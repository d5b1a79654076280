"""What people do with articles and mini-program pages: read, like, share, comment, visit. All of it is counted."""

from typing import TYPE_CHECKING

from simulator import figures
from simulator.content_state import Comment
from simulator.errors import Refusal
from simulator.platform.comments import find_article

if TYPE_CHECKING:
    from simulator.world import Account, User, World

SCENES = ("公众号消息", "聊天会话", "朋友圈", "公众号主页", "其他", "推荐", "搜一搜")
REACTIONS = ("share", "like", "zaikan", "favorite", "comment", "origin", "jump")
SHARE_SCENES = ("friend", "moments", "other")


def read_article(
    world: "World", account: "Account", user: "User", msgid: str, scene: str, seconds: float, depth: float = 1.0
) -> None:
    """Opens article `<msg_data_id>_<index>` and stays; `depth` 0..1 is how far down. Refused when it is deleted."""
    number, _, index = msgid.partition("_")
    if find_article(account.content.publications.get(number), int(index or 0)) is None:
        raise Refusal(53600)
    if scene not in SCENES:
        raise Refusal(40035, "scene")
    figures.count_act(world, account.app_id, "read", user.openid, subject=msgid, scene=scene, seconds=seconds)
    if user.is_following:
        figures.count_act(world, account.app_id, "fan_read", user.openid, subject=msgid, scene=scene)
    if depth >= 0.95:
        figures.count_act(world, account.app_id, "finish", user.openid, subject=msgid)
    else:
        position = f"{int(depth * 5) / 5:.1f}"
        figures.count_act(world, account.app_id, "jump", user.openid, subject=msgid, scene=position)


def react(
    world: "World", account: "Account", user: "User", msgid: str, kind: str, *, scene: str = "", text: str = ""
) -> None:
    """share, like (thumb), zaikan (heart), favorite, comment, origin (opens the original page)."""
    if kind not in REACTIONS:
        raise Refusal(40035, "kind")
    number, _, index = msgid.partition("_")
    article = find_article(account.content.publications.get(number), int(index or 0))
    if article is None:
        raise Refusal(53600)
    if kind == "comment":
        if not article["need_open_comment"] or (article["only_fans_can_comment"] and not user.is_following):
            raise Refusal(88000)
        comment = Comment(account.content.next_comment_id, user.openid, int(world.now()), text)
        account.content.next_comment_id += 1
        account.content.comments.setdefault(msgid, []).append(comment)
    figures.count_act(world, account.app_id, kind, user.openid, subject=msgid, scene=scene)


def visit_page(
    world: "World",
    account: "Account",
    user: "User",
    path: str,
    seconds: float,
    *,
    scene: str = "",
    is_entry: bool = True,
) -> None:
    """Opens a page of a mini program."""
    app_id = account.app_id
    if not figures.has_acted(world, app_id, "visit", user.openid):
        figures.count_act(world, app_id, "new_visit", user.openid)
    figures.count_act(world, app_id, "visit", user.openid, subject=path, scene=scene, seconds=seconds)
    if is_entry:
        figures.count_act(world, app_id, "session", user.openid, subject=path, scene=scene)
