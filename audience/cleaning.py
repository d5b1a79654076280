"""From text to typed, plausible rows: read each mapped column, apply the rules, set faulty rows aside.

Stage: clean. Reads: decoded chunks. Writes: frames of `EVENT_COLUMNS` (or of contacts, items, engagement rows: the
columns are the fields of the preset) and the rows set aside. Works chunk by chunk; what needs the whole file (dwell
quantile, rates per minute) is kept in sketches of fixed size (audience/sketches.py).
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from audience import parsing
from audience.columns import Mapping, unit_of
from audience.decoding import Rejected
from audience.kinds import EventKind
from audience.layouts import LINE, Layout
from audience.options import Options
from audience.presets import PRESETS, Field, FieldType, Preset
from audience.quality import Tally
from audience.rules import MAX_DWELL_SECONDS, MAX_ID_CHARS, MAX_TEXT_CHARS
from audience.words import ITEM_WORDS, KIND_WORDS, normal_word

EVENT_COLUMNS: dict[str, pl.DataType] = {
    LINE: pl.Int64(),
    "contact": pl.String(),
    "item": pl.String(),
    "kind": pl.Int16(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "dwell_seconds": pl.Float64(),
    "amount_fen": pl.Int64(),
    "value": pl.Float64(),
    "text": pl.String(),
    "source_id": pl.String(),
}
_DAY_HOUR = 12
_FUTURE = dt.timedelta(days=1)
_WECHAT_ACTS = {
    "read_comments": EventKind.READ_COMMENTS,
    "like": EventKind.LIKE,
    "click_avatar": EventKind.CLICK_AVATAR,
    "share": EventKind.SHARE,
    "comment": EventKind.COMMENT,
    "follow": EventKind.FOLLOW,
    "favourite": EventKind.FAVOURITE,
}
_TEXT_LIMITS = {
    "title": 200,
    "name": 80,
    "region": 40,
    "city": 40,
    "category": 80,
    "author": 80,
    "url": 500,
    "picture": 300,
}


@dataclass(frozen=True)
class Cleaned:
    """What became of a chunk: good rows (of the file, one line each), and those set aside."""

    frame: pl.DataFrame
    rejected: list[Rejected]


class Cleaner:
    """Cleans the chunks of one file under one mapping; counts into `tally`."""

    def __init__(
        self, layout: Layout, preset: str, mapping: Mapping, options: Options, now: dt.datetime, tally: Tally
    ) -> None:
        self.layout = layout
        self.preset: Preset = PRESETS[preset]
        self.mapping = mapping
        self.options = options
        self.tally = tally
        self._latest = now + _FUTURE
        self._is_spaced = {h: t.endswith("_seq") for h, t in zip(layout.headers, layout.types, strict=False)}
        self._headers = [header for header in layout.headers if header in set(mapping.values())]
        self._extra = [header for header in layout.headers if header not in set(mapping.values())]
        self._kind_words = KIND_WORDS | {
            normal_word(k): KIND_WORDS[normal_word(v)] for k, v in options.kind_words.items()
        }

    def clean(self, frame: pl.DataFrame) -> Cleaned:
        """The chunk's rows, typed; columns are `LINE`, the preset's mapped fields and, if kept, the extra columns."""
        cells = {name: parsing.without_blanks(frame[header]) for name, header in self.mapping.items()}
        columns = {name: self._typed(self.preset.field(name), text) for name, text in cells.items()}
        for name, text in cells.items():
            self._count_cells(name, text, columns[name])
        typed = pl.DataFrame({LINE: frame[LINE], **columns})
        typed = self._without_negatives(typed)
        fault = _first_fault(typed, self._faults(typed, cells))
        if self.preset.keeps_extra and self.options.keep_extra:
            typed = typed.hstack(frame.select(self._extra))
        if fault.null_count() == len(fault):
            return Cleaned(typed, [])
        return Cleaned(typed.filter(fault.is_null()), self.set_aside(frame, fault))

    def extra_columns(self) -> list[str]:
        """Headers kept as the brand's own fields."""
        return self._extra if self.preset.keeps_extra and self.options.keep_extra else []

    def _typed(self, column: Field, text: pl.Series) -> pl.Series:
        header = self.mapping[column.name]
        unit = unit_of(header) or column.unit
        readers: dict[FieldType, Callable[[], pl.Series]] = {
            FieldType.TIME: lambda: parsing.times(text, self.options.time_zone),
            FieldType.DAY: lambda: self._days(text),
            FieldType.NUMBER: lambda: parsing.numbers(text),
            FieldType.SECONDS: lambda: parsing.seconds(text, unit),
            FieldType.MONEY: lambda: parsing.money_fen(text, unit),
            FieldType.GENDER: lambda: parsing.genders(text),
            FieldType.AGE: lambda: parsing.age_bands(text),
            FieldType.FLAG: lambda: parsing.flags(text),
            FieldType.TAGS: lambda: parsing.tags(text, is_spaced=self._is_spaced.get(header, False)),
            FieldType.WORD: lambda: self._words(text),
            FieldType.TEXT: lambda: self._short(column.name, text),
        }
        return readers.get(column.type, lambda: text)().alias(column.name)

    def _days(self, text: pl.Series) -> pl.Series:
        """Noon of the day with this number; day 1 is the option's base date."""
        first = dt.datetime.fromisoformat(self.options.base_date).replace(hour=_DAY_HOUR)
        day = parsing.numbers(text).to_frame("n")
        local = day.select((pl.lit(first) + pl.duration(days=pl.col("n").round().cast(pl.Int64) - 1)).alias("t"))["t"]
        zone = self.options.time_zone
        return (
            local.dt.cast_time_unit("us").dt.replace_time_zone(zone, ambiguous="earliest").dt.convert_time_zone("UTC")
        )

    def _words(self, text: pl.Series) -> pl.Series:
        """Codes of the kinds of action, or words of the kinds of item."""
        is_action = self.preset.writes == "events"
        distinct = text.drop_nulls().unique()
        known = self._kind_words if is_action else ITEM_WORDS
        found = {word: known[normal_word(word)] for word in distinct if normal_word(word) in known}
        if is_action:
            codes = {word: int(kind) for word, kind in found.items()}
            return text.replace_strict(codes, default=None, return_dtype=pl.Int16)
        return text.replace_strict(found, default=None, return_dtype=pl.String)

    def _short(self, name: str, text: pl.Series) -> pl.Series:
        limit = _TEXT_LIMITS.get(name, MAX_TEXT_CHARS)
        num_long = int(_is_longer(text, limit).sum())
        if num_long:
            self.tally.touch("long_text", num_long)
        return text.str.slice(0, limit) if num_long else text

    def _count_cells(self, name: str, text: pl.Series, typed: pl.Series) -> None:
        missing = text.null_count()
        unreadable = typed.null_count() - missing
        self.tally.miss(name, missing, unreadable)
        is_soft = self.preset.field(name).type in (FieldType.NUMBER, FieldType.SECONDS, FieldType.MONEY, FieldType.FLAG)
        if unreadable and (is_soft or self.preset.writes != "events"):
            self.tally.touch("unreadable", unreadable)

    def _without_negatives(self, typed: pl.DataFrame) -> pl.DataFrame:
        names = [
            column.name
            for column in self.preset.fields
            if column.type in (FieldType.SECONDS, FieldType.MONEY) and column.name in typed.columns
        ]
        for name in names:
            num_negative = int((typed[name] < 0).sum())
            if num_negative:
                self.tally.touch("negative", num_negative)
                typed = typed.with_columns(pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name))
        return typed

    def _faults(self, typed: pl.DataFrame, cells: dict[str, pl.Series]) -> list[tuple[str, pl.Series]]:
        """(reason's code, rows it holds for), the weightiest first."""
        faults = []
        for column in self.preset.fields:
            if column.name not in cells:
                continue
            if column.type == FieldType.ID:
                if column.is_required:
                    faults.append((_missing_code(column.name, self.preset), cells[column.name].is_null()))
                faults.append(("id_too_long", _is_longer(cells[column.name], MAX_ID_CHARS)))
            if column.is_required and column.type in (FieldType.TIME, FieldType.DAY):
                faults += self._time_faults(typed[column.name], cells[column.name])
        if "kind" in cells and self.preset.writes == "events":
            faults += self._kind_faults(typed["kind"], cells["kind"])
        return faults

    def _time_faults(self, at: pl.Series, text: pl.Series) -> list[tuple[str, pl.Series]]:
        is_impossible = (at < self.options.earliest_at) | (at > self._latest)
        self.tally.touch("impossible_times", int(is_impossible.sum()), self.options.earliest)
        return [
            ("time_missing", text.is_null()),
            ("time_unreadable", at.is_null()),
            ("time_impossible", is_impossible),
        ]

    def _kind_faults(self, kind: pl.Series, text: pl.Series) -> list[tuple[str, pl.Series]]:
        is_unknown = kind.is_null() & text.is_not_null()
        if is_unknown.any():
            self.tally.wonder(text.filter(is_unknown).str.slice(0, 60))
        faults = [("kind_unknown", is_unknown)]
        return faults if self.options.default_kind else [("kind_missing", text.is_null()), *faults]

    def set_aside(self, frame: pl.DataFrame, fault: pl.Series) -> list[Rejected]:
        """The rows of a decoded chunk that have a fault, as rejected rows with their text."""
        bad = frame.with_columns(fault.alias("__fault__")).filter(fault.is_not_null())
        texts = [pl.col(header).fill_null("") for header in frame.columns if header != LINE]
        raw = bad.select(pl.concat_str(texts, separator=",").str.slice(0, 300).alias("raw"))["raw"]
        return [Rejected(*row) for row in zip(bad[LINE], bad["__fault__"], raw, strict=True)]


