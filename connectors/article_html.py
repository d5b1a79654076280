"""HTML of an article's body, kept to what WeChat shows: no scripts, no foreign pictures, no styles that fetch.

Pure text in, pure text out. What the console writes (sections with inline styles) stays as it is.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

PICTURE_HOSTS = frozenset({"mmbiz.qpic.cn", "mmbiz.qlogo.cn"})
"""Where pictures live that were uploaded through uploadimg; WeChat drops all others."""
_TAGS = frozenset({
    "p", "br", "h1", "h2", "h3", "h4", "strong", "b", "em", "i", "u", "s", "span", "section", "div", "blockquote", "ul",
    "ol", "li", "a", "img", "hr", "sub", "sup", "table", "thead", "tbody", "tr", "td", "th", "figure", "figcaption",
    "pre", "code",
})  # fmt: skip
_VOID = frozenset({"br", "img", "hr"})
_DROPPED_WHOLE = frozenset({"script", "style", "iframe", "object", "title", "textarea", "svg", "math", "noscript"})
_ATTRIBUTES = {
    "a": {"href", "title"}, "img": {"src", "data-src", "alt", "width", "height"}, "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}  # fmt: skip
_STYLE = re.compile(r"[a-zA-Z-]+:[^;:<>\"'\\]+")
_STYLE_FETCHES = re.compile(r"url|expression|import|fixed|sticky|absolute|/\*", re.IGNORECASE)


@dataclass
class Cleaned:
    """A body that may be stored and shown, and what was taken out of it."""

    html: str
    dropped: set[str] = field(default_factory=set)
    """Names of tags and addresses of foreign pictures."""
    pictures: list[str] = field(default_factory=list)


def clean(body: str) -> Cleaned:
    """The body without what WeChat would drop or what could do harm when shown."""
    reader = _Reader()
    reader.feed(body)
    reader.close()
    return Cleaned(reader.written(), reader.dropped, reader.pictures)


def is_platform_picture(address: str) -> bool:
    """Whether a picture of this address stays in an article."""
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and parts.hostname in PICTURE_HOSTS


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.dropped: set[str] = set()
        self.pictures: list[str] = []
        self._parts: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def written(self) -> str:
        """What was kept, every tag closed."""
        return "".join(self._parts) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WHOLE:
            self.dropped.add(tag)
            self._silent.append(tag)
        elif self._silent or tag not in _TAGS:
            self.dropped.add(tag)
        elif tag != "img" or self._is_own(dict(attrs)):
            self._parts.append(f"<{tag}{''.join(_kept(tag, attrs))}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in self._open:
            while self._open:
                last = self._open.pop()
                self._parts.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(html.escape(data, quote=False))

    def _is_own(self, attributes: dict[str, str | None]) -> bool:
        address = attributes.get("src") or attributes.get("data-src") or ""
        if is_platform_picture(address):
            self.pictures.append(address)
            return True
        self.dropped.add(address[:100] or "img")
        return False


def _kept(tag: str, attrs: Iterable[tuple[str, str | None]]) -> Iterable[str]:
    for name, value in attrs:
        text = _value(name, (value or "").strip())
        if text and (name == "style" or name in _ATTRIBUTES.get(tag, ())):
            yield f' {name}="{html.escape(text)}"'


def _value(name: str, text: str) -> str:
    """The attribute's value as far as it is harmless."""
    if name == "style":
        rules = [rule.strip() for rule in text.split(";")]
        return ";".join(rule for rule in rules if _STYLE.fullmatch(rule) and not _STYLE_FETCHES.search(rule))
    if name == "href":
        return text if urlsplit(text).scheme in ("http", "https") else ""
    if name in ("src", "data-src"):
        return text if is_platform_picture(text) else ""
    return text
