"""Pictures from outside, decoded safely into small squares of pixels.

Stage: features. Limits come first: size of the file, number of pixels (before anything is decoded), allowed formats.
JPEGs are decoded at reduced size, so that memory stays bounded. What remains is pixels: no EXIF, no colour profile, no
frames but the first. SVG is a program, not a picture, and is refused. Shapes: S side in pixels.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from modeling.errors import ModelingError

SIDE = 64
MAX_BYTES = 8 << 20
MAX_PIXELS = 24_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_MEMBERS = 20_000
MAX_ARCHIVE_BYTES = 512 << 20
"""Of all pictures in an archive together, unpacked."""
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, MemoryError, Image.DecompressionBombError)
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif")


class PictureUnreadable(ModelingError):
    """These bytes are no picture that may be decoded."""

    code = "bad_picture"


class ArchiveUnreadable(ModelingError):
    """This is no ZIP file of pictures in folders, or it is larger than allowed."""

    code = "bad_archive"


def decode(content: bytes, side: int = SIDE) -> NDArray[np.uint8]:
    """pixels_SSC: the picture upright, cut to its middle square, on white. Raises PictureUnreadable."""
    if len(content) > MAX_BYTES:
        raise PictureUnreadable("A picture is larger than %(limit)s MB. Make it smaller.", limit=MAX_BYTES >> 20)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            return _decode(BytesIO(content), side)
    except _UNREADABLE as error:
        raise PictureUnreadable("A file is not a whole JPEG, PNG, WebP or GIF picture.") from error


def _decode(file: IO[bytes], side: int) -> NDArray[np.uint8]:
    picture = Image.open(file, formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise PictureUnreadable("A picture has more than %(limit)s million pixels. Make it smaller.", limit=limit)
    picture.draft("RGB", (2 * side, 2 * side))
    picture.thumbnail((4 * side, 4 * side))
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGBA", upright.size, "white")
    paper.alpha_composite(upright)
    return np.asarray(ImageOps.fit(paper.convert("RGB"), (side, side)), np.uint8)


def encode(pixels_SSC: NDArray[np.uint8]) -> bytes:
    """The pixels as PNG."""
    buffer = BytesIO()
    Image.fromarray(pixels_SSC).save(buffer, "PNG")
    return buffer.getvalue()


def read_archive(file: IO[bytes]) -> Iterator[tuple[str, str, bytes]]:
    """(label, file name, content) of each picture in a ZIP: the label is the folder that it lies in.

    Names are never used as paths. Raises ArchiveUnreadable; sizes are checked while unpacking, not believed.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if _is_picture(one)]
            if len(members) > MAX_MEMBERS:
                raise ArchiveUnreadable("The archive holds more than %(limit)s pictures. Split it.", limit=MAX_MEMBERS)
            left = MAX_ARCHIVE_BYTES
            for member in members:
                with archive.open(member) as packed:
                    content = packed.read(MAX_BYTES + 1)
                left -= len(content)
                if left < 0:
                    raise ArchiveUnreadable("The pictures of the archive are too large together. Split it.")
                path = PurePosixPath(member.filename)
                yield path.parent.name.strip()[:40], path.name[:200], content
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ArchiveUnreadable("This is not a ZIP file that can be read. Pack folders of pictures anew.") from error


def _is_picture(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    is_hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return path.suffix.lower() in _ENDINGS and not is_hidden and path.parent.name.strip() not in ("", "..")
