"""Turn a stored upload into frames of text, with line numbers, in flat memory.

Stage: collect. Reads: a stored file and its `Layout`. Writes: chunks (polars frames whose columns are all text, beside
the line number) and the rows that cannot be read, each with line, reason and the beginning of its text.

A block of plain rows goes through polars at memory speed. What polars cannot vouch for (ragged rows, odd quotes, NUL
bytes, broken characters) goes line by line through the csv module, which finds exactly the rows at fault.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from audience.archives import LIMITS, Limits, check_spreadsheet, open_payload
from audience.layouts import LINE, Layout
from audience.spreadsheets import iterate_spreadsheet
from audience.textblocks import BLOCK_BYTES, Block, LongLine, as_utf8, count_byte, cut

_SPREADSHEET_ROWS = 20_000


@dataclass(frozen=True)
class Rejected:
    """A row that was set aside: its line in the file, the reason's code (audience/problems.py), its text, cut."""

    line: int
    code: str
    raw: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of the file. `frame` has the column `LINE` and one text column per header; empty cells are null."""

    frame: pl.DataFrame
    rejected: list[Rejected]
    position: int  # bytes of the stored file read so far

    @property
    def num_rows(self) -> int:
        """Rows seen, readable or not."""
        return self.frame.height + len(self.rejected)


def decode(path: Path, layout: Layout, limits: Limits = LIMITS, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Chunk]:
    """The rows of the file, chunk by chunk, in file order."""
    if layout.format == "xlsx":
        yield from _decode_spreadsheet(path, layout, limits)
        return
    parser = JsonParser(layout, limits) if layout.format == "jsonl" else TableParser(layout, limits)
    with open_payload(path, layout.compression, layout.member, limits) as payload:
        read = as_utf8(payload.read, layout.encoding, layout.newline, layout.num_bom_bytes)
        pieces = cut(read, limits.max_line_bytes, is_quoted=layout.format != "jsonl", block_bytes=block_bytes)
        for piece in _without_header(pieces, layout.num_header_lines):
            if isinstance(piece, LongLine):
                rejected = [parser.reject(piece.first_line, "line_too_long", piece.head.decode(errors="replace"))]
                yield Chunk(parser.empty, rejected, payload.position())
            else:
                frame, rejected = parser.parse(piece)
                yield Chunk(frame, rejected, payload.position())


def _without_header(pieces: Iterator[Block | LongLine], num_lines: int) -> Iterator[Block | LongLine]:
    for piece in pieces:
        if piece.first_line > num_lines or isinstance(piece, LongLine):
            yield piece
            continue
        skip = num_lines - piece.first_line + 1
        start = 0
        for _ in range(min(skip, piece.num_lines)):
            start = piece.data.index(b"\n", start) + 1
        if start < len(piece.data):
            yield Block(piece.first_line + skip, piece.data[start:], piece.num_lines - skip)


class Parser:
    """What both text formats share: the frame's columns, decoding of a block, rejection."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self.headers = list(layout.headers)
        self.schema = pl.Schema(dict.fromkeys(self.headers, pl.String))
        self.empty = self.frame_of([], [])
        self.limits = limits
        self._delimiter = layout.delimiter
        self._encoding = "utf-8" if layout.encoding.startswith("utf-16") else layout.encoding
        self._is_open = layout.is_ascii  # whether the first non-ASCII block may still decide for GB18030

    def parse(self, block: Block) -> tuple[pl.DataFrame, list[Rejected]]:
        """The block's rows, and those that cannot be read."""
        data, is_clean = self._decoded(block.data)
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        if is_clean and self._is_plain(data, block.num_lines):
            frame = self._fast(data, block.first_line, block.num_lines)
            if frame is not None:
                return frame, []
        return self._exact(data.decode(errors="replace"), block.first_line, is_clean)

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Empty texts as nulls; in a table of one column an empty row is a blank line."""
        frame = frame.with_columns(pl.when(pl.col(self.headers) != "").then(pl.col(self.headers)))
        return frame.drop_nulls() if len(self.headers) == 1 else frame

    def reject(self, line: int, code: str, raw: str) -> Rejected:
        """Set a row aside."""
        return Rejected(line, code, raw[: self.limits.max_raw_chars])

    def frame_of(self, lines: list[int], rows: list[list[str | None]]) -> pl.DataFrame:
        """A chunk's frame from rows already split."""
        frame = pl.DataFrame(rows, schema=self.schema, orient="row") if rows else pl.DataFrame(schema=self.schema)
        frame = frame.insert_column(0, pl.Series(LINE, lines, dtype=pl.Int64))
        return frame.drop_nulls() if len(self.headers) == 1 else frame

    def _decoded(self, data: bytes) -> tuple[bytes, bool]:
        """(UTF-8 bytes, whether every character was valid)."""
        if self._encoding == "utf-8" and not self._is_open:
            return data, True  # polars checks the encoding itself
        if self._is_open and data.isascii():
            return data, True
        for encoding in ("utf-8", "gb18030") if self._is_open else (self._encoding,):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            self._encoding, self._is_open = encoding, False
            return text.encode(), True
        self._is_open = False
        return data.decode(self._encoding, errors="replace").encode(), False

    def _is_plain(self, data: bytes, num_lines: int) -> bool:
        """Whether the block has no NUL, no stray carriage return and no line beyond the limit."""
        if b"\0" in data or b"\r" in data:
            return False
        if len(data) - num_lines < self.limits.max_line_bytes:
            return True
        step = self.limits.max_line_bytes // 2  # a line beyond the limit covers one of these windows whole
        return all(data.find(b"\n", start, start + step) >= 0 for start in range(0, len(data) - step, step)) or (
            max(map(len, data.split(b"\n"))) < self.limits.max_line_bytes
        )

    def _line_fault(self, line: str, is_clean: bool) -> str:
        """The reason's code when the text of the line itself is bad, else ''."""
        if len(line) > self.limits.max_line_bytes // 4 and len(line.encode()) >= self.limits.max_line_bytes:
            return "line_too_long"
        if "\0" in line:
            return "nul_byte"
        return "bad_encoding" if "\ufffd" in line and not is_clean else ""

    def _fast(self, data: bytes, first_line: int, num_lines: int) -> pl.DataFrame | None:
        raise NotImplementedError

    def _exact(self, text: str, first_line: int, is_clean: bool) -> tuple[pl.DataFrame, list[Rejected]]:
        is_clean = is_clean and "\ufffd" not in text
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        numbers: list[int] = []
        rows: list[list[str | None]] = []
        rejected: list[Rejected] = []
        index = 0
        while index < len(lines):
            line = lines[index]
            used = 1
            if line.strip():
                code = self._line_fault(line, is_clean)
                cells: list[str | None] = []
                if not code:
                    cells, used, code = self._cells_at(lines, index)
                if code:
                    rejected.append(self.reject(first_line + index, code, line))
                else:
                    numbers.append(first_line + index)
                    rows.append(cells)
            index += used
        return self.frame_of(numbers, rows), rejected

    def _cells_at(self, lines: list[str], index: int) -> tuple[list[str | None], int, str]:
        """(cells, physical lines used, reason's code or '')."""
        raise NotImplementedError