def _is_longer(text: pl.Series, num_chars: int) -> pl.Series:
    """Where text has more characters; counts bytes first, which costs nothing."""
    is_longer = text.str.len_bytes() > num_chars
    return text.str.len_chars() > num_chars if is_longer.any() else is_longer


def _missing_code(name: str, preset: Preset) -> str:
    if preset.writes == "items":
        return "item_missing"
    return "item_missing" if name == "item" else "contact_missing"


def _first_fault(typed: pl.DataFrame, faults: list[tuple[str, pl.Series]]) -> pl.Series:
    """The code of the first fault of each row, null for good rows."""
    found = pl.Series("fault", [None], dtype=pl.String).new_from_index(0, typed.height)
    for code, is_faulty in reversed(faults):
        if is_faulty.any():
            hits = is_faulty.fill_null(value=False)
            found = pl.DataFrame({"found": found, "hits": hits}).select(
                pl.when(pl.col("hits")).then(pl.lit(code)).otherwise(pl.col("found")).alias("fault")
            )["fault"]
    return found


def to_events(frame: pl.DataFrame, preset: str, options: Options, tally: Tally) -> pl.DataFrame:
    """Cleaned rows of an event preset as rows of `EVENT_COLUMNS`; a row of the WeChat table becomes several."""
    events = _wechat_events(frame) if preset == "wechat2021" else _log_events(frame, options)
    num_long = int((events["dwell_seconds"] > MAX_DWELL_SECONDS).sum())
    if num_long:
        tally.touch("dwell_day", num_long)
        events = events.with_columns(pl.col("dwell_seconds").clip(upper_bound=MAX_DWELL_SECONDS))
    return events


