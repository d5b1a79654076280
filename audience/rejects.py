"""The rows an import set aside, as a file: written while it runs, read as CSV in the reader's language.

Stage: clean. Reads: `Rejected` rows. Writes: one file in storage per import that has any.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Self

from django.core.files import File
from django.core.files.storage import default_storage

from audience.decoding import Rejected
from audience.problems import REASONS
from common.translation import translated

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


class RejectsFile:
    """Collects rejected rows on disk, so any number of them fits."""

    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115  # closed in __exit__
        self._writer = csv.writer(self._file)
        self._num_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, rows: Iterable[Rejected]) -> None:
        """Write rows down."""
        for row in rows:
            self._writer.writerow((row.line, row.code, row.raw.replace("\0", "�")))
            self._num_rows += 1

    def store(self, name: str) -> str:
        """Put the file into storage; returns its name there, '' when there is nothing to keep."""
        if not self._num_rows:
            return ""
        self._file.flush()
        return default_storage.save(name, File(self._file.buffer))  # type: ignore[attr-defined]  # a text file has one


def iterate_csv(stored_name: str) -> Iterator[bytes]:
    """The stored rows as a CSV that a spreadsheet opens safely: line, reason, what to do, row (UTF-8 with a mark)."""
    with default_storage.open(stored_name) as stored:
        header = (translated("Line"), translated("Reason"), translated("What to do"), translated("Row"))
        yield b"\xef\xbb\xbf" + _csv_line(header)
        for line, code, raw in csv.reader(io.TextIOWrapper(stored, encoding="utf-8", newline="")):
            reason = REASONS[code]
            yield _csv_line((line, translated(reason.title), translated(reason.fix), without_formula(raw)))


def without_formula(cell: str) -> str:
    """The cell as plain text for spreadsheets: what would start a formula gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _csv_line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
