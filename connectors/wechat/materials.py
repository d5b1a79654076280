"""Pictures, voices, videos and covers: uploaded for three days or for good, downloaded, listed, deleted.

What a file is is read from its bytes; kind, size, format and length are checked before anything is sent.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connectors.wechat.answers import demand, inner, moment, number, text
from connectors.wechat.articles import StoredArticle, stored_articles
from connectors.wechat.client import Media, WeChatClient
from connectors.wechat.clock import now
from connectors.wechat.errors import BadMessage, TooLong
from connectors.wechat.formats import CONTENT_TYPES, format_of, seconds_of
from connectors.wechat.limits import check_filled
from connectors.wechat.paging import PAGE_SIZE, Page, offset_pages

TEMPORARY_LIFE = timedelta(days=3)
VOICE_SECONDS = 60
ARTICLE_IMAGE_BYTES = 1024**2


class MediaKind(StrEnum):
    """What an uploaded file is used as."""

    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    THUMB = "thumb"


@dataclass(frozen=True)
class MediaRule:
    """What the platform takes of one kind."""

    formats: tuple[str, ...]
    most_bytes: int


MEDIA_RULES: dict[MediaKind, MediaRule] = {
    MediaKind.IMAGE: MediaRule(("png", "jpg", "gif"), 10 * 1024**2),
    MediaKind.VOICE: MediaRule(("amr", "mp3"), 2 * 1024**2),
    MediaKind.VIDEO: MediaRule(("mp4",), 10 * 1024**2),
    MediaKind.THUMB: MediaRule(("jpg",), 64 * 1024),
}
_ARTICLE_IMAGE = MediaRule(("jpg", "png"), ARTICLE_IMAGE_BYTES)


@dataclass(frozen=True)
class TemporaryMedia:
    """An upload that can be sent any number of times until `expires_at`."""

    media_id: str
    kind: MediaKind
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class PermanentMedia:
    """An upload that stays; `url` only for images."""

    media_id: str
    kind: MediaKind
    url: str = ""


@dataclass(frozen=True)
class Download:
    """A file's bytes, or, for a video, the address where they are, or, for an article, its contents."""

    content: bytes = field(default=b"", repr=False)
    content_type: str = ""
    video_url: str = ""
    title: str = ""
    introduction: str = ""
    articles: tuple[StoredArticle, ...] = ()


@dataclass(frozen=True)
class MaterialCounts:
    """How many permanent materials of each kind the account holds."""

    num_voices: int
    num_videos: int
    num_images: int
    num_articles: int


@dataclass(frozen=True)
class Material:
    """An entry of the permanent library; articles only for kind "news"."""

    media_id: str
    name: str
    url: str
    updated_at: datetime | None
    articles: tuple[StoredArticle, ...] = ()


def check_media(kind: MediaKind, content: bytes) -> None:
    """Raise BadMessage or TooLong for a file the platform would not take as `kind`."""
    _check_file(MEDIA_RULES[kind], content)
    if kind == MediaKind.VOICE and seconds_of(content) > VOICE_SECONDS:
        raise TooLong("The recording is longer than %(most)s seconds. Shorten it.", field="Voice", most=VOICE_SECONDS)


def _check_file(rule: MediaRule, content: bytes) -> None:
    if len(content) > rule.most_bytes:
        raise TooLong(
            "The file has %(length)s bytes, at most %(most)s are allowed. Make it smaller.",
            field="File", length=len(content), most=rule.most_bytes,
        )  # fmt: skip
    if format_of(content) not in rule.formats:
        raise BadMessage(
            "The file's format is not taken here. Use one of: %(allowed)s.",
            field="File", allowed=", ".join(rule.formats),
        )  # fmt: skip


def _part(content: bytes) -> dict[str, tuple[str, bytes, str]]:
    """The multipart field; its file name is ours, so that no name of a user's can break the request."""
    found = format_of(content)
    assert found is not None, "checked before"
    return {"media": (f"media.{found}", content, CONTENT_TYPES[found])}


