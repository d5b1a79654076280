"""Find out how an uploaded file is written: packing, encoding, separator, header.

Stage: collect. Reads: the first megabyte of a stored upload. Writes: a `Layout` (plain data, kept on the import).
"""

import codecs
import csv
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from audience.archives import LIMITS, Limits, compression_of, only_member, open_payload, refuse_nested
from audience.problems import (
    DuplicateHeader,
    EmptyFile,
    HeaderTooLong,
    JsonNotLines,
    NoRows,
    NotATable,
    TooManyColumns,
    UnknownEncoding,
)
from audience.spreadsheets import read_spreadsheet_head

LINE = "__line__"
"""The column of decoded frames that holds the line number in the file."""

_SAMPLE_BYTES = 1 << 20
_SAMPLE_ROWS = 200
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DELIMITERS = (",", "\t", ";", "|")
_TYPED_HEADER = re.compile(r"(.+):(token|float|token_seq|float_seq)$")
_NUMBER = re.compile(r"\s*[+-]?[\d.,:eE+-]*\d\s*$")
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "XLS"),
    (b"%PDF", "PDF"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "RAR"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
)

csv.field_size_limit(LIMITS.max_line_bytes)


@dataclass(frozen=True)
class Layout:
    """How a file is written. Everything may be corrected by the user before the import runs."""

    format: str  # csv, tsv, jsonl or xlsx; tsv is csv with tabs
    headers: tuple[str, ...]
    compression: str = ""  # "", gzip or zip
    member: str = ""  # of a zip
    encoding: str = "utf-8"  # utf-8, gb18030, utf-16-le or utf-16-be
    num_bom_bytes: int = 0
    delimiter: str = ","
    newline: str = "\n"  # "\r" for old Mac files
    num_header_lines: int = 1  # physical lines up to and with the header
    types: tuple[str, ...] = ()  # of typed headers such as `user_id:token`
    is_ascii: bool = False  # the sample was pure ASCII, so the encoding is still open

    def to_json(self) -> dict[str, Any]:
        """Plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The layout stored by `to_json`."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**fields)


def detect(path: Path, limits: Limits = LIMITS, *, encoding: str = "", delimiter: str = "") -> Layout:
    """The layout of a stored file; raises a named `UnreadableFile`.

    Everything follows from the content; `encoding` and `delimiter` (of text files) overrule what it suggests.
    """
    if not path.stat().st_size:
        raise EmptyFile
    compression = compression_of(path)
    if compression == "xlsx":
        line, cells, has_more = read_spreadsheet_head(path, limits)
        if not has_more:
            raise NoRows
        headers, types = _clean_headers(cells, limits)
        return Layout("xlsx", headers, types=types, num_header_lines=line)
    member = only_member(path) if compression == "zip" else ""
    with open_payload(path, compression, member, limits) as payload:
        sample = payload.read(_SAMPLE_BYTES)
        while 0 < len(sample) < _SAMPLE_BYTES and (more := payload.read(_SAMPLE_BYTES - len(sample))):
            sample += more
        is_whole = not payload.read(1)
    if compression:
        refuse_nested(sample)
    wishes = {"encoding": encoding, "delimiter": delimiter}
    return _detect_text(sample, is_whole, limits, wishes, compression=compression, member=member)


def _detect_text(sample: bytes, is_whole: bool, limits: Limits, wishes: dict[str, str], **packing: Any) -> Layout:
    _refuse_foreign(sample)
    encoding, num_bom_bytes, text = _decode_sample(sample, is_whole, wishes["encoding"])
    newline = "\r" if "\r" in text and "\n" not in text else "\n"
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if not text.strip():
        raise EmptyFile
    common: dict[str, Any] = {
        "encoding": encoding,
        "num_bom_bytes": num_bom_bytes,
        "newline": newline,
        "is_ascii": encoding == "utf-8" and not num_bom_bytes and text.isascii() and not wishes["encoding"],
        **packing,
    }
    if text.lstrip()[0] == "[":
        raise JsonNotLines
    if text.lstrip()[0] == "{":
        return Layout("jsonl", _json_headers(text, is_whole, limits), num_header_lines=0, delimiter="", **common)
    return _detect_table(text, is_whole, limits, wishes["delimiter"], common)


def _refuse_foreign(sample: bytes) -> None:
    for magic, name in _FOREIGN:
        if sample.startswith(magic):
            raise NotATable(found=name)
    start = sample[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype", b"<?xml", b"<table")):
        raise NotATable(found="HTML/XML")


def _decode_sample(sample: bytes, is_whole: bool, wanted: str) -> tuple[str, int, str]:
    """(encoding, bytes of the byte order mark, text); the encoding is the wanted one or follows from the content."""
    if not sample:
        raise EmptyFile
    if wanted:
        num_bom_bytes = sum(len(bom) for bom, name in _BOMS if name == wanted and sample.startswith(bom))
        return wanted, num_bom_bytes, _decode(sample[num_bom_bytes:], wanted, is_whole)
    if sample.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise UnknownEncoding(offset=0)
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name, len(bom), _decode(sample[len(bom) :], name, is_whole)
    if wide := _wide_encoding(sample):
        return wide, 0, _decode(sample, wide, is_whole)
    return _narrow_encoding(sample, is_whole)


def _decode(data: bytes, encoding: str, is_whole: bool) -> str:
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(data, final=is_whole)


def _wide_encoding(sample: bytes) -> str:
    """UTF-16 without a mark shows as many NULs on one side of each byte pair and hardly any on the other."""
    head = sample[:8192]
    half = max(len(head) // 2, 1)
    high, low = head[0::2].count(0) / half, head[1::2].count(0) / half
    if low > 0.1 and high < 0.01:
        return "utf-16-le"
    return "utf-16-be" if high > 0.1 and low < 0.01 else ""


def _narrow_encoding(sample: bytes, is_whole: bool) -> tuple[str, int, str]:
    text = _decode(sample, "utf-8", is_whole)
    num_wrong = text.count("\ufffd")
    if not num_wrong or _num_wide(text) - num_wrong > 5 * num_wrong:
        return "utf-8", 0, text  # a few rows may be broken: they are set aside one by one
    chinese = _decode(sample, "gb18030", is_whole)
    num_wide = _num_wide(chinese)
    if chinese.count("\ufffd") <= num_wide * 0.02 and _num_chinese(chinese) >= num_wide * 0.7:
        return "gb18030", 0, chinese
    if num_wrong <= 3 and num_wrong < sample.count(b"\n") / 10:
        return "utf-8", 0, text
    raise UnknownEncoding(offset=len(text[: text.index("\ufffd")].encode()))


def _num_wide(text: str) -> int:
    return sum(character > "\x7f" for character in text)


def _num_chinese(text: str) -> int:
    return sum("\u3000" <= c <= "\u303f" or "\u4e00" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in text)


def _json_headers(text: str, is_whole: bool, limits: Limits) -> tuple[str, ...]:
    lines = [line for line in _complete_lines(text, is_whole) if line.strip()]
    names: dict[str, None] = {}
    num_objects = 0
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            num_objects += 1
            names |= dict.fromkeys(row)
    if not num_objects:
        raise JsonNotLines
    headers = tuple(names)
    _check_headers(headers, limits)
    return headers


def _complete_lines(text: str, is_whole: bool) -> list[str]:
    """The lines of the sample, without a last one that may be cut off."""
    lines = text.split("\n")
    return lines if is_whole or len(lines) == 1 else lines[:-1]


def _detect_table(text: str, is_whole: bool, limits: Limits, wanted: str, common: dict[str, Any]) -> Layout:
    lines = _complete_lines(text, is_whole)
    if (len(lines) == 1 and not is_whole) or len(next((line for line in lines if line), "")) > limits.max_line_bytes:
        raise HeaderTooLong(limit=limits.max_line_bytes)
    delimiter = wanted or _delimiter(lines)
    first = next(index for index, line in enumerate(lines) if line.strip())
    reader = csv.reader((line + "\n" for line in lines[first:]), delimiter=delimiter)
    cells = next(reader)
    has_header = not all(_NUMBER.match(cell) for cell in cells)
    num_header_lines = first + reader.line_num if has_header else first
    headers, types = _clean_headers(cells if has_header else [""] * len(cells), limits)
    if is_whole and not any(line.strip() for line in lines[num_header_lines:]):
        raise NoRows
    kind = "tsv" if delimiter == "\t" else "csv"
    return Layout(kind, headers, delimiter=delimiter, num_header_lines=num_header_lines, types=types, **common)


def _delimiter(lines: list[str]) -> str:
    """The separator under which the most rows have as many cells as the first; ties go to more cells."""
    sample = [line + "\n" for line in lines if line.strip()][:_SAMPLE_ROWS]
    return max(_DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(lines: list[str], delimiter: str) -> tuple[float, int]:
    counts = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
    num_columns = counts[0]
    if num_columns < 2:
        return 0.0, 0
    return round(Counter(counts)[num_columns] / len(counts), 1), num_columns


def _clean_headers(cells: list[str], limits: Limits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names, types): names without blanks and type suffixes; an empty name becomes `column_N`."""
    typed = [_TYPED_HEADER.match(cell.strip()) for cell in cells]
    if cells and all(typed):
        names = [match[1] for match in typed if match]
        types = tuple(match[2] for match in typed if match)
    else:
        names, types = [cell.strip().replace("\0", "") for cell in cells], tuple[str, ...]()
    headers = tuple(name or f"column_{index + 1}" for index, name in enumerate(names))
    _check_headers(headers, limits)
    return headers, types


def _check_headers(headers: tuple[str, ...], limits: Limits) -> None:
    if len(headers) > limits.max_columns:
        raise TooManyColumns(found=len(headers), limit=limits.max_columns)
    twice = [name for name, count in Counter([*headers, LINE]).items() if count > 1]
    if twice:
        raise DuplicateHeader(names=", ".join(name[:60] for name in twice[:5]))
