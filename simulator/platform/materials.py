"""Permanent media (fact sheet 5.3)."""

from collections import Counter
from typing import Any

from simulator.calls import OK, Call, Need, Response, endpoint
from simulator.content_state import Media
from simulator.errors import Refusal
from simulator.media_rules import MAX_PERMANENT, check_file, rule_of
from simulator.platform.media import HOST, SETS, described, drop_file, file_response, find_media, keep_file, uploaded

MAX_PAGE = 20


@endpoint("POST", "/cgi-bin/material/add_material", need=Need.FANS, permission_sets=SETS)
def add(call: Call) -> dict[str, Any]:
    """Keeps a file for good; an image gets an address too."""
    kind = call.params.get("type", "")
    rule = rule_of(kind)
    body, name = uploaded(call)
    content_type = check_file(rule, body)
    description = described(call) if kind == "video" else {}
    if _counts(call)[kind] >= MAX_PERMANENT[kind]:
        raise Refusal(45001, "too many materials")
    media = keep_file(call.world, call.account, kind, name, content_type, body, permanent=True)
    media.title, media.introduction = description.get("title", ""), description.get("introduction", "")
    if kind not in ("image", "thumb"):
        return {"media_id": media.id}
    media.url = f"{HOST}/mmbiz_{content_type[6:]}/{media.id}/0?wx_fmt={content_type[6:]}"
    call.account.content.image_urls[media.url] = media.id
    return {"media_id": media.id, "url": media.url}


@endpoint("POST", "/cgi-bin/material/get_material", need=Need.FANS, permission_sets=SETS)
def get(call: Call) -> Response | dict[str, Any]:
    """The bytes, or a video's title, text and address."""
    media = _permanent(call)
    if media.type != "video":
        return file_response(call.world, media)
    return {"title": media.title, "description": media.introduction, "down_url": f"{HOST}/video/{media.id}.mp4"}


@endpoint("POST", "/cgi-bin/material/del_material", need=Need.FANS, permission_sets=SETS)
def delete(call: Call) -> dict[str, Any]:
    """Gone for good; 48005 while the menu uses it."""
    media = _permanent(call)
    if media.id in str(call.account.menu or ""):
        raise Refusal(48005)
    call.account.content.image_urls.pop(media.url, None)
    drop_file(call.world, call.account, media)
    return OK


@endpoint("GET", "/cgi-bin/material/get_materialcount", need=Need.FANS, permission_sets=SETS)
def count(call: Call) -> dict[str, Any]:
    """How many of each kind."""
    counts = _counts(call)
    return {
        "voice_count": counts["voice"],
        "video_count": counts["video"],
        "image_count": counts["image"] + counts["thumb"],
        "news_count": len(call.account.content.drafts),
    }


@endpoint("POST", "/cgi-bin/material/batchget_material", need=Need.FANS, permission_sets=SETS)
def list_page(call: Call) -> dict[str, Any]:
    """At most 20 of one kind, the newest first."""
    kind = call.body.get("type")
    if kind not in ("image", "voice", "video"):
        raise Refusal(40004)
    offset, num = page_of(call.body)
    kinds = ("image", "thumb") if kind == "image" else (kind,)
    found = [one for one in reversed(call.account.content.media.values()) if one.is_permanent and one.type in kinds]
    items = [_listed(one) for one in found[offset : offset + num]]
    return {"item": items, "total_count": len(found), "item_count": len(items)}


def page_of(body: dict[str, Any]) -> tuple[int, int]:
    """Offset and count of a page; 40097 outside 1..20."""
    offset, num = body.get("offset", 0), body.get("count")
    if not isinstance(offset, int) or not isinstance(num, int) or offset < 0 or not 1 <= num <= MAX_PAGE:
        raise Refusal(40097)
    return offset, num


def _listed(media: Media) -> dict[str, Any]:
    entry = {"media_id": media.id, "name": media.name, "update_time": int(media.created_at)}
    return entry | {"url": media.url} if media.url else entry


def _permanent(call: Call) -> Media:
    media = find_media(call.world, call.account, call.body.get("media_id"))
    if not media.is_permanent:
        raise Refusal(40007)
    return media


def _counts(call: Call) -> Counter[str]:
    return Counter(one.type for one in call.account.content.media.values() if one.is_permanent)
