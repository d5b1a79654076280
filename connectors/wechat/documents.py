"""Read the XML and JSON of pushes into nested dicts of strings and numbers, refusing what no push of WeChat holds.

Refused: any DOCTYPE (and with it every entity), more than MAX_BYTES, deeper nesting than MAX_DEPTH, more than MAX_NODES
values, NaN and Infinity, bytes that are not UTF-8, a top that is no object.
"""

import json
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from connectors.wechat.errors import BadPush

MAX_BYTES = 1024**2
MAX_DEPTH = 16
MAX_NODES = 20_000

Document = dict[str, Any]


def read_document(body: bytes) -> Document:
    """The push in `body`, whichever of the two formats it has. Raises BadPush."""
    if len(body) > MAX_BYTES:
        raise BadPush("The push is larger than %(max_bytes)s bytes.", max_bytes=MAX_BYTES)
    return read_json(body) if is_json(body) else read_xml(body)


def is_json(body: bytes) -> bool:
    """Whether the body is meant as JSON: it starts with a brace."""
    return body.lstrip()[:1] == b"{"


def read_json(body: bytes) -> Document:
    """A JSON object. Text that no database can keep (NUL, half surrogate pairs) is mended. Raises BadPush."""
    try:
        parsed = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadPush("The push is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise BadPush("The push is not a JSON object.")
    _check_shape(parsed)
    return {_mended(key): _mended_value(value) for key, value in parsed.items()}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_shape(parsed: Document) -> None:
    """Depth and number of values, without recursion."""
    todo: list[tuple[Any, int]] = [(parsed, 1)]
    num_nodes = 0
    while todo:
        value, depth = todo.pop()
        num_nodes += 1
        if depth > MAX_DEPTH or num_nodes > MAX_NODES:
            raise _too_complex()
        if isinstance(value, dict | list):
            todo += [(child, depth + 1) for child in (value.values() if isinstance(value, dict) else value)]


def _mended_value(value: Any) -> Any:
    if isinstance(value, str):
        return _mended(value)
    if isinstance(value, dict):
        return {_mended(key): _mended_value(child) for key, child in value.items()}
    return [_mended_value(child) for child in value] if isinstance(value, list) else value


def _mended(text: str) -> str:
    if text.isascii():
        return text.replace("\0", "")
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_xml(body: bytes) -> Document:
    """The children of the top element: text, a dict, or a list where a name is repeated. Raises BadPush."""
    reader = _XmlReader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.add_text
    try:
        parser.Parse(body.decode(), True)
    except (UnicodeDecodeError, expat.ExpatError):
        raise BadPush("The push is not valid XML.") from None
    if not isinstance(reader.top, dict):
        raise BadPush("The push is an empty XML document.")
    return reader.top


class _XmlReader:
    """Builds nested dicts from expat's calls."""

    def __init__(self) -> None:
        self.top: Document | str = ""
        self._open: list[tuple[str, Document, list[str]]] = []
        self._num_nodes = 0

    def refuse_doctype(self, *_: object) -> None:
        raise BadPush("The push declares a document type, which WeChat never does.")

    def start(self, name: str, _: object) -> None:
        self._num_nodes += 1
        if len(self._open) >= MAX_DEPTH or self._num_nodes > MAX_NODES:
            raise _too_complex()
        self._open.append((name, {}, []))

    def add_text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _: str) -> None:
        name, children, texts = self._open.pop()
        value: Any = children or "".join(texts)
        if not self._open:
            self.top = value
            return
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _too_complex() -> BadPush:
    return BadPush("The push is nested too deeply or has too many parts.")


def write_xml(document: Document) -> bytes:
    """The document as WeChat's XML: text in CDATA, numbers bare, a list as repeated elements."""
    return f"<xml>{_write_children(document)}</xml>".encode()


def _write_children(document: Document) -> str:
    parts = []
    for name, value in document.items():
        for child in value if isinstance(value, list) else [value]:
            parts.append(f"<{name}>{_write_value(child)}</{name}>")
    return "".join(parts)


def _write_value(value: Any) -> str:
    if isinstance(value, dict):
        return _write_children(value)
    if isinstance(value, int):
        return str(value)
    text = "".join(char for char in str(value) if char >= " " or char in "\t\n\r")  # XML knows no other controls
    return escape(text) if "]]>" in text else f"<![CDATA[{text}]]>"
