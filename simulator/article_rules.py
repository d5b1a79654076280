"""What a draft's articles must keep to, and what the platform makes of their HTML (fact sheet 5.1)."""

import hashlib
import html
import re
from typing import Any

from simulator.content_state import Content
from simulator.errors import Refusal

MAX_ARTICLES, MAX_PICTURES = 8, 20
MAX_CONTENT_CHARS, MAX_CONTENT_BYTES = 20_000, 1_000_000
_SCRIPT = re.compile(r"<script\b.*?</script\s*>|<script\b[^>]*/?>", re.IGNORECASE | re.DOTALL)
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_SOURCE = re.compile(r"""\b(?:data-)?src\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
_TEXT_LIMITS = (("title", 32, 45003), ("author", 16, 45110), ("digest", 128, 45004))
_FLAGS = ("need_open_comment", "only_fans_can_comment")


def check_articles(content: Content, articles: Any) -> list[dict[str, Any]]:
    """The articles as the draft box keeps them, or the refusal of the first that breaks a rule."""
    if not isinstance(articles, list) or not articles:
        raise Refusal(44003)
    if len(articles) > MAX_ARTICLES:
        raise Refusal(45008)
    return [check_article(content, one, is_only=len(articles) == 1) for one in articles]


def check_article(content: Content, article: Any, *, is_only: bool) -> dict[str, Any]:
    """One article with its defaults filled in, scripts and foreign images removed."""
    if not isinstance(article, dict):
        raise Refusal(44003)
    _check_texts(article)
    is_news = article.get("article_type", "news") == "news"
    if is_news:
        _check_cover(content, article)
    else:
        _check_pictures(content, article)
    body = clean_html(content, str(article["content"])) if is_news else _plain(str(article.get("content", "")))
    return _kept(article, body, is_only=is_only)


def clean_html(content: Content, body: str) -> str:
    """Without scripts and without images that were not uploaded through media/uploadimg."""

    def keep_own(tag: re.Match[str]) -> str:
        source = _SOURCE.search(tag[0])
        return tag[0] if source and html.unescape(source[1]) in content.image_urls else ""

    return _IMAGE.sub(keep_own, _SCRIPT.sub("", body))


def article_url(original_id: str, msg_data_id: int, index: int) -> str:
    """The lasting address of a sent or published article."""
    serial = hashlib.sha256(f"{original_id} {msg_data_id} {index}".encode()).hexdigest()[:32]
    return f"http://mp.weixin.qq.com/s?__biz={original_id}==&mid={msg_data_id}&idx={index}&sn={serial}#rd"


def _check_texts(article: dict[str, Any]) -> None:
    if not article.get("title"):
        raise Refusal(45003, "title is empty")
    for name, limit, errcode in _TEXT_LIMITS:
        if len(str(article.get(name) or "")) > limit:
            raise Refusal(errcode)
    body = str(article.get("content") or "")
    is_news = article.get("article_type", "news") == "news"
    if is_news and not body:
        raise Refusal(44004)
    if len(body) >= MAX_CONTENT_CHARS or len(body.encode()) >= MAX_CONTENT_BYTES:
        raise Refusal(45002)
    if len(str(article.get("content_source_url") or "").encode()) > 1024:
        raise Refusal(45005)
    if article.get("article_type", "news") not in ("news", "newspic"):
        raise Refusal(40035, "article_type")


def _check_cover(content: Content, article: dict[str, Any]) -> None:
    _check_image(content, article.get("thumb_media_id"))
    for name in ("pic_crop_235_1", "pic_crop_1_1"):
        if article.get(name):
            _check_crop(str(article[name]))


def _check_crop(text: str) -> None:
    parts = text.split("_")
    try:
        left, top, right, bottom = (float(part) for part in parts)
    except ValueError:
        raise Refusal(53402) from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise Refusal(53402)


def _check_pictures(content: Content, article: dict[str, Any]) -> None:
    pictures = (article.get("image_info") or {}).get("image_list")
    if not isinstance(pictures, list) or not pictures:
        raise Refusal(40007)
    if len(pictures) > MAX_PICTURES:
        raise Refusal(45008)
    for picture in pictures:
        _check_image(content, picture.get("image_media_id") if isinstance(picture, dict) else None)


def _check_image(content: Content, media_id: Any) -> None:
    media = content.media.get(media_id) if isinstance(media_id, str) else None
    if media is None or not media.is_permanent or media.type not in ("image", "thumb"):
        raise Refusal(40007)


def _kept(article: dict[str, Any], body: str, *, is_only: bool) -> dict[str, Any]:
    digest = str(article.get("digest") or "") or (_plain(body)[:54] if is_only else "")
    kept = {
        "article_type": article.get("article_type", "news"),
        "title": str(article["title"]),
        "author": str(article.get("author") or ""),
        "digest": digest,
        "content": body,
        "content_source_url": str(article.get("content_source_url") or ""),
        "thumb_media_id": str(article.get("thumb_media_id") or ""),
        **{name: int(article.get(name) or 0) for name in _FLAGS},
    }
    more = ("image_info", "cover_info", "product_info", "pic_crop_235_1", "pic_crop_1_1")
    return kept | {name: article[name] for name in more if article.get(name)}


def _plain(body: str) -> str:
    return html.unescape(_TAG.sub("", body)).strip()
