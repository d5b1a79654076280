"""Pictures of items: check, re-encode, keep, address. Stage: collect. Writes files `pictures/<tenant>/<code>.<ext>`.

`Item.picture` holds an https address, the name of such a file, or nothing. Pages, the API and recommendations show what
`address` answers: a signed public address that tells nothing about the brand and never changes, so browsers keep it.
"""

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_noop as _
from PIL import Image, ImageOps

from accounts.tenancy import current_tenant_id
from catalog.models import Item
from common.errors import BadInput
from common.text import new_code

MAX_BYTES = 8 << 20
MAX_PIXELS = 40_000_000
LONGEST_SIDE = 1200
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "svg": "image/svg+xml"}
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)  # what Pillow raises
_KEPT = re.compile(r"pictures/([0-9]+)/\w+\.(?:jpg|png|svg)", re.ASCII)
_signer = Signer(salt="catalog.pictures")


class BadPicture(BadInput):
    """The file is not a picture that can be shown; nothing was stored."""

    code = "bad_picture"


@dataclass(frozen=True)
class Picture:
    """An encoded picture, ready to be kept."""

    content: bytes
    extension: str


def encode(upload: IO[bytes], size_bytes: int) -> Picture:
    """The picture that a person sent, decoded and encoded anew: only pixels survive."""
    if size_bytes > MAX_BYTES:
        limit = MAX_BYTES >> 20
        raise BadPicture(_("The picture is larger than %(limit)s MB. Make it smaller and try again."), limit=limit)
    picture = _decode(upload)
    if picture.has_transparency_data:
        return Picture(_written(picture.convert("RGBA"), "PNG"), "png")
    return Picture(_written(picture.convert("RGB"), "JPEG"), "jpg")


def keep(picture: Picture) -> str:
    """Store the picture under a name made here; returns the name for `Item.picture`."""
    name = f"pictures/{current_tenant_id()}/{new_code(16)}.{picture.extension}"
    return default_storage.save(name, ContentFile(picture.content))


def keep_drawing(svg: str) -> str:
    """Store an SVG that our own code drew (never one from outside); returns its name for `Item.picture`."""
    return keep(Picture(svg.encode(), "svg"))


def address(item: Item) -> str:
    """Where the item's picture can be fetched without signing in; a drawing of its kind when it has none."""
    if item.picture.startswith("https://"):
        return item.picture
    if is_kept(item.picture, item.tenant_id):
        return f"{_public_root()}{_signer.sign_object(item.picture)}/"
    return static(f"catalog/{item.kind}.svg")


@cache
def _public_root() -> str:
    """What every signed address begins with: looking it up costs as much as signing."""
    return reverse("pictures:picture", args=["token"]).removesuffix("token/")


def is_kept(name: str, tenant_id: int | None) -> bool:
    """Whether this is the name of a picture that `keep` or `keep_drawing` stored for the brand."""
    kept = _KEPT.fullmatch(name)
    return kept is not None and kept[1] == str(tenant_id)


def read(token: str) -> tuple[bytes, str] | None:
    """The picture behind a signed address and its content type; None when the token is forged or the file is gone."""
    try:
        name: str = _signer.unsign_object(token)
        with default_storage.open(name) as file:
            return file.read(), CONTENT_TYPES[name.rpartition(".")[2]]
    except (BadSignature, FileNotFoundError):
        return None


def discard(name: str) -> None:
    """Delete a kept picture of the brand once the change is committed; other names are left alone."""
    if is_kept(name, current_tenant_id()):
        transaction.on_commit(lambda: default_storage.delete(name))


def _decode(upload: IO[bytes]) -> Image.Image:
    """The upright first frame, at most `LONGEST_SIDE` pixels wide and high, without the camera's notes."""
    try:
        picture = Image.open(upload, formats=_FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            limit = MAX_PIXELS // 1_000_000
            raise BadPicture(_("The picture has more than %(limit)s million pixels. Make it smaller."), limit=limit)
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return ImageOps.exif_transpose(picture)
    except _UNREADABLE as error:
        raise BadPicture(_("This is not a JPEG, PNG, WebP or GIF picture. Save it as one of these.")) from error


def _written(picture: Image.Image, format_: str) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, format_, quality=86, optimize=True)
    return buffer.getvalue()
