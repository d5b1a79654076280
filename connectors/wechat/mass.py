"""Broadcasts: to everybody, to a tag, or to a list of openids; previews, progress, deletion, speed.

A broadcast carries an id of ours: repeated within 24 hours with the same id it is not sent twice, and the platform
answers with the first one's msg_id. After Unknown, wait a minute (45066) and repeat it with the same id.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from connectors.wechat.answers import demand, number, text
from connectors.wechat.articles import MAX_ARTICLES
from connectors.wechat.client import WeChatClient
from connectors.wechat.customer_messages import TEXT_BYTES
from connectors.wechat.errors import BadMessage
from connectors.wechat.limits import check_bytes, check_count, check_filled, check_range
from connectors.wechat.outcomes import Outcome, Sent, outcome_of

CLIENT_MSG_ID_BYTES = 64
MIN_OPENIDS = 2
MAX_OPENIDS = 10_000
# Messages a minute at each speed the platform offers.
SPEEDS = {0: 800_000, 1: 600_000, 2: 450_000, 3: 300_000, 4: 100_000}


class Payload(Protocol):
    """What can be broadcast: `name` is the platform's for the kind; a preview may need another shape."""

    @property
    def name(self) -> str:
        """The platform's name of the kind."""

    def content(self) -> dict[str, Any]:
        """The fields beside `msgtype`. Raises BadMessage or TooLong."""


@dataclass(frozen=True)
class DraftPayload:
    """The articles of a draft, which leaves the draft box."""

    media_id: str
    name: ClassVar[str] = "mpnews"

    def content(self) -> dict[str, Any]:
        check_filled("Draft", self.media_id)
        return {"mpnews": {"media_id": self.media_id}}


@dataclass(frozen=True)
class TextPayload:
    """Plain text."""

    text: str
    name: ClassVar[str] = "text"

    def content(self) -> dict[str, Any]:
        check_bytes("Text", self.text, TEXT_BYTES, is_needed=True)
        return {"text": {"content": self.text}}


@dataclass(frozen=True)
class VoicePayload:
    """An uploaded recording."""

    media_id: str
    name: ClassVar[str] = "voice"

    def content(self) -> dict[str, Any]:
        check_filled("Recording", self.media_id)
        return {"voice": {"media_id": self.media_id}}


@dataclass(frozen=True)
class PicturesPayload:
    """Uploaded pictures with a line about them."""

    media_ids: tuple[str, ...]
    recommendation: str = ""
    can_comment: bool = False
    is_fans_only: bool = False
    name: ClassVar[str] = "image"

    def content(self) -> dict[str, Any]:
        if not self.media_ids or not all(self.media_ids):
            raise BadMessage("There is no picture to send. Choose one.")
        pictures = {
            "media_ids": list(self.media_ids), "recommend": self.recommendation,
            "need_open_comment": int(self.can_comment), "only_fans_can_comment": int(self.is_fans_only),
        }  # fmt: skip
        return {"images": pictures}

    def preview_content(self) -> dict[str, Any]:
        """A preview takes one picture, in the older shape."""
        self.content()
        return {"image": {"media_id": self.media_ids[0]}}


@dataclass(frozen=True)
class VideoPayload:
    """A video made ready with `prepare_video`."""

    media_id: str
    name: ClassVar[str] = "mpvideo"

    def content(self) -> dict[str, Any]:
        check_filled("Video", self.media_id)
        return {"mpvideo": {"media_id": self.media_id}}


@dataclass(frozen=True)
class CouponPayload:
    """A card or coupon."""

    card_id: str
    name: ClassVar[str] = "wxcard"

    def content(self) -> dict[str, Any]:
        check_filled("Card", self.card_id)
        return {"wxcard": {"card_id": self.card_id}}


class MassState(StrEnum):
    """How far a broadcast is."""

    SENDING = "SENDING"
    SUCCESS = "SEND_SUCCESS"
    FAILED = "SEND_FAIL"
    DELETED = "DELETE"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> "MassState":
        aliases = {"SEND SUCCESS": cls.SUCCESS, "SEND FAIL": cls.FAILED}
        return aliases.get(str(value).upper(), cls.UNKNOWN)


def send_to_all(client: WeChatClient, payload: Payload, client_msg_id: str, *, ignore_reprint: bool = False) -> Outcome:
    """Broadcast to every follower; it enters the account's public history."""
    target = {"filter": {"is_to_all": True}}
    return _broadcast(client, "/cgi-bin/message/mass/sendall", target, payload, client_msg_id, ignore_reprint)


