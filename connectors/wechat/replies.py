"""Passive replies: what stands in the answer to a push, within its 5 seconds (fact sheet 2.6).

`write(reply, push, is_json)` gives the body; crypto.seal_reply closes it where the push came encrypted. For everything
that takes longer, answer `ACCEPTED` and send a customer-service message.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.wechat.clock import Clock, now
from connectors.wechat.documents import Document, write_xml
from connectors.wechat.errors import BadMessage, TooLong
from connectors.wechat.pushes import AccountPush, Message

ACCEPTED = b"success"
"""Taken; nothing to say. Needs no encryption."""
MAX_TEXT_BYTES = 2048
MAX_ARTICLES = 8


class Reply(Protocol):
    """Something an account answers at once."""

    def content(self) -> Document:
        """MsgType and what belongs to it. Raises BadMessage where the platform would show an error."""


@dataclass(frozen=True)
class TextReply:
    """Words, at most 2048 bytes."""

    text: str

    def content(self) -> Document:
        """Raises BadMessage or TooLong."""
        if not self.text:
            raise BadMessage("The reply is empty. Write at least one character.")
        if len(self.text.encode()) > MAX_TEXT_BYTES:
            raise TooLong("The reply is longer than %(limit)s bytes. Shorten it.", limit=MAX_TEXT_BYTES)
        return {"MsgType": "text", "Content": self.text}


@dataclass(frozen=True)
class ImageReply:
    """An uploaded picture."""

    media_id: str

    def content(self) -> Document:
        """By media id."""
        return {"MsgType": "image", "Image": {"MediaId": self.media_id}}


@dataclass(frozen=True)
class VoiceReply:
    """An uploaded sound."""

    media_id: str

    def content(self) -> Document:
        """By media id."""
        return {"MsgType": "voice", "Voice": {"MediaId": self.media_id}}


@dataclass(frozen=True)
class VideoReply:
    """An uploaded film."""

    media_id: str
    title: str = ""
    description: str = ""

    def content(self) -> Document:
        """By media id."""
        video = {"MediaId": self.media_id, "Title": self.title, "Description": self.description}
        return {"MsgType": "video", "Video": video}


@dataclass(frozen=True)
class MusicReply:
    """Music by address, with an uploaded thumbnail."""

    thumb_media_id: str
    url: str = ""
    high_quality_url: str = ""
    title: str = ""
    description: str = ""

    def content(self) -> Document:
        """By address."""
        music = {
            "Title": self.title, "Description": self.description, "MusicUrl": self.url,
            "HQMusicUrl": self.high_quality_url, "ThumbMediaId": self.thumb_media_id,
        }  # fmt: skip
        return {"MsgType": "music", "Music": music}


@dataclass(frozen=True)
class Article:
    """One entry of a news reply."""

    title: str
    url: str
    description: str = ""
    picture_url: str = ""


@dataclass(frozen=True)
class NewsReply:
    """Links with pictures: one in answer to a message, up to 8 in answer to an event."""

    articles: tuple[Article, ...]

    def content(self) -> Document:
        """Raises BadMessage for no or too many articles."""
        if not 1 <= len(self.articles) <= MAX_ARTICLES:
            raise BadMessage("A reply holds 1 to %(limit)s articles.", limit=MAX_ARTICLES)
        items = [
            {"Title": one.title, "Description": one.description, "PicUrl": one.picture_url, "Url": one.url}
            for one in self.articles
        ]
        return {"MsgType": "news", "ArticleCount": len(items), "Articles": {"item": items}}


@dataclass(frozen=True)
class HandOver:
    """Hands the chat to human agents, or to one of them. The only reply mini programs know."""

    staff: str = ""

    def content(self) -> Document:
        """With the agent's account if one is named."""
        return {"MsgType": "transfer_customer_service"} | (
            {"TransInfo": {"KfAccount": self.staff}} if self.staff else {}
        )


def write(reply: Reply, push: AccountPush, *, is_json: bool = False, clock: Clock = now) -> bytes:
    """The body that answers `push`, from the account to the person, unencrypted. Raises BadMessage."""
    if isinstance(reply, NewsReply) and isinstance(push, Message) and len(reply.articles) > 1:
        raise BadMessage("A message may be answered with one article only. Send the others in a message of their own.")
    head: dict[str, Any] = {
        "ToUserName": push.sender,
        "FromUserName": push.receiver,
        "CreateTime": int(clock().timestamp()),
    }
    document = head | reply.content()
    if not is_json:
        return write_xml(document)
    return json.dumps(_unwrapped(document), ensure_ascii=False).encode()


def _unwrapped(document: Document) -> Document:
    """JSON has a real list where XML needs an `item` around each article."""
    articles = document.get("Articles")
    return document | {"Articles": articles["item"]} if isinstance(articles, dict) else document