class TableParser(Parser):
    """Rows of separated cells (RFC 4180 quoting)."""

    def _fast(self, data: bytes, first_line: int, num_lines: int) -> pl.DataFrame | None:
        if data.endswith(b"\n\n"):
            data = data.rstrip(b"\n") + b"\n"
            num_lines = data.count(b"\n")
        try:
            frame = pl.read_csv(data, has_header=False, schema=self.schema, separator=self._delimiter, glob=False)
        except pl.exceptions.PolarsError:
            return None
        has_quotes = b'"' in data
        num_breaks = _cell_counts(frame, "\n") if has_quotes else pl.Series([0])
        if frame.height + int(num_breaks.sum()) != num_lines or not self._is_even(data, frame, has_quotes):
            return None
        if int(num_breaks.max() or 0) >= self.limits.max_record_lines:  # type: ignore[arg-type]  # a count is a number
            return None
        lines = first_line + pl.int_range(frame.height, eager=True)
        if has_quotes:
            lines += num_breaks.cum_sum() - num_breaks
        frame = frame.insert_column(0, lines.cast(pl.Int64).alias(LINE))
        return self._filled(frame) if has_quotes or len(self.headers) == 1 else frame

    def _is_even(self, data: bytes, frame: pl.DataFrame, has_quotes: bool) -> bool:
        """Whether every row has all its separators: polars fills short rows silently, the count does not lie."""
        num_expected = frame.height * (len(self.headers) - 1)
        if has_quotes:
            num_expected += int(_cell_counts(frame, self._delimiter).sum())
        return count_byte(data, self._delimiter.encode()) == num_expected

    def _cells_at(self, lines: list[str], index: int) -> tuple[list[str | None], int, str]:
        line, used = lines[index], 1
        if '"' in line:
            found = self._quoted_cells(lines, index)
            if isinstance(found, str):
                return [], 1, found
            texts, used = found
        else:
            texts = line.split(self._delimiter)
        num_extra = len(texts) - len(self.headers)
        if num_extra < 0 or any(texts[len(self.headers) :]):
            code = "too_few_cells" if num_extra < 0 else "too_many_cells"
            return [], 1, code if used == 1 else "unclosed_quote"
        return [text or None for text in texts[: len(self.headers)]], used, ""

    def _quoted_cells(self, lines: list[str], index: int) -> tuple[list[str], int] | str:
        """(cells, physical lines used) of the row that starts here, or the reason's code.

        A row over several lines must be quoted without fault: a stray quote would otherwise swallow its neighbours.
        """
        rows = _Feed(lines, index, self.limits.max_record_lines)
        try:
            cells = next(csv.reader(rows, delimiter=self._delimiter, strict=True))
        except csv.Error:
            pass
        else:
            return cells, rows.num_used
        alone = _Feed(lines, index, 1)
        try:
            cells = next(csv.reader(alone, delimiter=self._delimiter))
        except csv.Error:
            return "malformed_row"
        return "unclosed_quote" if alone.is_exhausted else (cells, 1)


