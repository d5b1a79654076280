"""Stage: demo content. Reads the hand-written catalogue (`catalogue/*.toml`); writes the `items` frame.

Shape letters: I items, T themes (72), C categories (12). A theme is a small column of eight or nine items meant to be
followed in order; that order is the main sequential structure of the demo behaviour.
"""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

BRAND_NAME = "青禾生活"
BRAND_URL = "https://qinghe.example"
KINDS = ("article", "video", "audio", "product", "course", "offer")
DAY_MS = 86_400_000
LOCAL_OFFSET_MS = 8 * 3_600_000  # the brand lives in China: UTC+8, no summer time

_SECTIONS = {"articles": 0, "videos": 1, "audio": 2, "products": 3, "courses": 4, "offers": 5}
_CODES = ("art", "vid", "aud", "prd", "crs", "off")
_CHAIN = ("articles", "articles", "videos", "articles", "products", "audio", "articles", "courses", "offers")
_DIGITS = "零一二三四五六七八九"
_STATED_MINUTES = re.compile(f"([{_DIGITS}十]+)分钟")
_PUBLISH_MINUTES = (7 * 60 + 30, 12 * 60, 18 * 60 + 30, 20 * 60 + 15)
_CLOSINGS = {
    "article": (
        "{author}把这些年踩过的坑写成了 {minutes} 分钟能读完的一篇，文末附清单。",
        "文中有三张对照图和一份可以保存的步骤表，{minutes} 分钟读完就能动手。",
        "来自读者投稿与编辑部实测，关键词：{tags}。",
        "如果你只想带走一条建议，请直接看第二节；想看原理，再慢慢往下读。",
        "{author}执笔，约 {minutes} 分钟。欢迎在评论区写下你的做法。",
        "这是「{theme}」专栏的一篇，建议收藏后按顺序阅读。",
    ),
    "video": (
        "{minutes} 分钟短片，{author}出镜示范，每一步都配字幕。",
        "固定机位拍摄，不剪快进，适合边看边做。全长约 {minutes} 分钟。",
        "先看一遍再动手，第三步容易出错，画面里有特写。",
    ),
    "audio": (
        "{minutes} 分钟的声音节目，{author}陪你聊聊{theme}，适合通勤和睡前。",
        "戴上耳机，{minutes} 分钟，把今天的杂音关小一点。",
    ),
    "product": (
        "青禾自选好物，{author}试用四周后推荐。支持七天无理由退货，满 99 元包邮。",
        "为{theme}的日常场景设计，包装可回收。下单后 48 小时内发出。",
        "店里回购率很高的一款，关键词：{tags}。",
    ),
    "course": (
        "共 {lessons} 讲，每讲十分钟左右，{author}主讲，随到随学，附练习与答疑群。",
        "{lessons} 讲带你把「{theme}」从头走一遍，学完有结业小作业。",
    ),
    "offer": (
        "限时优惠，每人限购两份，活动期内数量有限，售完即止。",
        "会员专享价，下单备注「青禾」再送小样一份。",
    ),
}


@dataclass(frozen=True)
class Catalogue:
    """All items of the brand plus the hidden structure the behaviour is drawn from."""

    items: pl.DataFrame  # one row per item, in id order; the public columns
    theme_names: tuple[str, ...]
    category_names: tuple[str, ...]
    theme_I: np.ndarray  # index of the theme
    rank_I: np.ndarray  # place in the reading order of its theme
    kind_I: np.ndarray  # index into KINDS
    category_T: np.ndarray
    price_fen_I: np.ndarray  # 0 where nothing is sold
    num_lessons_I: np.ndarray  # 0 where it is no course
    published_ms_I: np.ndarray
    duration_seconds_I: np.ndarray  # 0 where there is nothing to read or play

    @property
    def category_I(self) -> np.ndarray:
        """Index of the category of each item."""
        return np.asarray(self.category_T[self.theme_I])


@cache
def load_books() -> tuple[dict[str, Any], ...]:
    """The hand-written catalogue, one book per category."""
    return tuple(
        tomllib.loads(path.read_text("utf-8")) for path in sorted((Path(__file__).parent / "catalogue").glob("*.toml"))
    )


def build_catalogue(rng: np.random.Generator, now: datetime, categories: tuple[str, ...] = ()) -> Catalogue:
    """The items of the given categories (all 600 without), published at drawn times before `now`."""
    books = [book for book in load_books() if not categories or book["name"] in categories]
    rows = [row for category, book in enumerate(books) for row in _category_rows(category, book)]
    first_ms, last_ms = _theme_spans(rng, num_themes=len({row["theme"] for row in rows}), now=now)
    for row in rows:
        row["published_ms"] = _publish_ms(rng, row, first_ms[row["theme"]], last_ms[row["theme"]])
        row["duration"] = _duration_seconds(rng, row)
        row["author"] = str(rng.choice(row["authors"]))
        row["text"] = _summary(rng, row)
    themes = [theme["name"] for book in books for theme in book["themes"]]
    return Catalogue(
        items=_frame(rows),
        theme_names=tuple(themes),
        category_names=tuple(book["name"] for book in books),
        theme_I=_column(rows, "theme"),
        rank_I=_column(rows, "rank"),
        kind_I=_column(rows, "kind"),
        category_T=np.repeat(np.arange(len(books)), [len(book["themes"]) for book in books]),
        price_fen_I=_column(rows, "price_fen"),
        num_lessons_I=_column(rows, "num_lessons"),
        published_ms_I=_column(rows, "published_ms"),
        duration_seconds_I=_column(rows, "duration"),
    )


