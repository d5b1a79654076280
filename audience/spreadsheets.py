"""Rows of an XLSX file as text, streamed.

Stage: collect. Reads: a stored XLSX. Writes: nothing.
"""

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from audience.archives import LIMITS, Limits, check_spreadsheet
from audience.problems import EmptyFile, SpreadsheetDamaged

_BROKEN = (  # what openpyxl raises for a file that is not what it says
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    OSError,
)


def read_spreadsheet_head(path: Path, limits: Limits = LIMITS) -> tuple[int, list[str], bool]:
    """(line of the header, its cells, whether rows follow) of the first sheet that has any."""
    check_spreadsheet(path, limits)
    rows = iterate_spreadsheet(path)
    head = next(rows, None)
    if head is None:
        raise EmptyFile
    return head[0], [cell or "" for cell in head[1]], next(rows, None) is not None


def iterate_spreadsheet(path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """(line number, cells as text without trailing empties) of each non-empty row of the first non-empty sheet."""
    with _sheets_of(path) as sheets:
        for sheet in sheets:
            is_empty = True
            for line, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = [_as_text(value) for value in values]
                while cells and cells[-1] is None:
                    cells.pop()
                if cells:
                    is_empty = False
                    yield line, cells
            if not is_empty:
                return


@contextmanager
def _sheets_of(path: Path) -> Iterator[list[Any]]:
    with path.open("rb") as file:  # a stored upload has no suffix, which openpyxl would demand of a name
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            for sheet in visible:
                sheet.reset_dimensions()  # some writers store a wrong extent, which would cut rows off
            yield visible
        except _BROKEN as error:
            raise SpreadsheetDamaged from error


def _as_text(value: Any) -> str | None:
    """A cell as a user reads it: whole numbers without a point, dates in ISO form, empty as None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds" if not value.microsecond else "milliseconds")
    if isinstance(value, dt.timedelta):
        return repr(value.total_seconds())
    return str(value)
