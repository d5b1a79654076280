"""Customer-service messages: what may be answered to a person who has acted lately (see reachability.py).

The platform knows no id of ours for them: a send that times out is Unknown and must not be repeated blindly.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from connectors.wechat.client import WeChatClient
from connectors.wechat.errors import BadMessage, Refused
from connectors.wechat.limits import check_bytes, check_filled, check_url
from connectors.wechat.outcomes import Outcome, Sent, outcome_of
from connectors.wechat.rules import AccountKind

TEXT_BYTES = 2048  # field knowledge: not in the documentation of this call
SEND_PATH = "/cgi-bin/message/custom/send"


class Message(Protocol):
    """What can be sent: `msgtype` names it for the platform, `check` raises for what it would refuse."""

    @property
    def msgtype(self) -> str:
        """The platform's name of the kind."""

    def check(self) -> None:
        """Raise BadMessage or TooLong."""

    def payload(self) -> dict[str, Any]:
        """The object under `msgtype`."""


@dataclass(frozen=True)
class Text:
    """Plain text; links may open a mini program (`<a data-miniprogram-appid=…>`)."""

    content: str
    msgtype: ClassVar[str] = "text"

    def check(self) -> None:
        check_bytes("Text", self.content, TEXT_BYTES, is_needed=True)

    def payload(self) -> dict[str, Any]:
        return {"content": self.content}


@dataclass(frozen=True)
class Image:
    """An uploaded picture."""

    media_id: str
    msgtype: ClassVar[str] = "image"

    def check(self) -> None:
        check_filled("Picture", self.media_id)

    def payload(self) -> dict[str, Any]:
        return {"media_id": self.media_id}


@dataclass(frozen=True)
class Voice:
    """An uploaded recording."""

    media_id: str
    msgtype: ClassVar[str] = "voice"

    def check(self) -> None:
        check_filled("Recording", self.media_id)

    def payload(self) -> dict[str, Any]:
        return {"media_id": self.media_id}


@dataclass(frozen=True)
class Video:
    """An uploaded video with its cover."""

    media_id: str
    thumb_media_id: str
    title: str = ""
    description: str = ""
    msgtype: ClassVar[str] = "video"

    def check(self) -> None:
        check_filled("Video", self.media_id)
        check_filled("Cover", self.thumb_media_id)

    def payload(self) -> dict[str, Any]:
        return {
            "media_id": self.media_id, "thumb_media_id": self.thumb_media_id,
            "title": self.title, "description": self.description,
        }  # fmt: skip


@dataclass(frozen=True)
class Music:
    """A piece of music elsewhere; the better quality is for Wi-Fi."""

    music_url: str
    hq_music_url: str
    thumb_media_id: str
    title: str = ""
    description: str = ""
    msgtype: ClassVar[str] = "music"

    def check(self) -> None:
        check_url("Music link", self.music_url)
        check_url("Better music link", self.hq_music_url)
        check_filled("Cover", self.thumb_media_id)

    def payload(self) -> dict[str, Any]:
        return {
            "title": self.title, "description": self.description, "musicurl": self.music_url,
            "hqmusicurl": self.hq_music_url, "thumb_media_id": self.thumb_media_id,
        }  # fmt: skip


@dataclass(frozen=True)
class News:
    """One card with a link (more than one is refused with 45008)."""

    title: str
    url: str
    description: str = ""
    picture_url: str = ""
    msgtype: ClassVar[str] = "news"

    def check(self) -> None:
        check_filled("Title", self.title)
        check_url("Link", self.url)
        if self.picture_url:
            check_url("Picture link", self.picture_url)

    def payload(self) -> dict[str, Any]:
        card = {
            "title": self.title, "description": self.description, "url": self.url, "picurl": self.picture_url
        }  # fmt: skip
        return {"articles": [card]}


@dataclass(frozen=True)
class MaterialArticle:
    """An article of the permanent library (mpnews)."""

    media_id: str
    msgtype: ClassVar[str] = "mpnews"

    def check(self) -> None:
        check_filled("Article", self.media_id)

    def payload(self) -> dict[str, Any]:
        return {"media_id": self.media_id}


@dataclass(frozen=True)
class PublishedArticle:
    """A published article (mpnewsarticle)."""

    article_id: str
    msgtype: ClassVar[str] = "mpnewsarticle"

    def check(self) -> None:
        check_filled("Article", self.article_id)

    def payload(self) -> dict[str, Any]:
        return {"article_id": self.article_id}


