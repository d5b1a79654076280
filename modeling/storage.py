"""Durable files: write beside, fsync, rename; a directory appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` with `content` so that a crash leaves the old file or the new one, never a half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames inside `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def publishing(directory: Path) -> Iterator[Path]:
    """Give a scratch directory that becomes `directory` at the end, or vanishes when the body raises.

    An older `directory` is moved aside first and deleted last, so readers that opened its files keep them.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".tmp", dir=directory.parent))
    scratch.chmod(0o755)
    try:
        yield scratch
        for path in scratch.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync_directory(scratch)
        _swap_in(scratch, directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _swap_in(scratch: Path, directory: Path) -> None:
    old = scratch.with_suffix(".old")
    if directory.exists():
        directory.rename(old)
    scratch.rename(directory)
    sync_directory(directory.parent)
    shutil.rmtree(old, ignore_errors=True)
