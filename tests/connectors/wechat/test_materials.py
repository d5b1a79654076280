"""Media: kind, size, format and length are read from the bytes; multipart; expiry; bytes or JSON back."""

import email.parser
import email.policy
import json
import struct
from datetime import UTC, datetime, timedelta

import pytest

from connectors.wechat import materials
from connectors.wechat.errors import BadMessage, MediaExpired, Refused, TooLong
from connectors.wechat.formats import format_of, seconds_of
from connectors.wechat.materials import MediaKind

UPLOAD = "/cgi-bin/media/upload"
ADD = "/cgi-bin/material/add_material"
JPG = b"\xff\xd8\xff\xe0" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
GIF = b"GIF89a" + bytes(100)
MP4 = struct.pack(">I", 24) + b"ftypmp42" + bytes(100)


def amr(num_frames):
    return b"#!AMR\n" + (b"\x3c" + bytes(31)) * num_frames  # frame type 7: 32 bytes, 20 ms


def mp3(num_frames, *, with_tag=False):
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes, 1152 samples
    return (b"ID3\x03\x00\x00\x00\x00\x01\x00" + bytes(128) if with_tag else b"") + frame * num_frames


def parts(asked):
    head = f"Content-Type: {asked.content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + asked.raw)
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename(), part.get_content_type(), part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    }  # fmt: skip


@pytest.mark.parametrize(("content", "found"), [
    (JPG, "jpg"), (PNG, "png"), (GIF, "gif"), (MP4, "mp4"), (amr(1), "amr"), (mp3(1), "mp3"),
    (mp3(1, with_tag=True), "mp3"), (b"", None), (b"<svg>", None), (b"RIFF\0\0\0\0WEBP", None), (b"\xff\xfb", None),
])  # fmt: skip
def test_a_file_is_what_its_bytes_say(content, found):
    assert format_of(content) == found


def test_recordings_are_measured():
    assert seconds_of(amr(50)) == pytest.approx(1.0)
    assert seconds_of(mp3(100)) == pytest.approx(100 * 1152 / 44100)
    assert seconds_of(mp3(100, with_tag=True)) == pytest.approx(100 * 1152 / 44100)
    assert seconds_of(JPG) == 0
    assert seconds_of(amr(2)[:-5] + b"\xff" * 20) > 0  # broken bytes end, they do not hang


def test_an_upload_for_three_days(client, listener):
    listener.answer(UPLOAD, {"type": "image", "media_id": "M1", "created_at": 1_764_000_000})
    created_at = datetime.fromtimestamp(1_764_000_000, UTC)
    assert materials.upload_temporary(client, MediaKind.IMAGE, PNG) == materials.TemporaryMedia(
        "M1", MediaKind.IMAGE, created_at, created_at + timedelta(days=3)
    )
    assert listener.last.params == {"type": "image", "access_token": "TOKEN"}
    assert parts(listener.last) == {"media": ("media.png", "image/png", PNG)}


def test_a_cover_is_named_otherwise(client, listener):
    listener.answer(UPLOAD, {"type": "thumb", "thumb_media_id": "T1", "created_at": "1764000000"})
    assert materials.upload_temporary(client, MediaKind.THUMB, JPG).media_id == "T1"


def padded(head, size):
    return head + bytes(size - len(head))


LIMITS = [
    (MediaKind.IMAGE, JPG, 10 * 1024**2), (MediaKind.VOICE, amr(1), 2 * 1024**2),
    (MediaKind.VIDEO, MP4, 10 * 1024**2), (MediaKind.THUMB, JPG, 64 * 1024),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "head", "most"), LIMITS)
def test_sizes_at_their_limit(client, listener, kind, head, most):
    if kind != MediaKind.VOICE:  # zeros after the head are frames: two megabytes of them are too long
        materials.check_media(kind, padded(head, most))
    with pytest.raises(TooLong) as refused:
        materials.upload_temporary(client, kind, padded(head, most + 1))
    assert refused.value.context == {"field": "File", "length": most + 1, "most": most}
    assert listener.asked == []


def test_a_recording_of_sixty_seconds_fits_and_no_more(client, listener):
    materials.check_media(MediaKind.VOICE, amr(3000))
    with pytest.raises(TooLong):
        materials.upload_temporary(client, MediaKind.VOICE, amr(3001))
    assert listener.asked == []


