"""Rows that wait between cleaning and the database, so that memory stays flat.

Stage: clean. Reads and writes: a temporary folder that vanishes with the import.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

TEMPORARY = "fanwise-import-"
"""How the names of all temporary files and folders of uploads begin."""
_GROUP_ROWS = 120_000
_MAX_WAITING_ROWS = 240_000


class Spool:
    """Frames of one schema in numbered parts, kept in order as Arrow files."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}spool-")
        self._paths: dict[int, list[Path]] = {}
        self.num_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def append(self, frame: pl.DataFrame, part: int = 0) -> None:
        """Keep a frame."""
        if not frame.height:
            return
        paths = self._paths.setdefault(part, [])
        path = Path(self._folder.name) / f"{part}_{len(paths)}.arrow"
        frame.write_ipc(path)
        paths.append(path)
        self.num_rows += frame.height

    def frames(self, part: int = 0) -> Iterator[pl.DataFrame]:
        """The kept frames of a part, in order."""
        yield from map(pl.read_ipc, self._paths.get(part, ()))


class Groups:
    """Gathers frames by a number into groups of about 120,000 rows: larger sorted runs are cheaper to index.

    At most 240,000 rows wait, however many numbers there are.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[pl.DataFrame]] = {}
        self._num_rows: dict[int, int] = {}

    def add(self, frame: pl.DataFrame, number: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """Take a frame in; yields (number, rows) of what has become full."""
        self._waiting.setdefault(number, []).append(frame)
        self._num_rows[number] = self._num_rows.get(number, 0) + frame.height
        while self._num_rows and (
            max(self._num_rows.values()) >= _GROUP_ROWS or sum(self._num_rows.values()) > _MAX_WAITING_ROWS
        ):
            yield self._pop(max(self._num_rows, key=self._num_rows.__getitem__))

    def rest(self, *numbers: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yields what waits under these numbers, or all that waits, as (number, rows)."""
        for number in sorted(self._waiting.keys() & numbers if numbers else self._waiting):
            yield self._pop(number)

    def _pop(self, number: int) -> tuple[int, pl.DataFrame]:
        del self._num_rows[number]
        return number, pl.concat(self._waiting.pop(number))


def remove_leftovers(older_than_seconds: float) -> int:
    """Delete what uploads whose process was killed left behind; nothing in use is that old. Returns how many."""
    latest, num_removed = time.time() - older_than_seconds, 0
    for path in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        if path.lstat().st_mtime >= latest:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        num_removed += 1
    return num_removed
