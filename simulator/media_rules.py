"""Which files the platform takes (fact sheet 5.3): by kind the formats, recognised from the bytes, and the size."""

from dataclasses import dataclass

from simulator.errors import Refusal

KIB, MIB = 1024, 1024 * 1024
SECONDS_KEPT = 3 * 86400  # of temporary media


@dataclass(frozen=True)
class FileRule:
    """Formats by content type, the largest size, and the code for a larger one."""

    content_types: frozenset[str]
    max_bytes: int
    too_large: int


_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif"})
RULES = {
    "image": FileRule(_PICTURES, 10 * MIB, 40009),
    "voice": FileRule(frozenset({"audio/amr", "audio/mp3"}), 2 * MIB, 40006),
    "video": FileRule(frozenset({"video/mp4"}), 10 * MIB, 40006),
    "thumb": FileRule(frozenset({"image/jpeg"}), 64 * KIB, 40006),
}
ARTICLE_IMAGE = FileRule(frozenset({"image/jpeg", "image/png"}), MIB, 40009)
MAX_VOICE_SECONDS = 60
_AMR_FRAME_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6)
MAX_PERMANENT = {"image": 100_000, "voice": 1000, "video": 1000, "thumb": 1000}


def recognise(body: bytes) -> str:
    """The content type by the first bytes; empty if unknown."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if body.startswith(b"#!AMR"):
        return "audio/amr"
    if body.startswith(b"ID3") or (len(body) > 1 and body[0] == 0xFF and body[1] & 0xE0 == 0xE0):
        return "audio/mp3"
    return "video/mp4" if body[4:8] == b"ftyp" else ""


def check_file(rule: FileRule, body: bytes | None) -> str:
    """The content type of an acceptable file, or the refusal."""
    if body is None:
        raise Refusal(41005)
    if not body:
        raise Refusal(44001)
    content_type = recognise(body)
    if content_type not in rule.content_types:
        raise Refusal(40005)
    if len(body) > rule.max_bytes:
        raise Refusal(rule.too_large)
    if content_type == "audio/amr" and amr_seconds(body) > MAX_VOICE_SECONDS:
        raise Refusal(45007)
    return content_type


def rule_of(kind: str) -> FileRule:
    """The rule for ?type=; 40004 for an unknown kind."""
    if kind not in RULES:
        raise Refusal(40004)
    return RULES[kind]


def amr_seconds(body: bytes) -> float:
    """How long narrow-band AMR plays: frames of 20 ms."""
    at, num_frames = body.find(b"\n") + 1, 0
    while 0 < at < len(body):
        mode = (body[at] >> 3) & 0x0F
        at += _AMR_FRAME_BYTES[mode] if mode < len(_AMR_FRAME_BYTES) else 1
        num_frames += 1
    return num_frames / 50