def _column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=np.int64)


def _category_rows(category: int, book: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of one category in reading order, theme after theme, with ids numbered per kind."""
    counts = dict.fromkeys(_SECTIONS, 0)
    rows = []
    for number, theme in enumerate(book["themes"]):
        for rank, (section, entry) in enumerate(_reading_order(theme)):
            counts[section] += 1
            kind = _SECTIONS[section]
            title, yuan, lessons = (entry, 0, 0) if isinstance(entry, str) else (*entry, 0)[:3]
            rows.append(
                {
                    "external_id": f"{_CODES[kind]}-{book['code']}-{counts[section]:02d}",
                    "kind": kind,
                    "title": title,
                    "price_fen": round(yuan * 100),
                    "num_lessons": lessons,
                    "category": category,
                    "category_name": book["name"],
                    "authors": book["authors"],
                    "theme": category * len(book["themes"]) + number,
                    "theme_name": theme["name"],
                    "theme_size": sum(len(theme.get(name, ())) for name in _SECTIONS),
                    "tags": theme["tags"],
                    "about": theme["about"],
                    "rank": rank,
                }
            )
    return rows


def _reading_order(theme: dict[str, Any]) -> list[tuple[str, Any]]:
    """The entries of one theme as (section, entry): articles lead, a video and a product come between, offers last."""
    waiting = {section: list(theme.get(section, ())) for section in _SECTIONS}
    ordered = [(section, waiting[section].pop(0)) for section in _CHAIN if waiting[section]]
    return ordered + [(section, entry) for section in _SECTIONS for entry in waiting[section]]


def _theme_spans(rng: np.random.Generator, num_themes: int, now: datetime) -> tuple[np.ndarray, np.ndarray]:
    """When each theme published its first and its last item, in epoch milliseconds."""
    now_ms = int(now.timestamp() * 1000)
    first = now_ms - rng.uniform(150, 420, num_themes) * DAY_MS
    last = now_ms - rng.uniform(2, 130, num_themes) * DAY_MS
    return first, last


def _publish_ms(rng: np.random.Generator, row: dict[str, Any], first_ms: float, last_ms: float) -> int:
    """The row's place on its theme's span, moved to one of the brand's publishing hours of that local day."""
    share = row["rank"] / max(1, row["theme_size"] - 1)
    local_day = (first_ms + (last_ms - first_ms) * share + LOCAL_OFFSET_MS) // DAY_MS
    return int(local_day * DAY_MS - LOCAL_OFFSET_MS + int(rng.choice(_PUBLISH_MINUTES)) * 60_000)


def _duration_seconds(rng: np.random.Generator, row: dict[str, Any]) -> int:
    """Seconds to read, watch, hear or study the item; 0 for products and offers. A length in the title is kept."""
    if row["kind"] in (1, 2) and (stated := _STATED_MINUTES.search(row["title"])):
        return 60 * _chinese_number(stated[1])
    low, high = ((120, 540), (75, 720), (480, 1800), (0, 1), (540, 780), (0, 1))[row["kind"]]
    return int(rng.integers(low, high)) * max(1, row["num_lessons"])


def _chinese_number(text: str) -> int:
    """The value of a Chinese number below one hundred, such as 三十 or 十五."""
    tens, has_ten, ones = text.rpartition("十")
    return (10 * (_DIGITS.index(tens) if tens else 1) if has_ten else 0) + (_DIGITS.index(ones) if ones else 0)


def _summary(rng: np.random.Generator, row: dict[str, Any]) -> str:
    """Two or three sentences: the column's idea and one about this item, in either order."""
    closing = str(rng.choice(_CLOSINGS[KINDS[row["kind"]]]))
    sentences = "{about}{closing}" if rng.random() < 0.5 else "{closing}{about}"
    return sentences.format(about=row["about"], closing=closing).format(
        author=row["author"],
        theme=row["theme_name"],
        tags="、".join(row["tags"]),
        minutes=max(1, round(row["duration"] / 60)),
        lessons=row["num_lessons"],
    )


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The public columns of the items, as an upload or the catalog would hold them."""
    frame = pl.DataFrame(
        {
            "external_id": [row["external_id"] for row in rows],
            "kind": [KINDS[row["kind"]] for row in rows],
            "title": [row["title"] for row in rows],
            "text": [row["text"] for row in rows],
            "tags": [[*row["tags"], row["theme_name"]] for row in rows],
            "category": [row["category_name"] for row in rows],
            "author": [row["author"] for row in rows],
            "price_fen": [row["price_fen"] or None for row in rows],
            "published_at": [row["published_ms"] for row in rows],
            "duration_seconds": [row["duration"] or None for row in rows],
            "num_lessons": [row["num_lessons"] or None for row in rows],
            "url": [f"{BRAND_URL}/{row['external_id'].replace('-', '/', 1)}" for row in rows],
        }
    )
    return frame.with_columns(pl.col("published_at").cast(pl.Datetime("ms", "UTC")))
