"""Every way a file may be written, well or badly, and what comes out: exact rows, exact faults, bounded memory."""

import csv
import gzip
import io
import json
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import problems
from audience.archives import Limits
from audience.decoding import decode
from audience.layouts import LINE, Layout, detect

PLAIN = "用户,文章,动作,时间\nu1,a1,阅读,2026-11-24 12:00\nu2,a2,点赞,2026-11-24 12:01\n"
ROWS = [
    {LINE: 2, "用户": "u1", "文章": "a1", "动作": "阅读", "时间": "2026-11-24 12:00"},
    {LINE: 3, "用户": "u2", "文章": "a2", "动作": "点赞", "时间": "2026-11-24 12:01"},
]


@pytest.fixture
def stored(tmp_path):
    """`stored(content)` puts the bytes where uploads lie: under a name that says nothing."""

    def store(content: bytes | str) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return store


def read(path: Path, layout: Layout | None = None, **options):
    """(rows as dicts, rejected as (line, code))."""
    rows, rejected = [], []
    for chunk in decode(path, layout or detect(path), **options):
        rows += chunk.frame.to_dicts()
        rejected += [(row.line, row.code) for row in chunk.rejected]
    return rows, rejected


def zipped(members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def workbook(rows, **sheets) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


GOOD_FILES = {
    "utf-8": PLAIN.encode(),
    "utf-8 with mark": PLAIN.encode("utf-8-sig"),
    "gb18030": PLAIN.encode("gb18030"),
    "utf-16 little endian": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
    "utf-16 big endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "utf-16 without mark": PLAIN.encode("utf-16-le"),
    "crlf": PLAIN.replace("\n", "\r\n").encode(),
    "old mac": PLAIN.replace("\n", "\r").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "pipes": PLAIN.replace(",", "|").encode(),
    "no line end at the end": PLAIN.rstrip("\n").encode(),
    "blank lines at the end": (PLAIN + "\n\n\n").encode(),
    "quoted": PLAIN.replace("用户", '"用户"')
    .replace("u1", '"u1"')
    .replace("12:01", '12:01"')
    .replace("赞,", '赞,"')
    .encode(),
    "padded headers": PLAIN.replace("用户,文章", " 用户 , 文章").encode(),
    "trailing separators in rows": PLAIN.replace("12:00\n", "12:00,,\n").encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "gzip of two members": gzip.compress(PLAIN[:40].encode()) + gzip.compress(PLAIN[40:].encode()),
    "zip": zipped({"数据.csv": PLAIN.encode(), "__MACOSX/._数据.csv": b"clutter"}),
    "zip of gb18030": zipped({"folder/data.csv": PLAIN.encode("gb18030")}),
    "json lines": "".join(
        json.dumps({"用户": u, "文章": a, "动作": k, "时间": t}, ensure_ascii=False) + "\n"
        for u, a, k, t in [("u1", "a1", "阅读", "2026-11-24 12:00"), ("u2", "a2", "点赞", "2026-11-24 12:01")]
    ).encode(),
    "xlsx": workbook([line.split(",") for line in PLAIN.splitlines()]),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_each_way_of_writing_gives_the_same_rows(stored, name):
    rows, rejected = read(stored(GOOD_FILES[name]))
    first_line = 1 if name == "json lines" else 2
    assert rows == [row | {LINE: first_line + index} for index, row in enumerate(ROWS)]
    assert rejected == []


BAD_ROWS = {
    "short row": (b"a,b,c\n1,2,3\n4,5\n7,8,9\n", [(3, "too_few_cells")]),
    "long row": (b"a,b,c\n1,2,3\n4,5,6,7\n7,8,9\n", [(3, "too_many_cells")]),
    "short beside long": (b"a,b,c\n1,2\n1,2,3,4\n1,2,3\n7,8,9\n", [(2, "too_few_cells"), (3, "too_many_cells")]),
    "nul": (b"a,b,c\n1,2,3\n4,\0,6\n7,8,9\n", [(3, "nul_byte")]),
    "odd bytes in utf-8": ("a,b,c\n一,二,三\n".encode() * 40 + b"4,\xff\xfe,6\n", [(81, "bad_encoding")]),
    "odd bytes in gb18030": ("甲,乙,丙\n一,二,三\n".encode("gb18030") * 40 + b"4,\xff,6\n", [(81, "bad_encoding")]),
    "quote never closed": (b'a,b,c\n1,2,3\n4,"5,6\n7,8,9\n10,11,12\n', [(3, "unclosed_quote")]),
    "quote closed by a neighbour": (b'a,b,c\n4,5,"6\n7,8,9\n10,11,"12"\n', [(2, "unclosed_quote")]),
    "quote closed too early": (b'a,b,c\n1,"2\n3"x,4\n5,6,7\n', [(2, "unclosed_quote"), (3, "too_few_cells")]),
    "json": (b'{"a":1}\n{"a":\n[1]\n7\n{"a":2}\n', [(2, "bad_json"), (3, "bad_json"), (4, "bad_json")]),
    "json that spells NUL and half a character": (
        b'{"a":"x"}\n{"a":"\\u0000"}\n{"a":"\\ud800"}\n',
        [(2, "nul_byte"), (3, "bad_encoding")],
    ),
    "deep json": (b'{"a":1}\n' + b"[" * 200_000 + b"\n", [(2, "bad_json")]),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_set_aside_alone(stored, name):
    content, expected = BAD_ROWS[name]
    path = stored(content)
    rows, rejected = read(path)
    assert rejected == expected
    num_lines = content.rstrip(b"\n").count(b"\n") + 1 - detect(path).num_header_lines
    assert len(rows) == num_lines - len(expected)


@pytest.mark.parametrize("block_bytes", [3, 7, 64, 1 << 20])
def test_a_stray_quote_inside_text_is_text(stored, block_bytes):
    rows, rejected = read(stored('name,size\nTV,5" screen\nRadio,7" wide\nPhone,x\n'), block_bytes=block_bytes)
    assert ([row["size"] for row in rows], rejected) == (['5" screen', '7" wide', "x"], [])


def test_line_numbers_count_physical_lines(stored):
    rows, rejected = read(stored('a,b\n1,"x\ny\nz"\n2,"p, ""q"""\n\n3,r\n4\n5,t\n'))
    assert rows == [
        {LINE: 2, "a": "1", "b": "x\ny\nz"},
        {LINE: 5, "a": "2", "b": 'p, "q"'},
        {LINE: 7, "a": "3", "b": "r"},
        {LINE: 9, "a": "5", "b": "t"},
    ]
    assert rejected == [(8, "too_few_cells")]


def test_empty_cells_are_null_however_they_are_written(stored):
    rows, _rejected = read(stored('a,b,c\n"",,x\n'))
    assert rows == [{LINE: 2, "a": None, "b": None, "c": "x"}]


def test_chinese_that_starts_after_an_ascii_sample_decides_the_encoding(stored):
    ascii_part = "user,text\n" + "u1,plain\n" * 150_000
    path = stored(ascii_part.encode() + "u2,很好\n".encode("gb18030"))
    rows, rejected = read(path)
    assert (rows[-1]["text"], len(rows), rejected) == ("很好", 150_001, [])


def test_typed_headers_lose_their_types(stored):
    layout = detect(stored("user_id:token\titem_id:token\ttimestamp:float\n1\t2\t881250949\n"))
    assert (layout.headers, layout.types) == (("user_id", "item_id", "timestamp"), ("token", "token", "float"))


def test_a_file_of_numbers_without_header_gets_column_names(stored):
    rows, _rejected = read(stored("1,10\n2,20\n"))
    assert rows == [{LINE: 1, "column_1": "1", "column_2": "10"}, {LINE: 2, "column_1": "2", "column_2": "20"}]


def test_one_column_is_a_table_too(stored):
    rows, _rejected = read(stored("openid\noAbc\n\noDef\n"))
    assert rows == [{LINE: 2, "openid": "oAbc"}, {LINE: 4, "openid": "oDef"}]


def test_json_values_become_text(stored):
    content = '{"id":7,"price":2.50,"tags":["x","y"],"ok":true}\n{"id":8.0,"price":null,"unknown":1}\n'
    rows, _rejected = read(stored(content))
    assert [(row["id"], row["price"], row["tags"]) for row in rows] == [("7", "2.5", '["x", "y"]'), ("8", None, None)]


def test_spreadsheet_cells_read_as_people_see_them(stored):
    import datetime as dt

    table = [["id", "at", "n", "ok"], [7.0, dt.datetime(2026, 11, 24, 12), 2.5, True], [], ["x", dt.date(2026, 1, 2)]]
    rows, rejected = read(stored(workbook(table, second=[["other"]])))
    assert rows == [
        {LINE: 2, "id": "7", "at": "2026-11-24 12:00:00", "n": "2.5", "ok": "1"},
        {LINE: 4, "id": "x", "at": "2026-01-02 00:00:00", "n": None, "ok": None},
    ]
    assert rejected == []


BAD_FILES = {
    "empty": (b"", problems.EmptyFile),
    "blank": (b"\n \n", problems.EmptyFile),
    "gzip of nothing": (gzip.compress(b""), problems.EmptyFile),
    "header only": (b"a,b,c\n\n", problems.NoRows),
    "xlsx with header only": (workbook([["a", "b"]]), problems.NoRows),
    "xlsx with nothing": (workbook([]), problems.EmptyFile),
    "same header twice": ("用户,动作,用户\n1,2,3\n".encode(), problems.DuplicateHeader),
    "reserved header": (f"a,{LINE}\n1,2\n".encode(), problems.DuplicateHeader),
    "too many columns": (b",".join(b"c%d" % n for n in range(501)) + b"\n1\n", problems.TooManyColumns),
    "json array": (b'[\n{"a": 1},\n{"a": 2}\n]\n', problems.JsonNotLines),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), problems.NotATable),
    "html saved as xls": (b"<html><table><tr><td>a</td></tr></table>", problems.NotATable),
    "pdf": (b"%PDF-1.7\n...", problems.NotATable),
    "latin-1": ("nom,prénom\n" * 20).encode("latin-1").replace(b"\xe9", b"\xe9\xe8\xe0,"),
    "random bytes": bytes((index * 151 + 7) % 251 + 4 for index in range(4000)),
    "utf-32": "a,b\n1,2\n".encode("utf-32"),
    "cut gzip": (gzip.compress(PLAIN.encode() * 500)[:-30], problems.ArchiveDamaged),
    "cut zip": (zipped({"a.csv": PLAIN.encode() * 50})[:-40], problems.ArchiveDamaged),
    "zip in zip": (zipped({"a.zip": zipped({"b.csv": b"a\n1\n"})}), problems.ArchiveNested),
    "gzip in gzip": (gzip.compress(gzip.compress(b"a\n1\n")), problems.ArchiveNested),
    "xlsx in zip": (zipped({"a.xlsx": workbook([["a"], [1]])}), problems.ArchiveNested),
    "two files in zip": (zipped({"a.csv": b"a\n1\n", "b.csv": b"a\n1\n"}), problems.ArchiveNotOneFile),
    "nothing in zip": (zipped({"folder/": b""}), problems.ArchiveNotOneFile),
    "traversal": (zipped({"../../etc/passwd.csv": b"a\n1\n"}), problems.ArchiveUnsafe),
    "backslash traversal": (zipped({"..\\x.csv": b"a\n1\n"}), problems.ArchiveUnsafe),
    "absolute path": (zipped({"/x.csv": b"a\n1\n"}), problems.ArchiveUnsafe),
    "lzma zip": (zipped({"a.csv": b"a\n1\n"}, zipfile.ZIP_LZMA), problems.ArchiveUnsupported),
    "xlsx that is none": (zipped({"[Content_Types].xml": b"<a/>"}), problems.SpreadsheetDamaged),
    "xlsx with entities": (
        zipped({"[Content_Types].xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
        problems.ArchiveUnsafe,
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_by_name(stored, name):
    case = BAD_FILES[name]
    content, expected = case if isinstance(case, tuple) else (case, problems.UnknownEncoding)
    with pytest.raises(expected) as caught:
        detect(stored(content))
    assert "%(" not in str(caught.value)


def test_a_link_in_a_zip_is_refused(stored):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("data.csv")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(problems.ArchiveUnsafe):
        detect(stored(buffer.getvalue()))


def test_an_encrypted_zip_is_refused(stored):
    content = bytearray(zipped({"a.csv": b"a\n1\n"}))
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(problems.ArchiveEncrypted):
        detect(stored(bytes(content)))


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"a.csv": data})])
def test_a_bomb_is_refused_while_it_unpacks(stored, pack):
    path = stored(pack(b"a,b\n" + (b"1," + b"2" * 500 + b"\n") * 80_000))
    with pytest.raises(problems.ArchiveBomb):
        read(path)


def test_a_spreadsheet_bomb_is_refused_before_it_unpacks(stored):
    path = stored(zipped({"[Content_Types].xml": b"<a/>", "xl/sharedStrings.xml": b"<a>" + bytes(40_000_000)}))
    with pytest.raises(problems.ArchiveBomb):
        detect(path)


def test_unpacking_stops_at_the_absolute_limit(stored):
    path = stored(gzip.compress(PLAIN.encode() * 1000))
    with pytest.raises(problems.ArchiveBomb):
        read(path, limits=Limits(max_unpacked_bytes=10_000))


def test_a_line_of_one_gigabyte_is_refused_in_bounded_memory(tmp_path):
    path = tmp_path / "upload"
    with path.open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.seek(1 << 30, io.SEEK_CUR)  # a hole reads as a gigabyte without a line end
        file.write(b"\n3,4\n")
    tracemalloc.start()
    try:
        rows, rejected = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row["a"] for row in rows] == ["1", "3"]
    assert rejected == [(3, "line_too_long")]
    assert peak < 64 << 20


