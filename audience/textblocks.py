"""Cut a byte stream into blocks that end where a row ends, in bounded memory whatever the lines are like.

Stage: collect. Reads: unpacked bytes. Writes: nothing.
"""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

BLOCK_BYTES = 4 << 20

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Block:
    """Whole lines, each ended by a line feed; `first_line` counts from 1."""

    first_line: int
    data: bytes
    num_lines: int


@dataclass(frozen=True)
class LongLine:
    """A line beyond the limit: its number and its beginning. The rest was skipped."""

    first_line: int
    head: bytes


def as_utf8(read: Read, encoding: str, newline: str, num_bom_bytes: int) -> Read:
    """The stream without its byte order mark, UTF-16 turned to UTF-8, and old Mac line ends to line feeds.

    UTF-8 and GB18030 pass as they are: in both a line feed byte is always a line feed.
    """
    if num_bom_bytes:
        read(num_bom_bytes)
    if encoding.startswith("utf-16"):
        read = _transcoded(read, encoding)
    if newline == "\r":
        return lambda num_bytes: read(num_bytes).replace(b"\r", b"\n")
    return read


def _transcoded(read: Read, encoding: str) -> Read:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read_utf8(num_bytes: int) -> bytes:
        while True:
            data = read(num_bytes)
            text = decoder.decode(data, final=not data)
            if text or not data:
                return text.encode()

    return read_utf8


def cut(
    read: Read, max_line_bytes: int, *, is_quoted: bool, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block | LongLine]:
    """Blocks of about `block_bytes`; with `is_quoted` a block does not end inside an open double quote."""
    line, carry = 1, b""
    while data := read(block_bytes):
        data = carry + data
        end = _last_row_end(data, max_line_bytes) if is_quoted else data.rfind(b"\n") + 1
        if end:
            carry = data[end:]
            rows = data[:end]
            block = Block(line, rows, count_byte(rows, b"\n"))
            line += block.num_lines
            yield block
        elif len(data) > max_line_bytes:
            carry = _skip_line(read)
            yield LongLine(line, data[:4096])
            line += 1
        else:
            carry = data
    if carry:
        yield Block(line, carry + b"\n", 1 + carry.count(b"\n"))


def count_byte(data: bytes, byte: bytes) -> int:
    """How often one byte occurs; for one that is frequent many times faster than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte[0]))


def _skip_line(read: Read) -> bytes:
    """Read to the end of the line; returns what follows it in the last piece read."""
    while data := read(1 << 20):
        end = data.find(b"\n")
        if end >= 0:
            return data[end + 1 :]
    return b""


def _last_row_end(data: bytes, max_row_bytes: int) -> int:
    """The end of the last line at which the double quotes seen so far are balanced.

    Looks back `max_row_bytes` at most. When there is no such line: 0 while the row may still end in what follows, else
    (a quote that is never closed) the end of the last line.
    """
    last = data.rfind(b"\n") + 1
    if count_byte(data[:last], b'"') % 2 == 0:
        return last
    end, num_quotes = last, 0
    while end > 0 and last - end <= max_row_bytes:
        start = data.rfind(b"\n", 0, end - 1) + 1
        num_quotes += data.count(b'"', start, end)
        if num_quotes % 2 and start:
            return start
        end = start
    return 0 if len(data) <= max_row_bytes else last
