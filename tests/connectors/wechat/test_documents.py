"""XML and JSON of pushes: read exactly, and nothing an attacker likes."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.wechat.documents import MAX_BYTES, MAX_DEPTH, MAX_NODES, read_document, read_json, read_xml, write_xml
from connectors.wechat.errors import BadPush

TEXT = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)
NAME = st.from_regex(r"[A-Z][A-Za-z]{0,8}", fullmatch=True)


def test_repeated_elements_become_a_list_and_empty_ones_empty_text() -> None:
    body = "<xml><A><![CDATA[1 < 2 & 好]]></A><B><item><C>x</C></item><item><C>y</C></item></B><D/> </xml>"
    assert read_xml(body.encode()) == {"A": "1 < 2 & 好", "B": {"item": [{"C": "x"}, {"C": "y"}]}, "D": ""}


def test_either_format_is_known_by_its_first_character() -> None:
    assert read_document(b' {"MsgId": 12345678901234567890, "Latitude": 1.5}') == {
        "MsgId": 12345678901234567890,
        "Latitude": 1.5,
    }
    assert read_document(b" <xml><A>1</A></xml>") == {"A": "1"}


@given(st.dictionaries(NAME, st.one_of(TEXT.filter(lambda text: "\r" not in text), st.integers()), min_size=1))
@settings(max_examples=100, deadline=None)
def test_what_is_written_as_xml_is_read_again(document: dict[str, str | int]) -> None:
    assert read_xml(write_xml(document)) == {name: str(value) for name, value in document.items()}


def test_the_end_of_cdata_and_control_characters_cannot_break_out() -> None:
    hostile = "]]></Content><Admin>1</Admin><![CDATA[\0\x1b"
    assert read_xml(write_xml({"Content": hostile})) == {"Content": "]]></Content><Admin>1</Admin><![CDATA["}


BOMBS = {
    "laughs": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><xml><A>&b;</A></xml>',
    "quadratic": b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 50_000 + b'">]><xml><A>' + b"&a;" * 50_000 + b"</A></xml>",
    "file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><A>&a;</A></xml>',
    "dtd elsewhere": b'<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><xml><A>1</A></xml>',
    "bare doctype": b"<!DOCTYPE xml><xml><A>1</A></xml>",
    "parameter entity": b"<!DOCTYPE x [<!ENTITY % p \"<!ENTITY q '1'>\">%p;]><xml><A>1</A></xml>",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_any_doctype_is_refused(body: bytes) -> None:
    with pytest.raises(BadPush, match="document type"):
        read_document(body)


BROKEN = {
    "unknown entity": b"<xml><A>&x;</A></xml>",
    "half": b"<xml><A>1",
    "two tops": b"<xml><A>1</A></xml><xml/>",
    "not utf-8": b"<xml><A>\xff\xfe</A></xml>",
    "utf-16": "<xml><A>1</A></xml>".encode("utf-16"),
    "nothing": b"",
    "text": b"success",
    "only text": b"<xml>hello</xml>",
    "empty": b"<xml/>",
    "nul": b"<xml><A>\0</A></xml>",
    "json array": b'[{"A":1}]',
    "nan": b'{"A": NaN}',
    "infinity": b'{"A": [-Infinity]}',
    "half json": b'{"A": 1',
    "json not utf-8": b'{"A": "\xff"}',
    "endless number": b'{"A": ' + b"9" * 5000 + b"}",
    "after it": b'{"A": 1} x',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused(body: bytes) -> None:
    with pytest.raises(BadPush):
        read_document(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 50_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for body in (b"<a>" * depth + b"1" + b"</a>" * depth, b'{"a":' * depth + b"1" + b"}" * depth,
                 b'{"a":' + b"[" * depth + b"]" * depth + b"}"):  # fmt: skip
        with pytest.raises(BadPush):
            read_document(body)


def test_nesting_up_to_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert read_json(b'{"a":' * depth + b"1" + b"}" * depth)
    assert read_xml(b"<a>" * depth + b"1" + b"</a>" * depth)


def test_huge_bodies_and_too_many_parts_are_refused() -> None:
    with pytest.raises(BadPush, match="larger than"):
        read_document(b"<xml><A>" + b"a" * MAX_BYTES + b"</A></xml>")
    with pytest.raises(BadPush, match="too many parts"):
        read_document(b"<xml>" + b"<A/>" * MAX_NODES + b"</xml>")
    with pytest.raises(BadPush, match="too many parts"):
        read_document(json.dumps({"a": [0] * MAX_NODES}).encode())


def test_text_no_database_can_keep_is_mended() -> None:
    body = rb'{"A": "a\u0000b", "B\u0000": ["\ud800", "\ud83d\ude00"], "C": {"D": "\udfff!"}}'
    assert read_json(body) == {"A": "ab", "B": ["\ufffd", "😀"], "C": {"D": "\ufffd!"}}


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(BadPush):
        assert isinstance(read_document(body), dict)
