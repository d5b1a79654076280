"""Small files of every format, whole enough for both sides to recognise."""

import struct

JPG = b"\xff\xd8\xff\xe0" + bytes(200)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
MP4 = struct.pack(">I", 24) + b"ftypmp42" + bytes(200)


def amr(num_seconds: int) -> bytes:
    return b"#!AMR\n" + (b"\x3c" + bytes(31)) * (50 * num_seconds)
