"""Stage: demo covers. Reads an item's title, kind, category and theme, and `motifs/`; writes one small SVG picture.

Each cover is 480 x 320: the palette and drawing come from the category, the layout from the kind, the backdrop from the
theme, so a grid of cards is varied but of one hand.
"""

import re
from functools import cache
from html import escape
from math import ceil
from pathlib import Path
from string import Template

from demo.content import load_books

FONTS = "PingFang SC,Microsoft YaHei,Noto Sans CJK SC,sans-serif"
LABELS = {"article": "文章", "video": "视频", "audio": "音频", "product": "好物", "course": "课程", "offer": "优惠"}
_LINE_UNITS = 8.3  # a line's width in full-width characters
_NO_LINE_START = "，。、：；？！）」的了"


def draw_cover(title: str, kind: str, category: str, theme: int, note: str = "") -> str:
    """The item's cover as SVG text; `note` is a short remark beside the kind, such as a price or number of lessons."""
    (light, soft, main, accent, ink), motifs = _artwork()[category]
    is_dark = kind in ("video", "course")
    ground, text = (ink, "#fff") if is_dark else ((soft, ink) if kind in ("audio", "offer") else (light, ink))
    # On a dark ground the ink parts of the drawing would vanish: they take the soft colour instead.
    colours = {"a": main, "b": accent, "c": "#fff", "d": soft if is_dark else ink}
    motif = motifs[theme % 2].substitute(colours)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 320" width="480" height="320">'
        f'<rect width="480" height="320" fill="{ground}"/>'
        f"{_backdrop(theme, main if is_dark else soft if ground == light else light, accent)}"
        f'<g transform="translate(278 {102 if kind in ("article", "audio") else 92}) scale(.94)">{motif}</g>'
        f"{_kind_mark(kind, accent, ink)}"
        f"{_label(LABELS[kind], note, ink, main, is_dark)}{_title(title, text)}</svg>"
    )


@cache
def _artwork() -> dict[str, tuple[list[str], list[Template]]]:
    """Palette and two drawings (200 x 200, colours as $a to $d) of each category."""
    folder = Path(__file__).parent / "motifs"
    return {
        book["name"]: (
            book["palette"],
            [
                Template((folder / f"{book['code']}_{number}.svg").read_text("utf-8").replace("\n", ""))
                for number in (1, 2)
            ],
        )
        for book in load_books()
    }


def wrap_title(title: str) -> list[str]:
    """The title in lines of even width, cut at its own punctuation where the parts fit."""
    parts = [part for part in re.split(r"(?<=[：？，、])|(?<=[^A-Za-z0-9]) (?=[^A-Za-z0-9])", title) if part]
    if len(parts) == 2 and all(2 < _width(part) <= _LINE_UNITS for part in parts):
        return parts
    limit = _width(title) / ceil(_width(title) / _LINE_UNITS)
    while len(lines := _fill(title, limit)) * _LINE_UNITS > _width(title) + _LINE_UNITS:
        limit += 0.25
    return lines


def _width(text: str) -> float:
    """Width in full-width characters."""
    return sum(0.55 if char.isascii() else 1.0 for char in text)


def _fill(title: str, limit: float) -> list[str]:
    """Lines of at most `limit`, except that closing punctuation may hang over the end."""
    lines = [""]
    for token in _tokens(title):
        if lines[-1] and _width(lines[-1] + token) > limit and token not in _NO_LINE_START:
            lines.append("")
        lines[-1] += token
    return [line.strip() for line in lines]


def _tokens(title: str) -> list[str]:
    """Single Chinese characters, but Latin words and numbers whole, so a line never breaks inside one."""
    tokens: list[str] = []
    for char in title:
        if tokens and char.isascii() and char != " " and tokens[-1][-1].isascii() and tokens[-1] != " ":
            tokens[-1] += char
        else:
            tokens.append(char)
    return tokens


def _title(title: str, colour: str) -> str:
    lines = wrap_title(title)
    spans = "".join(
        f'<tspan x="32" dy="{42 if number else 0}">{escape(line)}</tspan>' for number, line in enumerate(lines)
    )
    return f'<text x="32" y="112" font-size="31" font-weight="600" fill="{colour}" font-family="{FONTS}">{spans}</text>'


def _label(label: str, note: str, ink: str, main: str, is_dark: bool) -> str:
    """A pill in the corner with the kind and, where there is one, the note."""
    words = f"{label} · {note}" if note else label
    width = 24 + sum(9 if char.isascii() else 17 for char in words)
    fill, colour = (main, "#fff") if is_dark else ("#fff", ink)
    return (
        f'<rect x="32" y="30" width="{width}" height="32" rx="16" fill="{fill}"/>'
        f'<text x="{32 + width / 2:g}" y="52" font-size="17" text-anchor="middle" fill="{colour}"'
        f' font-family="{FONTS}">{escape(words)}</text>'
    )


def _backdrop(theme: int, tone: str, accent: str) -> str:
    """Large quiet shapes behind the drawing; three arrangements that alternate between themes."""
    return (
        f'<circle cx="390" cy="200" r="150" fill="{tone}" opacity=".6"/>'
        f'<circle cx="60" cy="318" r="46" fill="{accent}" opacity=".2"/>',
        f'<path d="M250 320C250 190 330 70 480 60v260z" fill="{tone}" opacity=".6"/>'
        f'<circle cx="228" cy="24" r="30" fill="{accent}" opacity=".2"/>',
        f'<rect x="262" y="58" width="270" height="290" rx="46" transform="rotate(-8 380 200)" fill="{tone}"'
        ' opacity=".6"/>'
        f'<path d="M-10 300q60-30 120 0t120 0" stroke="{accent}" stroke-width="8" fill="none" opacity=".25"/>',
    )[theme % 3]


def _kind_mark(kind: str, accent: str, ink: str) -> str:
    """What shows the kind at a glance: a play button, a sound wave, the notches of a ticket."""
    if kind == "video":
        return '<circle cx="60" cy="270" r="25" fill="#fff"/><path d="M52 257l23 13-23 13z" fill="' + ink + '"/>'
    if kind == "audio":
        bars = zip(range(36, 176, 14), (12, 26, 40, 22, 34, 48, 30, 18, 28, 12), strict=True)
        strokes = "".join(f"M{x} {272 - height / 2:g}v{height}" for x, height in bars)
        return f'<path d="{strokes}" stroke="{accent}" stroke-width="7" stroke-linecap="round"/>'
    if kind == "offer":
        return (
            '<circle cx="0" cy="160" r="22" fill="#fff"/><circle cx="480" cy="160" r="22" fill="#fff"/>'
            f'<path d="M264 24v272" stroke="{ink}" stroke-width="3" stroke-dasharray="3 11" stroke-linecap="round"'
            ' opacity=".4"/>'
        )
    return ""
