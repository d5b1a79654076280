"""What a file is, by its own bytes: names and content types given by people are not believed."""

from typing import Literal

Format = Literal["jpg", "png", "gif", "mp4", "amr", "mp3"]
CONTENT_TYPES: dict[Format, str] = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "amr": "audio/amr",
    "mp3": "audio/mpeg",
}
_AMR_HEAD = b"#!AMR\n"
_AMR_FRAME_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6)  # by frame type, with the byte that names it; 20 ms each
_AMR_FRAME_SECONDS = 0.02
_KBITS_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # layer III, MPEG-1
_KBITS_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # layer III, MPEG-2 and 2.5
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits


def format_of(content: bytes) -> Format | None:
    """The format the bytes begin like; None for any that WeChat does not take."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if content[4:8] == b"ftyp":
        return "mp4"
    if content.startswith(_AMR_HEAD):
        return "amr"
    return "mp3" if content.startswith(b"ID3") or _mp3_frame(content, 0) else None


def seconds_of(content: bytes) -> float:
    """How long an AMR or MP3 recording plays; 0 for other formats and for what cannot be read."""
    found = format_of(content)
    if found == "amr":
        return _amr_seconds(content)
    return _mp3_seconds(content) if found == "mp3" else 0.0


def _amr_seconds(content: bytes) -> float:
    position, num_frames = len(_AMR_HEAD), 0
    while position < len(content):
        frame_type = content[position] >> 3 & 15
        position += _AMR_FRAME_BYTES[frame_type] if frame_type < len(_AMR_FRAME_BYTES) else 1
        num_frames += 1
    return num_frames * _AMR_FRAME_SECONDS


def _mp3_seconds(content: bytes) -> float:
    position, seconds = _id3_bytes(content), 0.0
    while frame := _mp3_frame(content, position):
        num_bytes, frame_seconds = frame
        position += num_bytes
        seconds += frame_seconds
    return seconds


def _id3_bytes(content: bytes) -> int:
    """Length of the ID3v2 tag at the beginning: ten bytes and a size of four times seven bits."""
    if not content.startswith(b"ID3") or len(content) < 10:
        return 0
    size = 0
    for byte in content[6:10]:
        size = size << 7 | byte & 127
    return 10 + size


def _mp3_frame(content: bytes, position: int) -> tuple[int, float] | None:
    """Bytes and seconds of the layer III frame at `position`; None when there is none (ISO 11172-3, 2.4.2)."""
    head = content[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, kbit_index, rate_index = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _RATES or kbit_index in (0, 15) or rate_index == 3:
        return None
    kbits = (_KBITS_V1 if version == 3 else _KBITS_V2)[kbit_index]
    rate = _RATES[version][rate_index]
    num_samples = 1152 if version == 3 else 576
    return num_samples // 8 * kbits * 1000 // rate + (head[2] >> 1 & 1), num_samples / rate