def _log_events(frame: pl.DataFrame, options: Options) -> pl.DataFrame:
    default = int(KIND_WORDS[options.default_kind]) if options.default_kind else None
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in EVENT_COLUMNS.items()
    ]
    return frame.select(columns).with_columns(pl.col("kind").fill_null(pl.lit(default, pl.Int16)))


def _wechat_events(frame: pl.DataFrame) -> pl.DataFrame:
    """A view with the stay as dwell, a play with its length, and one event for each act that is set."""
    base = frame.select(
        LINE,
        "contact",
        "item",
        pl.col("day").alias("occurred_at"),
        *(name for name in frame.columns if name in _WECHAT),
    )
    parts = [_acts(base, EventKind.VIEW, pl.lit(value=True), "stay")]
    if "play" in base.columns:
        parts.append(_acts(base, EventKind.PLAY, pl.col("play") > 0, "play"))
    parts += [_acts(base, kind, pl.col(name), "") for name, kind in _WECHAT_ACTS.items() if name in base.columns]
    return pl.concat(parts).sort(LINE, "kind")


_WECHAT = {"play", "stay", *_WECHAT_ACTS}


def _acts(base: pl.DataFrame, kind: EventKind, when: pl.Expr, dwell: str) -> pl.DataFrame:
    given = {
        "kind": pl.lit(int(kind)),
        "dwell_seconds": pl.col(dwell) if dwell in base.columns else pl.lit(None),
        **{name: pl.col(name) for name in (LINE, "contact", "item", "occurred_at")},
    }
    columns = [given.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in EVENT_COLUMNS.items()]
    return base.filter(when.fill_null(value=False)).select(columns)
