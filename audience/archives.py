"""Open an uploaded file for reading, unpacked on the fly and within limits.

Stage: collect. Reads: a stored upload. Writes: nothing: archive members are streamed, never extracted to their names.
"""

import gzip
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from audience.problems import (
    ArchiveBomb,
    ArchiveDamaged,
    ArchiveEncrypted,
    ArchiveNested,
    ArchiveNotOneFile,
    ArchiveUnsafe,
    ArchiveUnsupported,
    SpreadsheetDamaged,
)

GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_PACKED = (GZIP_MAGIC, b"PK", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the other methods unpack without a bound on memory


@dataclass(frozen=True)
class Limits:
    """How much a single upload may ask of the machine."""

    max_line_bytes: int = 1 << 20
    max_record_lines: int = 100  # physical lines of one quoted row
    max_columns: int = 500
    max_raw_chars: int = 300  # of a rejected row, kept for the report
    max_unpacked_bytes: int = 20 << 30
    max_ratio: int = 200  # unpacked : packed, judged after the first `ratio_grace_bytes`
    ratio_grace_bytes: int = 16 << 20
    max_spreadsheet_bytes: int = 1 << 30
    max_shared_strings_bytes: int = 128 << 20  # openpyxl keeps these in memory


LIMITS = Limits()


class Payload:
    """The unpacked bytes of an upload: `read(n)`, and how far we are in the stored file."""

    def __init__(self, stored: IO[bytes], unpacked: IO[bytes], limits: Limits) -> None:
        self._stored = stored
        self._unpacked = unpacked
        self._limits = limits
        self._is_packed = stored is not unpacked
        self._num_bytes = 0

    def read(self, num_bytes: int) -> bytes:
        """Up to `num_bytes`; b"" at the end. Raises `ArchiveDamaged` or `ArchiveBomb`."""
        try:
            data = self._unpacked.read(num_bytes)
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ArchiveDamaged from error
        self._num_bytes += len(data)
        if self._is_packed:
            self._check_growth()
        return data

    def position(self) -> int:
        """Bytes of the stored (packed) file read so far."""
        return self._stored.tell()

    def _check_growth(self) -> None:
        limits = self._limits
        if self._num_bytes > limits.max_unpacked_bytes:
            raise ArchiveBomb(limit=f"{limits.max_unpacked_bytes >> 20} MB")
        is_late = self._num_bytes > limits.ratio_grace_bytes
        if is_late and self._num_bytes > limits.max_ratio * max(self._stored.tell(), 1):
            raise ArchiveBomb(limit=f"{limits.max_ratio} : 1")


def compression_of(path: Path) -> str:
    """'gzip', 'zip', 'xlsx' or '' by the content, whatever the name says."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == GZIP_MAGIC:
        return "gzip"
    if head != ZIP_MAGIC:
        return ""
    with _zip_of(path) as archive:
        names = set(archive.namelist())
    return "xlsx" if "[Content_Types].xml" in names else "zip"


@contextmanager
def open_payload(path: Path, compression: str, member: str = "", limits: Limits = LIMITS) -> Iterator[Payload]:
    """The unpacked content of `path` (for a zip: of its member)."""
    with path.open("rb") as stored:
        if compression == "gzip":
            with gzip.GzipFile(fileobj=stored) as unpacked:
                yield Payload(stored, unpacked, limits)  # type: ignore[arg-type]  # GzipFile reads like a file
        elif compression == "zip":
            with _zip_of(stored) as archive, archive.open(member) as unpacked_member:
                yield Payload(stored, unpacked_member, limits)
        else:
            yield Payload(stored, stored, limits)


def only_member(path: Path) -> str:
    """The name of the one data file inside a zip; raises a named error for anything else."""
    with _zip_of(path) as archive:
        members = [info for info in archive.infolist() if not _is_clutter(info)]
        for info in members:
            _check_member(info)
        if len(members) != 1:
            raise ArchiveNotOneFile(found=len(members))
        return members[0].filename


def refuse_nested(head: bytes) -> None:
    """Raise `ArchiveNested` when unpacked bytes begin like another archive."""
    if head.startswith(_PACKED):
        raise ArchiveNested


def check_spreadsheet(path: Path, limits: Limits = LIMITS) -> None:
    """Refuse an XLSX that unpacks too far or whose XML declares a document type (entity tricks)."""
    with _zip_of(path, SpreadsheetDamaged) as archive:
        infos = archive.infolist()
        _check_spreadsheet_sizes(infos, path.stat().st_size, limits)
        for info in infos:
            if info.flag_bits & 1:
                raise ArchiveEncrypted
            if info.compress_type not in _METHODS:
                raise ArchiveUnsupported(method=info.compress_type)
            if info.filename.endswith((".xml", ".rels")):
                _check_prolog(archive, info)


def _check_spreadsheet_sizes(infos: list[zipfile.ZipInfo], packed_bytes: int, limits: Limits) -> None:
    total = sum(info.file_size for info in infos)  # zipfile never reads a member beyond its declared size
    if total > limits.max_spreadsheet_bytes:
        raise ArchiveBomb(limit=f"{limits.max_spreadsheet_bytes >> 20} MB")
    if total > limits.ratio_grace_bytes and total > limits.max_ratio * packed_bytes:
        raise ArchiveBomb(limit=f"{limits.max_ratio} : 1")
    strings = sum(info.file_size for info in infos if info.filename.lower().endswith("sharedstrings.xml"))
    if strings > limits.max_shared_strings_bytes:
        raise ArchiveBomb(limit=f"{limits.max_shared_strings_bytes >> 20} MB")


def _check_prolog(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    try:
        with archive.open(info) as member:
            head = member.read(1 << 16)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SpreadsheetDamaged from error
    root = re.search(rb"<[A-Za-z_]", head)
    if head and (root is None or b"<!" in head[: root.start()] or b"\0" in head):
        raise ArchiveUnsafe(name=info.filename[:80])


def _is_clutter(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    return info.is_dir() or parts[:1] == ("__MACOSX",) or (parts[-1:] or ("",))[0].startswith("._")


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    if ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":" or is_link:
        raise ArchiveUnsafe(name=name[:80])
    if info.flag_bits & 1:
        raise ArchiveEncrypted
    if info.compress_type not in _METHODS:
        raise ArchiveUnsupported(method=info.compress_type)


def _zip_of(source: Any, damaged: type[ArchiveDamaged | SpreadsheetDamaged] = ArchiveDamaged) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise damaged from error
