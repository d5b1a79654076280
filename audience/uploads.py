"""Uploaded files in storage: put in under names of our own, read back as local files.

Stage: collect. Reads and writes: the default storage, folder `imports/<tenant>/`.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.translation import gettext_noop as _

from audience.problems import EmptyFile
from audience.spool import TEMPORARY
from common.errors import BadInput

_PIECE_BYTES = 1 << 20


class FileTooLarge(BadInput):
    """The upload is beyond the size limit of this installation."""

    code = "file_too_large"


@dataclass(frozen=True)
class Received:
    """An upload on local disk, before it is stored."""

    path: Path
    size_bytes: int
    sha256: str


@contextmanager
def received(upload: IO[bytes]) -> Iterator[Received]:
    """The upload as a temporary local file with its size and hash; raises `EmptyFile` or `FileTooLarge`."""
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(prefix=f"{TEMPORARY}file-") as file:
        while piece := upload.read(_PIECE_BYTES):
            size += len(piece)
            if size > settings.UPLOAD_MAX_BYTES:
                raise FileTooLarge(
                    _("The file is larger than %(limit)s MB. Compress it (gzip or zip) or split it."),
                    limit=settings.UPLOAD_MAX_BYTES >> 20,
                )
            digest.update(piece)
            file.write(piece)
        if not size:
            raise EmptyFile
        file.flush()
        yield Received(Path(file.name), size, digest.hexdigest())


def store(path: Path, name: str) -> str:
    """Copy a local file into storage under `name`; nothing is left there when that fails."""
    try:
        with path.open("rb") as file:
            return default_storage.save(name, File(file))
    except OSError:
        default_storage.delete(name)
        raise


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """The stored file as a local path: itself in a folder, a temporary copy from an object store."""
    if isinstance(default_storage, FileSystemStorage) or hasattr(default_storage, "base_location"):
        yield Path(default_storage.path(name))
        return
    with tempfile.NamedTemporaryFile(prefix=f"{TEMPORARY}copy-") as copy, default_storage.open(name) as stored:
        for piece in stored.chunks(_PIECE_BYTES):
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)