def test_a_first_line_without_end_is_refused(stored):
    with pytest.raises(problems.HeaderTooLong):
        detect(stored(b"x" * (3 << 20)))


def test_a_long_line_inside_a_block_is_refused_like_one_beyond_it(stored):
    content = b"a,b\n1,2\n3," + b"x" * (2 << 20) + b"\n5,6\n"
    rows, rejected = read(stored(content))
    assert ([row["a"] for row in rows], rejected) == (["1", "5"], [(3, "line_too_long")])


def test_the_raw_text_of_a_rejected_row_is_cut(stored):
    path = stored("a,b\n1,2\n" + "x" * 5000 + "\n")
    chunk = next(decode(path, detect(path)))
    assert chunk.rejected[0].raw == "x" * 300


def test_the_user_may_overrule_the_layout(stored):
    path = stored("a,b\n1;2,3;4\n")
    layout = replace(detect(path), delimiter=";", headers=("x", "y", "z"), num_header_lines=1)
    assert read(path, layout)[0] == [{LINE: 2, "x": "1", "y": "2,3", "z": "4"}]
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


def test_plain_blocks_are_read_at_memory_speed(stored):
    path = stored("user,item,at\n" + "u123456,item-42,2026-11-24 12:00:00\n" * 400_000)
    started = time.process_time()
    rows = sum(chunk.frame.height for chunk in decode(path, detect(path)))
    assert rows == 400_000
    assert time.process_time() - started < 2  # line by line it takes several times as long


cells = st.text(alphabet=st.sampled_from("ab1 ,\"\n\t;|好\r'="), max_size=8)


@settings(max_examples=150, deadline=None)
@given(table=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=12), block_bytes=st.integers(4, 80))
def test_what_a_csv_writer_writes_comes_back(tmp_path_factory, table, block_bytes):
    path = tmp_path_factory.mktemp("fuzz") / "upload"
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["x", "y", "z"], *table])
    layout = Layout("csv", ("x", "y", "z"))
    rows, rejected = read(path, layout, block_bytes=block_bytes)
    expected = [tuple(cell.replace("\r\n", "\n") or None for cell in row) for row in table]
    assert [(row["x"], row["y"], row["z"]) for row in rows] == expected
    assert rejected == []


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=400) | st.text(alphabet='ab,"\n\0\r;{}[]:1好', max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "upload"
    path.write_bytes(content)
    try:
        layout = detect(path)
    except problems.UnreadableFile:
        return
    rows, rejected = read(path, layout)
    lines = [row[LINE] for row in rows] + [line for line, _code in rejected]
    assert len(lines) == len(set(lines))
    assert all(layout.num_header_lines < line for line in lines)
