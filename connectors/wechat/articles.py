"""Articles as the platform takes and gives them: limits checked, fields typed (drafts, published, materials)."""

from dataclasses import dataclass, field
from typing import Any

from connectors.wechat.answers import Answer, inner, number, rows, text
from connectors.wechat.errors import BadMessage, TooLong
from connectors.wechat.limits import check_bytes, check_chars, check_count, check_url

TITLE_CHARS = 32
AUTHOR_CHARS = 16
DIGEST_CHARS = 128
CONTENT_CHARS = 19_999  # "fewer than 20,000", tags counted
CONTENT_BYTES = 1024**2 - 1  # "less than 1 MB"
SOURCE_URL_BYTES = 1024
MAX_ARTICLES = 8
MAX_PICTURES = 20


@dataclass(frozen=True)
class Crop:
    """A part of the cover: x1, y1, x2, y2 as fractions 0..1 of width and height."""

    x1: float
    y1: float
    x2: float
    y2: float

    def check(self, name: str) -> None:
        """Raise unless it is a rectangle inside the picture."""
        if not (0 <= self.x1 < self.x2 <= 1 and 0 <= self.y1 < self.y2 <= 1):
            raise BadMessage("%(field)s is no rectangle inside the picture. Choose the crop again.", field=name)

    def __str__(self) -> str:
        return "_".join(f"{edge:.6f}".rstrip("0").rstrip(".") or "0" for edge in (self.x1, self.y1, self.x2, self.y2))


@dataclass(frozen=True)
class Article:
    """An article of text (news). `thumb_media_id` is a permanent image's; pictures in `content` come from uploadimg."""

    title: str
    content: str
    thumb_media_id: str
    author: str = ""
    digest: str = ""
    source_url: str = ""
    can_comment: bool = False
    is_fans_only: bool = False
    wide_crop: Crop | None = None
    square_crop: Crop | None = None

    def check(self) -> None:
        """Raise BadMessage or TooLong for what the platform would refuse."""
        _check_shared(self.title, self.content)
        check_chars("Author", self.author, AUTHOR_CHARS)
        check_chars("Digest", self.digest, DIGEST_CHARS)
        if self.source_url:
            check_url("Source link", self.source_url, SOURCE_URL_BYTES)
        if not self.thumb_media_id:
            raise BadMessage("The article has no cover. Choose a picture.")
        for name, crop in (("Wide cover", self.wide_crop), ("Square cover", self.square_crop)):
            if crop:
                crop.check(name)

    def body(self) -> dict[str, Any]:
        """The article as the platform reads it."""
        crops = {"pic_crop_235_1": self.wide_crop, "pic_crop_1_1": self.square_crop}
        return {
            "article_type": "news",
            "title": self.title,
            "author": self.author,
            "digest": self.digest,
            "content": self.content,
            "content_source_url": self.source_url,
            "thumb_media_id": self.thumb_media_id,
            "need_open_comment": int(self.can_comment),
            "only_fans_can_comment": int(self.is_fans_only),
            **{name: str(crop) for name, crop in crops.items() if crop},
        }


@dataclass(frozen=True)
class CoverCrop:
    """A crop of a picture post's cover for one shape: `ratio` is "1_1", "16_9" or "2.35_1"."""

    ratio: str
    crop: Crop


@dataclass(frozen=True)
class PicturePost:
    """A post of up to 20 pictures (newspic) with plain text."""

    title: str
    content: str
    image_media_ids: tuple[str, ...]
    can_comment: bool = False
    is_fans_only: bool = False
    cover_crops: tuple[CoverCrop, ...] = ()

    def check(self) -> None:
        """Raise BadMessage or TooLong for what the platform would refuse."""
        _check_shared(self.title, self.content)
        check_count("Pictures", self.image_media_ids, 1, MAX_PICTURES)
        for cover in self.cover_crops:
            cover.crop.check("Cover")

    def body(self) -> dict[str, Any]:
        """The post as the platform reads it."""
        pictures = [{"image_media_id": media_id} for media_id in self.image_media_ids]
        body: dict[str, Any] = {
            "article_type": "newspic",
            "title": self.title,
            "content": self.content,
            "need_open_comment": int(self.can_comment),
            "only_fans_can_comment": int(self.is_fans_only),
            "image_info": {"image_list": pictures},
        }
        if self.cover_crops:
            crops = [
                {"ratio": cover.ratio, "x1": c.x1, "y1": c.y1, "x2": c.x2, "y2": c.y2}
                for cover in self.cover_crops
                for c in (cover.crop,)
            ]
            body["cover_info"] = {"crop_percent_list": crops}
        return body


Post = Article | PicturePost


def _check_shared(title: str, content: str) -> None:
    check_chars("Title", title, TITLE_CHARS, is_needed=True)
    check_bytes("Content", content, CONTENT_BYTES, is_needed=True)
    if len(content) > CONTENT_CHARS:
        raise TooLong(
            "Content has %(length)s characters with its tags, fewer than 20000 are allowed. Shorten it.",
            field="Content", length=len(content),
        )  # fmt: skip


def check_posts(posts: tuple[Post, ...]) -> None:
    """Raise for any post the platform would refuse, and unless there are 1 to 8; a digest is for a single article."""
    check_count("Articles", posts, 1, MAX_ARTICLES)
    for post in posts:
        post.check()


@dataclass(frozen=True)
class StoredArticle:
    """An article as the platform gives it: `url` is temporary for drafts, lasting for published ones."""

    title: str
    author: str = ""
    digest: str = ""
    content: str = field(default="", repr=False)
    source_url: str = ""
    thumb_media_id: str = ""
    thumb_url: str = ""
    url: str = ""
    article_type: str = "news"
    can_comment: bool = False
    is_fans_only: bool = False
    is_deleted: bool = False
    image_media_ids: tuple[str, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def stored_articles(content: Answer) -> tuple[StoredArticle, ...]:
    """The articles in an answer's `news_item`."""
    return tuple(_stored_article(row) for row in rows(content, "news_item"))


def _stored_article(row: dict[str, Any]) -> StoredArticle:
    pictures = rows(inner(row, "image_info"), "image_list")
    return StoredArticle(
        title=text(row, "title"),
        author=text(row, "author"),
        digest=text(row, "digest"),
        content=text(row, "content"),
        source_url=text(row, "content_source_url"),
        thumb_media_id=text(row, "thumb_media_id"),
        thumb_url=text(row, "thumb_url"),
        url=text(row, "url"),
        article_type=text(row, "article_type") or "news",
        can_comment=number(row, "need_open_comment") == 1,
        is_fans_only=number(row, "only_fans_can_comment") == 1,
        is_deleted=number(row, "is_deleted") == 1,
        image_media_ids=tuple(text(picture, "image_media_id") for picture in pictures),
        raw=row,
    )
