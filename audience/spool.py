"""Cleaned chunks on local disk between reading a file and writing the database, so memory stays flat.

Stage: clean. Reads and writes: a temporary folder that vanishes with the import.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

_GROUP_ROWS = 200_000


class Spool:
    """Frames of one schema in numbered parts, kept in order as Arrow files."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="import-")
        self._paths: dict[int, list[Path]] = {}
        self.num_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    @property
    def parts(self) -> list[int]:
        """The numbers of the parts that have rows, ascending."""
        return sorted(self._paths)

    def append(self, frame: pl.DataFrame, part: int = 0) -> None:
        """Keep a frame."""
        if not frame.height:
            return
        paths = self._paths.setdefault(part, [])
        path = Path(self._folder.name) / f"{part}_{len(paths)}.arrow"
        frame.write_ipc(path)
        paths.append(path)
        self.num_rows += frame.height

    def frames(self) -> Iterator[pl.DataFrame]:
        """The kept frames, part by part."""
        for part in self.parts:
            yield from map(pl.read_ipc, self._paths[part])

    def groups(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """(part, rows of it) in frames of about 200,000: larger sorted runs are cheaper to index."""
        for part in self.parts:
            waiting: list[pl.DataFrame] = []
            for path in self._paths[part]:
                waiting.append(pl.read_ipc(path))
                if sum(frame.height for frame in waiting) >= _GROUP_ROWS:
                    yield part, pl.concat(waiting)
                    waiting = []
            if waiting:
                yield part, pl.concat(waiting)
