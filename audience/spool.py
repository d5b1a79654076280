"""Cleaned chunks on local disk between reading a file and writing the database, so memory stays flat.

Stage: clean. Reads and writes: a temporary folder that vanishes with the import.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

_GROUP_ROWS = 100_000


class Spool:
    """Frames of one schema, kept in order as Arrow files."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="import-")
        self._heights: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @property
    def num_rows(self) -> int:
        """Rows kept so far."""
        return sum(self._heights)

    def append(self, frame: pl.DataFrame) -> None:
        """Keep a frame."""
        if frame.height:
            frame.write_ipc(self._path(len(self._heights)))
            self._heights.append(frame.height)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The kept frames, one by one."""
        for place in range(len(self._heights)):
            yield pl.read_ipc(self._path(place))

    def groups(self) -> Iterator[pl.DataFrame]:
        """The kept rows in frames of about 100,000: larger sorted runs are cheaper to index."""
        waiting: list[pl.DataFrame] = []
        for frame in self.frames():
            waiting.append(frame)
            if sum(part.height for part in waiting) >= _GROUP_ROWS:
                yield pl.concat(waiting)
                waiting = []
        if waiting:
            yield pl.concat(waiting)

    def _path(self, place: int) -> Path:
        return Path(self._folder.name) / f"{place}.arrow"