@dataclass(frozen=True)
class Choices:
    """A question with answers to tap (msgmenu): (id, text) each; the id comes back with the push."""

    choices: tuple[tuple[str, str], ...]
    head: str = ""
    tail: str = ""
    msgtype: ClassVar[str] = "msgmenu"

    def check(self) -> None:
        if not self.choices:
            raise BadMessage("The question has no answers to tap. Add one.")
        if len({choice_id for choice_id, _ in self.choices}) < len(self.choices):
            raise BadMessage("Two answers have the same id. Give each its own.")
        for choice_id, content in self.choices:
            check_filled("Id of an answer", choice_id)
            check_filled("Answer", content)

    def payload(self) -> dict[str, Any]:
        entries = [{"id": choice_id, "content": content} for choice_id, content in self.choices]
        return {"head_content": self.head, "list": entries, "tail_content": self.tail}


@dataclass(frozen=True)
class Coupon:
    """A card or coupon (wxcard)."""

    card_id: str
    msgtype: ClassVar[str] = "wxcard"

    def check(self) -> None:
        check_filled("Card", self.card_id)

    def payload(self) -> dict[str, Any]:
        return {"card_id": self.card_id}


@dataclass(frozen=True)
class MiniProgramCard:
    """A card that opens a mini program; a mini program's own cards name no app_id."""

    title: str
    page_path: str
    thumb_media_id: str
    app_id: str = ""
    msgtype: ClassVar[str] = "miniprogrampage"

    def check(self) -> None:
        for name, value in (("Title", self.title), ("Page", self.page_path), ("Cover", self.thumb_media_id)):
            check_filled(name, value)

    def payload(self) -> dict[str, Any]:
        app = {"appid": self.app_id} if self.app_id else {}
        return {"title": self.title, **app, "pagepath": self.page_path, "thumb_media_id": self.thumb_media_id}


@dataclass(frozen=True)
class Link:
    """A card with a link, from a mini program."""

    title: str
    description: str
    url: str
    thumb_url: str
    msgtype: ClassVar[str] = "link"

    def check(self) -> None:
        check_filled("Title", self.title)
        check_url("Link", self.url)
        if self.thumb_url:
            check_url("Picture link", self.thumb_url)

    def payload(self) -> dict[str, Any]:
        return {"title": self.title, "description": self.description, "url": self.url, "thumb_url": self.thumb_url}


_OFFICIAL: tuple[type, ...] = (
    Text, Image, Voice, Video, Music, News, MaterialArticle, PublishedArticle, Choices, Coupon, MiniProgramCard,
)  # fmt: skip
MESSAGES: dict[AccountKind, tuple[type, ...]] = {
    AccountKind.SUBSCRIPTION: _OFFICIAL,
    AccountKind.SERVICE: _OFFICIAL,
    AccountKind.MINIPROGRAM: (Text, Image, Link, MiniProgramCard),
}


def check_message(message: Message, kind: AccountKind) -> None:
    """Raise BadMessage or TooLong for what the platform would refuse from an account of `kind`."""
    if not isinstance(message, MESSAGES[kind]):
        raise BadMessage(
            "An account of kind %(kind)s cannot send messages of type %(msgtype)s. Choose another type.",
            kind=kind.value, msgtype=message.msgtype,
        )  # fmt: skip
    if isinstance(message, MiniProgramCard) and bool(message.app_id) == (kind == AccountKind.MINIPROGRAM):
        raise BadMessage("Only official accounts name the mini program that a card opens, and they have to name it.")
    message.check()


def send(
    client: WeChatClient, openid: str, message: Message, kind: AccountKind, *, staff: str = "", is_ai_text: bool = False
) -> Outcome:
    """Send one message; `staff` is the 客服 account it comes from, `is_ai_text` marks text that a machine wrote."""

    def post() -> Sent:
        check_filled("Recipient", openid)
        check_message(message, kind)
        body: dict[str, Any] = {"touser": openid, "msgtype": message.msgtype, message.msgtype: message.payload()}
        if staff:
            body["customservice"] = {"kf_account": staff}
        if is_ai_text:
            body["aimsgcontext"] = {"is_ai_msg": 1}
        client.call("POST", SEND_PATH, body=body)
        return Sent()

    return outcome_of(SEND_PATH, post)


def show_typing(client: WeChatClient, openid: str, is_typing: bool = True) -> bool:
    """Show or take away the "is typing" line. False where the platform finds no talk going on, or shows it already."""
    body = {"touser": openid, "command": "Typing" if is_typing else "CancelTyping"}
    try:
        client.call("POST", "/cgi-bin/message/custom/typing", body=body)
    except Refused as error:
        if error.errcode in (45080, 45081):
            return False
        raise
    return True
