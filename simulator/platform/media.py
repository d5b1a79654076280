"""Temporary media, images for article bodies, videos for mass send (fact sheet 5.3)."""

import json
import secrets
from typing import TYPE_CHECKING, Any

from simulator.calls import Call, Need, Response, endpoint
from simulator.content_state import Media
from simulator.errors import Refusal
from simulator.media_rules import ARTICLE_IMAGE, SECONDS_KEPT, check_file, rule_of

if TYPE_CHECKING:
    from simulator.world import Account, World

HOST = "http://mmbiz.qpic.cn"
SETS = (11, 100, 18, 19)


@endpoint("POST", "/cgi-bin/media/upload", need=Need.MESSAGES, daily=5000, test_daily=500, permission_sets=SETS)
def upload(call: Call) -> dict[str, Any]:
    """Keeps a file for three days; a thumb's id comes under its own name."""
    kind = call.params.get("type", "")
    rule = rule_of(kind)
    body, name = uploaded(call)
    media = keep_file(call.world, call.account, kind, name, check_file(rule, body), body)
    field = "thumb_media_id" if kind == "thumb" else "media_id"
    return {"type": kind, field: media.id, "created_at": int(media.created_at)}


@endpoint("GET", "/cgi-bin/media/get", need=Need.MESSAGES, daily=10_000, test_daily=1000, permission_sets=SETS)
def download(call: Call) -> Response | dict[str, Any]:
    """The bytes; for a video where to fetch them."""
    media = find_media(call.world, call.account, call.params.get("media_id"))
    if media.is_permanent:
        raise Refusal(40007)
    if media.type in ("video", "mpvideo"):
        return {"video_url": f"{HOST}/video/{media.id}.mp4"}
    return file_response(call.world, media)


@endpoint("GET", "/cgi-bin/media/get/jssdk", need=Need.FANS, permission_sets=SETS)
def download_speex(call: Call) -> Response:
    """The better recording of a voice file."""
    media = find_media(call.world, call.account, call.params.get("media_id"))
    if media.type != "voice":
        raise Refusal(40007)
    response = file_response(call.world, media)
    response.content_type = "voice/speex"
    return response


@endpoint("POST", "/cgi-bin/media/uploadimg", need=Need.FANS, permission_sets=SETS)
def upload_article_image(call: Call) -> dict[str, Any]:
    """An address for <img> in articles; not in the library."""
    body, _ = uploaded(call)
    content_type = check_file(ARTICLE_IMAGE, body)
    blob = secrets.token_urlsafe(24)
    call.world.storage.put_blob(blob, call.account.app_id, content_type, body)
    url = f"{HOST}/mmbiz_{content_type[6:]}/{blob}/0?from=appmsg"
    call.account.content.image_urls[url] = blob
    return {"url": url}


@endpoint("POST", "/cgi-bin/media/uploadvideo", need=Need.FANS, permission_sets=SETS)
def prepare_video(call: Call) -> dict[str, Any]:
    """A video with title and description, as mass send wants it (mpvideo)."""
    source = find_media(call.world, call.account, call.body.get("media_id"))
    if source.type != "video":
        raise Refusal(40007)
    media = keep_file(call.world, call.account, "mpvideo", source.name, source.content_type, b"")
    media.title, media.introduction = str(call.body.get("title", "")), str(call.body.get("description", ""))
    return {"type": "video", "media_id": media.id, "created_at": int(media.created_at)}


@endpoint("GET", "/mmbiz_{format}/{blob}/0", auth="none")
def show_article_image(call: Call) -> Response:
    """An uploaded article image, to anyone."""
    found = call.world.storage.get_blob(call.names["blob"])
    if found is None:
        return Response(b"", 404, "text/plain")
    return Response(found[1], 200, found[0])


def uploaded(call: Call) -> tuple[bytes, str]:
    """Bytes and file name of the form field `media`."""
    part = call.parts.get("media")
    if part is None:
        raise Refusal(41005)
    return part.content, part.filename


def described(call: Call) -> dict[str, Any]:
    """The form field `description`, which a video needs."""
    part = call.parts.get("description")
    try:
        value = json.loads(part.content) if part else None
    except ValueError:
        value = None
    if not isinstance(value, dict) or not value.get("title"):
        raise Refusal(47001, "description")
    return value


def keep_file(
    world: "World", account: "Account", kind: str, name: str, content_type: str, body: bytes, *, permanent: bool = False
) -> Media:
    """A new media entry with its bytes."""
    media = Media(secrets.token_urlsafe(48), kind, name, content_type, world.now(), len(body), permanent)
    world.storage.put_blob(media.id, account.app_id, content_type, body)
    account.content.media[media.id] = media
    return media


def find_media(world: "World", account: "Account", media_id: Any) -> Media:
    """The living file; 41006 without id, 40007 for an unknown or expired one, which is forgotten."""
    if not media_id:
        raise Refusal(41006)
    media = account.content.media.get(media_id) if isinstance(media_id, str) else None
    if media is None:
        raise Refusal(40007)
    if not media.is_permanent and world.now() - media.created_at >= SECONDS_KEPT:
        drop_file(world, account, media)
        raise Refusal(40007)
    return media


def drop_file(world: "World", account: "Account", media: Media) -> None:
    """Forgets a file and its bytes."""
    del account.content.media[media.id]
    world.storage.drop_blob(media.id)


def file_response(world: "World", media: Media) -> Response:
    """The bytes with type and name."""
    found = world.storage.get_blob(media.id)
    headers = {"Content-Disposition": f'attachment; filename="{media.name or media.id}"'}
    return Response(found[1] if found else b"", 200, media.content_type, headers)