def send_to_tag(
    client: WeChatClient, tag_id: int, payload: Payload, client_msg_id: str, *, ignore_reprint: bool = False
) -> Outcome:
    """Broadcast to the people who wear a tag."""
    target = {"filter": {"is_to_all": False, "tag_id": tag_id}}
    return _broadcast(client, "/cgi-bin/message/mass/sendall", target, payload, client_msg_id, ignore_reprint)


def send_to_list(
    client: WeChatClient,
    openids: tuple[str, ...],
    payload: Payload,
    client_msg_id: str,
    *,
    ignore_reprint: bool = False,
) -> Outcome:
    """Broadcast to 2 to 10,000 people by openid; verified service accounts only."""
    target = {"touser": list(dict.fromkeys(openids))}
    return _broadcast(client, "/cgi-bin/message/mass/send", target, payload, client_msg_id, ignore_reprint)


def _broadcast(
    client: WeChatClient, path: str, target: dict[str, Any], payload: Payload, client_msg_id: str, ignore_reprint: bool
) -> Outcome:
    def post() -> Sent:
        check_bytes("Our id of the broadcast", client_msg_id, CLIENT_MSG_ID_BYTES, is_needed=True)
        if "touser" in target:
            check_count("Recipients", target["touser"], MIN_OPENIDS, MAX_OPENIDS)
        body = {
            **target, "msgtype": payload.name, **payload.content(),
            "send_ignore_reprint": int(ignore_reprint), "clientmsgid": client_msg_id,
        }  # fmt: skip
        answer = client.call("POST", path, body=body)
        return Sent(demand(answer, "msg_id", path), text(answer, "msg_data_id"))

    return outcome_of(path, post)


def preview(client: WeChatClient, payload: Payload, *, openid: str = "", wechat_name: str = "") -> Outcome:
    """Show a broadcast to one person, by openid or by WeChat name; 100 a day, and it counts as no send."""
    path = "/cgi-bin/message/mass/preview"

    def post() -> Sent:
        if bool(openid) == bool(wechat_name):
            raise BadMessage("A preview goes to one person. Give either an openid or a WeChat name.")
        target = {"touser": openid} if openid else {"towxname": wechat_name}
        content = payload.preview_content() if isinstance(payload, PicturesPayload) else payload.content()
        answer = client.call("POST", path, body={**target, "msgtype": payload.name, **content})
        return Sent(text(answer, "msg_id"))

    return outcome_of(path, post)


def read_state(client: WeChatClient, msg_id: str) -> MassState:
    """How far a broadcast is."""
    path = "/cgi-bin/message/mass/get"
    return MassState(demand(client.call("POST", path, body={"msg_id": msg_id}, idempotent=True), "msg_status", path))


def delete(client: WeChatClient, msg_id: str, article_index: int = 0, url: str = "") -> None:
    """Delete one article (from 1) of a broadcast, or all (0); ten a day. It stays on phones that opened it.

    All sends of one material share one link: deleting one kills the link everywhere.
    """
    check_range("Article number", article_index, 0, MAX_ARTICLES)
    link = {"url": url} if url else {}
    body = {"msg_id": msg_id, "article_idx": article_index, **link}
    client.call("POST", "/cgi-bin/message/mass/delete", body=body)


def prepare_video(client: WeChatClient, media_id: str, title: str, description: str = "") -> str:
    """Make an uploaded video ready to be broadcast; the answer is the media_id for `VideoPayload`."""
    check_filled("Video title", title)
    path = "/cgi-bin/media/uploadvideo"
    body = {"media_id": media_id, "title": title, "description": description}
    return demand(client.call("POST", path, body=body), "media_id", path)


def read_speed(client: WeChatClient) -> int:
    """The speed at which broadcasts go out, a key of SPEEDS."""
    return number(client.call("POST", "/cgi-bin/message/mass/speed/get", body={}, idempotent=True), "speed")


def set_speed(client: WeChatClient, speed: int) -> None:
    """Choose the speed at which broadcasts go out, a key of SPEEDS."""
    check_range("Speed", speed, min(SPEEDS), max(SPEEDS))
    client.call("POST", "/cgi-bin/message/mass/speed/set", body={"speed": speed}, idempotent=True)
