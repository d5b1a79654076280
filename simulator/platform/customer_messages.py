"""Customer-service messages and the typing sign (fact sheet 4.1)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.calls import OK, Call, Need, endpoint
from simulator.content_state import Media
from simulator.delivered import deliver, judged, recipient
from simulator.errors import Refusal
from simulator.platform.media import find_media
from simulator.windows import spend_window

if TYPE_CHECKING:
    from simulator.world import Account, World

MAX_TEXT_BYTES = 2048
TYPING_SECONDS = 15.0
TALK_SECONDS = 30.0
SETS = (1, 6, 19, 100, 101)
Payload = dict[str, Any]
Check = Callable[["World", "Account", Payload], None]


@endpoint(
    "POST",
    "/cgi-bin/message/custom/send",
    need=Need.MESSAGES,
    daily=500_000,
    test_daily=50_000,
    permission_sets=SETS,
)
def send(call: Call) -> dict[str, Any]:
    """One message inside an open window; it is on the phone at once."""
    world, account, body = call.world, call.account, call.body
    openid = body.get("touser")
    with judged(world, account, openid, "custom"):
        msg_type, payload = check_message(world, account, body)
        user = recipient(account, openid, must_follow=not account.is_mini)
        spend_window(user, world.now())
    account.messaging.typing_since.pop(user.openid, None)
    account.messaging.talked_at[user.openid] = world.now()
    deliver(world, account, user.openid, "custom", msg_type, payload, world.next_id())
    return OK


@endpoint("POST", "/cgi-bin/message/custom/typing", need=Need.MESSAGES, permission_sets=SETS)
def show_typing(call: Call) -> dict[str, Any]:
    """The sign “typing…” for 15 seconds, only in a conversation of the last 30 seconds."""
    messaging, now = call.account.messaging, call.world.now()
    command = call.body.get("command")
    if command not in ("Typing", "CancelTyping"):
        raise Refusal(45072)
    user = recipient(call.account, call.body.get("touser"), must_follow=not call.account.is_mini)
    openid, heard_at = user.openid, user.windows.get("mini_message" if call.account.is_mini else "message", [0.0])[0]
    if now - max(heard_at, messaging.talked_at.get(openid, 0)) > TALK_SECONDS:
        raise Refusal(45080)
    if command == "CancelTyping":
        messaging.typing_since.pop(openid, None)
    elif now - messaging.typing_since.get(openid, 0) < TYPING_SECONDS:
        raise Refusal(45081)
    else:
        messaging.typing_since[openid] = now
    return OK


def check_message(world: "World", account: "Account", body: Payload) -> tuple[str, Payload]:
    """Type and payload of a well-formed message of a kind this account may send."""
    checks = MINI_CHECKS if account.is_mini else CHECKS
    msg_type = body.get("msgtype")
    if not isinstance(msg_type, str) or msg_type not in checks:
        raise Refusal(40008)
    payload = body.get(str(msg_type))
    if not isinstance(payload, dict):
        raise Refusal(44002 if payload is None else 47001)
    checks[str(msg_type)](world, account, payload)
    return str(msg_type), payload


def check_text(world: "World", account: "Account", payload: Payload) -> None:
    """Not empty, at most 2048 bytes."""
    content = payload.get("content")
    if not isinstance(content, str) or not content:
        raise Refusal(44004)
    if len(content.encode()) > MAX_TEXT_BYTES:
        raise Refusal(45002)


def need_media(kind: str, name: str = "media_id") -> Check:
    """A check that the payload names a living file of this kind."""

    def check(world: "World", account: "Account", payload: Payload) -> None:
        find_typed_media(world, account, payload.get(name), kind)

    return check


def find_typed_media(world: "World", account: "Account", media_id: Any, kind: str) -> Media:
    """The file, 40007 if it is missing, expired or of another kind; a thumb is also good as an image and vice versa."""
    media = find_media(world, account, media_id)
    allowed = {"image", "thumb"} if kind in ("image", "thumb") else {kind}
    if media.type not in allowed:
        raise Refusal(40007)
    return media


def _check_video(world: "World", account: "Account", payload: Payload) -> None:
    find_typed_media(world, account, payload.get("media_id"), "video")
    if payload.get("thumb_media_id"):
        find_typed_media(world, account, payload["thumb_media_id"], "thumb")


def _check_music(world: "World", account: "Account", payload: Payload) -> None:
    _need_texts(payload, "musicurl", "hqmusicurl")
    find_typed_media(world, account, payload.get("thumb_media_id"), "thumb")


def _check_news(world: "World", account: "Account", payload: Payload) -> None:
    articles = payload.get("articles")
    if not isinstance(articles, list) or not articles:
        raise Refusal(44003)
    if len(articles) > 1:
        raise Refusal(45008)
    _need_texts(articles[0], "title", "url")


def _check_mpnews(world: "World", account: "Account", payload: Payload) -> None:
    media_id = payload.get("media_id")
    draft = account.content.drafts.get(media_id) if isinstance(media_id, str) else None
    if draft is None:
        raise Refusal(40007)
    if len(draft.articles) > 1:
        raise Refusal(45008)


def _check_published(world: "World", account: "Account", payload: Payload) -> None:
    article_id = payload.get("article_id")
    known = {one.article_id for one in account.content.publications.values() if one.article_id}
    if article_id not in known:
        raise Refusal(53600)


def _check_choices(world: "World", account: "Account", payload: Payload) -> None:
    choices = payload.get("list")
    if not isinstance(choices, list) or not choices:
        raise Refusal(47001, "msgmenu.list is empty")
    for choice in choices:
        _need_texts(choice, "id", "content")


def _check_card(world: "World", account: "Account", payload: Payload) -> None:
    _need_texts(payload, "card_id")


def _check_page(world: "World", account: "Account", payload: Payload) -> None:
    _need_texts(payload, "title", "pagepath")
    if not account.is_mini and payload.get("appid") not in account.messaging.linked_minis:
        raise Refusal(45064)
    find_typed_media(world, account, payload.get("thumb_media_id"), "thumb")


def _check_link(world: "World", account: "Account", payload: Payload) -> None:
    _need_texts(payload, "title", "description", "url", "thumb_url")


def _need_texts(payload: Any, *names: str) -> None:
    for name in names:
        if not isinstance(payload, dict) or not str(payload.get(name) or ""):
            raise Refusal(40035, f"{name} is empty")


CHECKS: dict[str, Check] = {
    "text": check_text,
    "image": need_media("image"),
    "voice": need_media("voice"),
    "video": _check_video,
    "music": _check_music,
    "news": _check_news,
    "mpnews": _check_mpnews,
    "mpnewsarticle": _check_published,
    "msgmenu": _check_choices,
    "wxcard": _check_card,
    "miniprogrampage": _check_page,
}
MINI_CHECKS: dict[str, Check] = {
    "text": check_text,
    "image": need_media("image"),
    "link": _check_link,
    "miniprogrampage": _check_page,
}