class _Feed:
    """Lines for the csv reader, one row's worth; remembers whether more were asked for than there are."""

    def __init__(self, lines: list[str], start: int, limit: int) -> None:
        self._lines = lines
        self._start = start
        self._limit = limit
        self.num_used = 0
        self.is_exhausted = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        at = self._start + self.num_used
        if self.num_used >= self._limit or at >= len(self._lines):
            self.is_exhausted = True
            raise StopIteration
        self.num_used += 1
        return self._lines[at] + "\n"


class JsonParser(Parser):
    """One JSON object per line; nested values are kept as JSON text, unknown keys are left out."""

    def _fast(self, data: bytes, first_line: int, num_lines: int) -> pl.DataFrame | None:
        if data.startswith(b"\n") or b"\n\n" in data or b"\\u0000" in data:
            return None
        try:
            frame = pl.read_ndjson(data, schema=self.schema)
        except pl.exceptions.PolarsError:
            return None
        if frame.height != num_lines:
            return None
        lines = pl.int_range(first_line, first_line + frame.height, eager=True)
        return self._filled(frame.insert_column(0, lines.alias(LINE)))

    def _cells_at(self, lines: list[str], index: int) -> tuple[list[str | None], int, str]:
        try:
            row = json.loads(lines[index])
        except (ValueError, RecursionError):
            return [], 1, "bad_json"
        if not isinstance(row, dict):
            return [], 1, "bad_json"
        cells = [_json_text(row.get(name)) for name in self.headers]
        if any("\0" in cell or not _is_encodable(cell) for cell in cells if cell):
            return [], 1, "nul_byte" if any("\0" in cell for cell in cells if cell) else "bad_encoding"
        return cells, 1, ""


def _json_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def _is_encodable(text: str) -> bool:
    """False for text with half a surrogate pair, which JSON can spell and no database stores."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _cell_counts(frame: pl.DataFrame, text: str) -> pl.Series:
    """How often `text` stands inside the cells of each row."""
    counts = [pl.col(name).str.count_matches(text, literal=True).fill_null(0) for name in frame.columns]
    return frame.select(pl.sum_horizontal(counts).cast(pl.Int64).alias("n"))["n"]


def _decode_spreadsheet(path: Path, layout: Layout, limits: Limits) -> Iterator[Chunk]:
    check_spreadsheet(path, limits)
    parser = Parser(layout, limits)
    size, num_columns = path.stat().st_size, len(layout.headers)
    numbers: list[int] = []
    rows: list[list[str | None]] = []
    rejected: list[Rejected] = []
    for line, cells in iterate_spreadsheet(path):
        if line <= layout.num_header_lines:
            continue
        if len(cells) > num_columns:
            rejected.append(parser.reject(line, "too_many_cells", ",".join(cell or "" for cell in cells)))
        else:
            numbers.append(line)
            rows.append(cells + [None] * (num_columns - len(cells)))
        if len(rows) + len(rejected) >= _SPREADSHEET_ROWS:
            yield Chunk(parser.frame_of(numbers, rows), rejected, size // 2)
            numbers, rows, rejected = [], [], []
    yield Chunk(parser.frame_of(numbers, rows), rejected, size)