def upload_temporary(client: WeChatClient, kind: MediaKind, content: bytes) -> TemporaryMedia:
    """Upload a file for three days, to be sent in messages."""
    check_media(kind, content)
    path = "/cgi-bin/media/upload"
    answer = client.call("POST", path, params={"type": kind.value}, files=_part(content))
    name = "thumb_media_id" if text(answer, "thumb_media_id") else "media_id"
    created_at = moment(answer, "created_at") or now()
    return TemporaryMedia(demand(answer, name, path), kind, created_at, created_at + TEMPORARY_LIFE)


def download_temporary(client: WeChatClient, media_id: str, *, is_clear_voice: bool = False) -> Download:
    """The bytes of an upload, ours or a follower's; `is_clear_voice` asks for the 16 kHz recording (speex)."""
    path = "/cgi-bin/media/get/jssdk" if is_clear_voice else "/cgi-bin/media/get"
    return _download(client.fetch("GET", path, params={"media_id": media_id}))


def _download(media: Media) -> Download:
    """Bytes, or the JSON object that stands for a video or an article."""
    if media.content.lstrip()[:1] != b"{":
        return Download(media.content, media.content_type)
    try:
        answer: Any = json.loads(media.content)
    except ValueError:
        return Download(media.content, media.content_type)
    return Download(
        video_url=text(answer, "video_url") or text(answer, "down_url"),
        title=text(answer, "title"),
        introduction=text(answer, "description"),
        articles=stored_articles(answer),
    )


def upload_permanent(
    client: WeChatClient, kind: MediaKind, content: bytes, *, title: str = "", introduction: str = ""
) -> PermanentMedia:
    """Upload a file for good (100,000 images, 1,000 of each other kind); a video needs a title."""
    check_media(kind, content)
    path = "/cgi-bin/material/add_material"
    form = None
    if kind == MediaKind.VIDEO:
        check_filled("Video title", title)
        described = {"title": title, "introduction": introduction}
        form = {"description": json.dumps(described, ensure_ascii=False)}
    answer = client.call("POST", path, params={"type": kind.value}, body=form, files=_part(content))
    return PermanentMedia(demand(answer, "media_id", path), kind, text(answer, "url"))


def upload_article_image(client: WeChatClient, content: bytes) -> str:
    """Upload a picture (JPG or PNG, at most 1 MB) for use inside articles; the answer is its address."""
    _check_file(_ARTICLE_IMAGE, content)
    path = "/cgi-bin/media/uploadimg"
    return demand(client.call("POST", path, files=_part(content)), "url", path)


def download_permanent(client: WeChatClient, media_id: str) -> Download:
    """A permanent material: bytes, a video's address, or articles."""
    return _download(client.fetch("POST", "/cgi-bin/material/get_material", body={"media_id": media_id}))


def delete_permanent(client: WeChatClient, media_id: str) -> None:
    """Delete a permanent material for good; 48005 while a menu or an auto-reply uses it."""
    client.call("POST", "/cgi-bin/material/del_material", body={"media_id": media_id})


def count_materials(client: WeChatClient) -> MaterialCounts:
    """How many permanent materials there are."""
    answer = client.call("GET", "/cgi-bin/material/get_materialcount")
    names = ("voice_count", "video_count", "image_count", "news_count")
    return MaterialCounts(*(number(answer, name) for name in names))


def material_pages(client: WeChatClient, kind: str = "image", offset: int = 0) -> Iterator[Page[Material]]:
    """Pages of up to 20 permanent materials of one kind: image, voice, video or news."""

    def read(offset: int) -> dict[str, Any]:
        body = {"type": kind, "offset": offset, "count": PAGE_SIZE}
        return client.call("POST", "/cgi-bin/material/batchget_material", body=body, idempotent=True)

    return offset_pages(read, _material, offset)


def _material(row: dict[str, Any]) -> Material:
    articles = stored_articles(inner(row, "content"))
    return Material(text(row, "media_id"), text(row, "name"), text(row, "url"), moment(row, "update_time"), articles)