@pytest.mark.parametrize(("kind", "content"), [
    (MediaKind.IMAGE, MP4), (MediaKind.IMAGE, b"<svg/>"), (MediaKind.VOICE, JPG), (MediaKind.VIDEO, GIF),
    (MediaKind.THUMB, PNG), (MediaKind.IMAGE, b""),
])  # fmt: skip
def test_other_formats_are_refused_without_a_call(client, listener, kind, content):
    for upload in (materials.upload_temporary, materials.upload_permanent):
        with pytest.raises(BadMessage):
            upload(client, kind, content)
    assert listener.asked == []


def test_permanent_uploads(client, listener):
    listener.answer(ADD, {"media_id": "M1", "url": "https://mmbiz.qpic.cn/x"})
    found = materials.upload_permanent(client, MediaKind.IMAGE, JPG)
    assert found == materials.PermanentMedia("M1", MediaKind.IMAGE, "https://mmbiz.qpic.cn/x")
    assert listener.last.params["type"] == "image"


def test_a_video_has_a_description(client, listener):
    listener.answer(ADD, {"media_id": "V1"})
    materials.upload_permanent(client, MediaKind.VIDEO, MP4, title="题", introduction='述\r\n"x"')
    sent = parts(listener.last)
    assert sent["media"] == ("media.mp4", "video/mp4", MP4)
    assert json.loads(sent["description"][2]) == {"title": "题", "introduction": '述\r\n"x"'}
    with pytest.raises(BadMessage):
        materials.upload_permanent(client, MediaKind.VIDEO, MP4)
    assert len(listener.asked) == 1


def test_pictures_of_articles(client, listener):
    path = "/cgi-bin/media/uploadimg"
    listener.answer(path, {"url": "https://mmbiz.qpic.cn/x"})
    assert materials.upload_article_image(client, padded(JPG, 1024**2)) == "https://mmbiz.qpic.cn/x"
    for content in (padded(JPG, 1024**2 + 1), GIF):
        with pytest.raises(BadMessage):
            materials.upload_article_image(client, content)
    assert len(listener.asked) == 1


def test_a_download_is_bytes(client, listener):
    listener.answer("/cgi-bin/media/get", ("image/jpeg", JPG))
    found = materials.download_temporary(client, "M1")
    assert (found.content, found.content_type) == (JPG, "image/jpeg")
    listener.answer("/cgi-bin/media/get/jssdk", ("voice/speex", b"speex"))
    assert materials.download_temporary(client, "M1", is_clear_voice=True).content == b"speex"
    assert listener.last.params["media_id"] == "M1"


def test_a_video_is_an_address(client, listener):
    listener.answer("/cgi-bin/media/get", {"video_url": "https://a.cn/v.mp4"})
    assert materials.download_temporary(client, "M1") == materials.Download(video_url="https://a.cn/v.mp4")


def test_an_expired_upload_is_refused(client, listener):
    listener.answer("/cgi-bin/media/get", {"errcode": 40007, "errmsg": "invalid media_id"})
    with pytest.raises(MediaExpired):
        materials.download_temporary(client, "M1")


def test_permanent_downloads(client, listener):
    path = "/cgi-bin/material/get_material"
    listener.answer(path, ("image/png", PNG))
    assert materials.download_permanent(client, "M1").content == PNG
    assert listener.last.body == {"media_id": "M1"}
    listener.answer(path, ("text/plain", json.dumps({"title": "题", "description": "述", "down_url": "u"}).encode()))
    assert materials.download_permanent(client, "M1") == materials.Download(
        video_url="u", title="题", introduction="述"
    )
    listener.answer(path, {"news_item": [{"title": "题"}]})
    assert materials.download_permanent(client, "M1").articles[0].title == "题"


def test_the_library(client, listener):
    listener.answer(
        "/cgi-bin/material/get_materialcount",
        {"voice_count": 1, "video_count": 2, "image_count": 3, "news_count": 4},
    )
    assert materials.count_materials(client) == materials.MaterialCounts(1, 2, 3, 4)
    listener.answer("/cgi-bin/material/batchget_material", {"total_count": 1, "item_count": 1, "item": [
        {"media_id": "M1", "name": "a.png", "update_time": 1_764_000_000, "url": "u"},
    ]})  # fmt: skip
    page = next(materials.material_pages(client, "image"))
    assert page.entries == (materials.Material("M1", "a.png", "u", datetime.fromtimestamp(1_764_000_000, UTC)),)
    assert listener.last.body == {"type": "image", "offset": 0, "count": 20}
    materials.delete_permanent(client, "M1")
    assert listener.last.body == {"media_id": "M1"}
    listener.answer("/cgi-bin/material/del_material", {"errcode": 48005, "errmsg": "in use"})
    with pytest.raises(Refused):
        materials.delete_permanent(client, "M1")
