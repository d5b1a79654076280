"""The messages people send to an account (fact sheet 2.4)."""

from dataclasses import dataclass

from connectors.wechat.pushes.base import Message
from connectors.wechat.pushes.wire import decimal, integer, text


@dataclass(frozen=True, kw_only=True)
class TextMessage(Message):
    """Words. `menu_item_id` when the person tapped an entry of a msgmenu we had sent."""

    names = ("text",)
    content: str = text("Content", "")
    menu_item_id: str = text("bizmsgmenuid", "")


@dataclass(frozen=True, kw_only=True)
class ImageMessage(Message):
    """A picture."""

    names = ("image",)
    media_id: str = text("MediaId")
    picture_url: str = text("PicUrl", "")


@dataclass(frozen=True, kw_only=True)
class VoiceMessage(Message):
    """Spoken words; `recognition` is their text where the account still has that."""

    names = ("voice",)
    media_id: str = text("MediaId")
    media_id_16k: str = text("MediaId16K", "")
    format: str = text("Format", "")
    recognition: str = text("Recognition", "")


@dataclass(frozen=True, kw_only=True)
class VideoMessage(Message):
    """A film, long or short."""

    names = ("video", "shortvideo")
    kind: str = text("MsgType")
    media_id: str = text("MediaId")
    thumb_media_id: str = text("ThumbMediaId", "")


@dataclass(frozen=True, kw_only=True)
class LocationMessage(Message):
    """A place the person sent, in degrees."""

    names = ("location",)
    latitude: float = decimal("Location_X")
    longitude: float = decimal("Location_Y")
    scale: int = integer("Scale", 0)
    label: str = text("Label", "")


@dataclass(frozen=True, kw_only=True)
class LinkMessage(Message):
    """A link the person sent."""

    names = ("link",)
    title: str = text("Title", "")
    description: str = text("Description", "")
    url: str = text("Url", "")


@dataclass(frozen=True, kw_only=True)
class MiniProgramCard(Message):
    """A page of the mini program, sent to its customer service."""

    names = ("miniprogrampage",)
    title: str = text("Title", "")
    app_id: str = text("AppId", "")
    page_path: str = text("PagePath", "")
    thumb_url: str = text("ThumbUrl", "")
    thumb_media_id: str = text("ThumbMediaId", "")


MESSAGES = (TextMessage, ImageMessage, VoiceMessage, VideoMessage, LocationMessage, LinkMessage, MiniProgramCard)
