"""Read the text of a column as times, numbers, seconds, money, words. Pure: text series in, typed series out.

A cell that holds text but cannot be read comes out null; blanks were made null before (`without_blanks`).
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from audience.genders import GENDER_BY_WORD

BLANKS = ("", "null", "none", "nan", "n/a", "na", "nil", "undefined", "\\n", "#n/a", "-", "--", "—", "无", "空")
"""Cell texts that mean "missing" (compared without case and blanks at the ends)."""

_LONGEST_BLANK = max(len(blank.encode()) for blank in BLANKS)
_UTC_US = pl.Datetime("us", "UTC")
_MAX_DAYS = 4000
_PLAIN_TIMES = tuple(
    f"{date}{clock}"
    for date in ("%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日")
    for clock in (" %H:%M:%S", " %H:%M", "T%H:%M:%S", "")
)
_ANY_TIME = (
    r"(?i)^(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?[T,\s]*"
    r"(?P<half>上午|下午|晚上|中午|凌晨|早上)?\s*"
    r"(?:(?P<hour>\d{1,2})\s*[:：时点]\s*(?:(?P<minute>\d{1,2})\s*[:：分]?\s*"
    r"(?:(?P<second>\d{1,2})\s*秒?)?(?:[.,](?P<fraction>\d{1,9}))?)?)?\s*(?P<ampm>am|pm)?\s*"
    r"(?P<offset>z|utc|[+-]\d{2}:?\d{2})?$"
)
_COMPACT_TIME = r"^((?:19|20)\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?$"
_NOT_IN_NUMBERS = r"[,，\s¥￥$元块]|RMB|CNY"
_NUMBER_TEXT = r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(万|亿|k|K|%)?[次个条篇分秒岁]?$"
_SCALES = {"万": 1e4, "亿": 1e8, "k": 1e3, "K": 1e3, "%": 0.01}
_IN_SECONDS: dict[str, Callable[[pl.Series], pl.Series]] = {
    "ms": lambda value: value / 1000,
    "min": lambda value: value * 60,
    "h": lambda value: value * 3600,
}
_CLOCK = r"^(?:(\d{1,3})[:：])?(\d{1,3})[:：](\d{1,2}(?:\.\d+)?)$"
_SPELLED = (
    r"(?i)^(?:(\d+(?:\.\d+)?)(?:小时|时|h))?(?:(\d+(?:\.\d+)?)(?:分钟|分|min|m))?(?:(\d+(?:\.\d+)?)(?:秒钟|秒|s|sec))?$"
)
_MILLISECONDS = r"(?i)^(\d+(?:\.\d+)?)(?:毫秒|ms)$"
_FEN = r"^([+-]?\d+)分$"

_FLAGS = {
    True: (
        "1",
        "1.0",
        "true",
        "t",
        "yes",
        "y",
        "是",
        "有",
        "已",
        "已购",
        "已购买",
        "已转化",
        "转化",
        "购买",
        "converted",
        "✓",
    ),
    False: ("0", "0.0", "false", "f", "no", "n", "否", "没有", "未", "未购", "未购买", "未转化", "not_converted", "✗"),
}
AGE_BANDS = ((18, "under_18"), (25, "18_24"), (35, "25_34"), (45, "35_44"), (55, "45_54"), (200, "55_plus"))
"""(first age beyond the band, the band's code)."""


def without_blanks(text: pl.Series) -> pl.Series:
    """The text without blanks at the ends; cells that mean "missing" are null."""
    text = text.str.strip_chars(" \t\r\n\u3000\u00a0\ufeff")
    short = text.filter(text.str.len_bytes() <= _LONGEST_BLANK).unique()
    blanks = short.filter(short.str.to_lowercase().is_in(BLANKS)).implode()
    if not len(blanks[0]):
        return text
    return text.to_frame("t").select(pl.when(~pl.col("t").is_in(blanks)).then(pl.col("t")))["t"]


def _fill(values: pl.Series, text: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`values`, with `read` tried on the cells that are still unread."""
    is_open = values.is_null() & text.is_not_null()
    if not is_open.any():
        return values
    found = read(text.filter(is_open))
    return values.scatter(is_open.arg_true(), found) if found.null_count() < len(found) else values


def times(text: pl.Series, zone: str) -> pl.Series:
    """Times as UTC. Reads ISO, 2026/11/24 12:00, 2026年11月24日, 20261124, Unix seconds to microseconds, Excel days.

    A time without an offset is local to `zone`.
    """
    values = pl.Series(text.name, [None], dtype=_UTC_US).new_from_index(0, len(text))
    for form in _plain_forms(text):
        values = _fill(values, text, partial(_plain_times, form=form, zone=zone))
    values = _fill(values, text, partial(_numeric_times, zone=zone))
    return _fill(values, text, partial(_free_times, zone=zone))


def _plain_forms(text: pl.Series) -> list[str]:
    """The fixed formats, if any, that the first cells are written in: these are read at full speed."""
    head = text.drop_nulls().head(5)
    return [form for form in _PLAIN_TIMES if head.str.to_datetime(form, strict=False).null_count() < len(head)]


def _plain_times(text: pl.Series, form: str, zone: str) -> pl.Series:
    return _localised(text.str.to_datetime(form, time_unit="us", strict=False), zone)


def _localised(local: pl.Series, zone: str) -> pl.Series:
    """Local times as UTC; a time the clocks skipped is null, of one they passed twice the first counts."""
    if local.null_count() == len(local):
        return local.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    offset = constant_offset(local, zone)
    if offset is not None:
        return (local - offset).dt.replace_time_zone("UTC")
    return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def constant_offset(moments: pl.Series, zone: str) -> dt.timedelta | None:
    """What the zone adds to UTC, if it does not change while these moments last; None if it does.

    Shifting by a constant is many times faster than asking for every moment. Looking at each day finds every change,
    because no zone changes its clocks twice within two days.
    """
    first, last = moments.min(), moments.max()
    if not isinstance(first, dt.datetime) or not isinstance(last, dt.datetime):
        return None
    days = (last - first).days + 3
    if days > _MAX_DAYS:
        return None
    start, zone_info = first.replace(tzinfo=None) - dt.timedelta(days=1), ZoneInfo(zone)
    offsets = {(start + dt.timedelta(days=day)).replace(tzinfo=zone_info).utcoffset() for day in range(days + 1)}
    return offsets.pop() if len(offsets) == 1 else None


def local_seconds(moments: pl.Series, zone: str) -> pl.Series:
    """UTC moments as seconds of the local clock since 1970-01-01 00:00 local."""
    offset = constant_offset(moments, zone)
    if offset is not None:
        return moments.dt.epoch("s") + int(offset.total_seconds())
    return moments.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("s")


def _numeric_times(text: pl.Series, zone: str) -> pl.Series:
    number = text.cast(pl.Float64, strict=False)
    if number.null_count() == len(number):
        return number.cast(_UTC_US)
    n = pl.col("n")
    frame = pl.DataFrame({"n": number, "t": text}).with_columns(
        micros=pl.when(n.is_between(1e14, 4e15))
        .then(n)
        .when(n.is_between(1e11, 1e13, closed="left"))
        .then(n * 1e3)
        .when(n.is_between(1e8, 1e10, closed="left"))
        .then(n * 1e6)
        .cast(pl.Int64, strict=False)
    )
    values = frame["micros"].cast(_UTC_US)
    values = _fill(values, text, partial(_compact_times, zone=zone))
    return _fill(values, text, partial(_excel_times, zone=zone)).alias(text.name)


def _compact_times(text: pl.Series, zone: str) -> pl.Series:
    """20261124 and 20261124120000."""
    return _from_parts(
        text.str.extract_groups(_COMPACT_TIME), ["year", "month", "day", "hour", "minute", "second"], zone
    )


def _excel_times(text: pl.Series, zone: str) -> pl.Series:
    """Days since 1899-12-30, as spreadsheets count them; plausible ones only (1954 to 2118)."""
    days = text.cast(pl.Float64, strict=False).to_frame("days")
    micros = ((pl.col("days") - 25_569) * 86_400e6).round().cast(pl.Int64, strict=False)
    local = days.select(pl.when(pl.col("days").is_between(20_000, 80_000)).then(micros).alias("t"))["t"]
    return _localised(local.cast(pl.Datetime("us")), zone)


def _from_parts(groups: pl.Series, names: list[str], zone: str) -> pl.Series:
    parts = groups.struct.unnest()
    parts = parts.rename(dict(zip(parts.columns, names, strict=True)))
    date = pl.concat_str("year", pl.lit("-"), "month", pl.lit("-"), "day")
    clock = pl.concat_str(
        pl.col("hour").fill_null("0"),
        pl.lit(":"),
        pl.col("minute").fill_null("0"),
        pl.lit(":"),
        pl.col("second").fill_null("0"),
    )
    joined = parts.select(pl.concat_str(date, pl.lit(" "), clock).alias("t"))["t"]
    return _localised(joined.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False), zone)


def _free_times(text: pl.Series, zone: str) -> pl.Series:
    parts = text.str.extract_groups(_ANY_TIME).struct.unnest()
    is_late = parts["half"].is_in(["下午", "晚上"]) | (parts["ampm"].str.to_lowercase() == "pm")
    hour = parts["hour"].cast(pl.Int32, strict=False)
    parts = parts.with_columns(
        late=is_late.fill_null(value=False), hour=hour, is_am=parts["ampm"].str.to_lowercase() == "am"
    ).with_columns(
        hour=pl.when(pl.col("late") & (pl.col("hour") < 12))
        .then(pl.col("hour") + 12)
        .when(pl.col("is_am") & (pl.col("hour") == 12))
        .then(0)
        .otherwise(pl.col("hour"))
        .cast(pl.String)
    )
    fields = ["year", "month", "day", "hour", "minute", "second"]
    groups = parts.select(pl.struct(fields).alias("g"))["g"]
    local, universal = _from_parts(groups, fields, zone), _from_parts(groups, fields, "UTC")
    fraction = pl.concat_str(pl.lit("0."), "fraction").cast(pl.Float64, strict=False).fill_null(0.0)
    sign = pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1)
    digits = pl.col("offset").str.replace_all(r"[^\d]", "")
    minutes = sign * (
        digits.str.slice(0, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(2, 2).cast(pl.Int64, strict=False)
    )
    table = parts.with_columns(local=local, universal=universal).select(
        pl.when(pl.col("offset").is_null())
        .then(pl.col("local"))
        .otherwise(pl.col("universal") - pl.duration(minutes=minutes.fill_null(0)))
        + pl.duration(microseconds=(fraction * 1e6).round().cast(pl.Int64))
    )
    return table.to_series().cast(_UTC_US).alias(text.name)


def numbers(text: pl.Series) -> pl.Series:
    """Numbers: 1,234.5, ￥12, 12元, 1.2万, 35%, full-width digits. Infinity and NaN are unreadable."""
    values = text.cast(pl.Float64, strict=False)
    values = values.to_frame("n").select(pl.when(pl.col("n").is_finite()).then(pl.col("n")))["n"]
    return _fill(values, text, _free_numbers).alias(text.name)


def _free_numbers(text: pl.Series) -> pl.Series:
    bare = text.str.normalize("NFKC").str.replace_all(_NOT_IN_NUMBERS, "")
    parts = bare.str.extract_groups(_NUMBER_TEXT).struct.unnest()
    parts.columns = ["number", "scale"]
    scale = pl.col("scale").replace_strict(_SCALES, default=1.0, return_dtype=pl.Float64)
    value = pl.col("number").cast(pl.Float64, strict=False) * scale
    return parts.select(pl.when(value.is_finite()).then(value).alias("n"))["n"]


def seconds(text: pl.Series, unit: str) -> pl.Series:
    """Durations in seconds: bare numbers in `unit` (ms, s, min, h), 3分20秒, 00:03:20, 5400ms."""
    in_seconds = _IN_SECONDS.get(unit, lambda value: value)
    values = in_seconds(text.cast(pl.Float64, strict=False))
    values = values.to_frame("n").select(pl.when(pl.col("n").is_finite()).then(pl.col("n")))["n"]
    values = _fill(values, text, _spelled_seconds)
    return _fill(values, text, lambda rest: in_seconds(_free_numbers(rest))).alias(text.name)


def _spelled_seconds(text: pl.Series) -> pl.Series:
    bare = text.str.normalize("NFKC").str.replace_all(r"\s", "")
    found = bare.str.extract(_MILLISECONDS).cast(pl.Float64) / 1000
    for pattern in (_CLOCK, _SPELLED):
        parts = bare.str.extract_groups(pattern).struct.unnest().cast(pl.Float64, strict=False)
        hours, minutes, rest = (parts[name] for name in parts.columns)
        total = hours.fill_null(0) * 3600 + minutes.fill_null(0) * 60 + rest.fill_null(0)
        is_found = hours.is_not_null() | minutes.is_not_null() | rest.is_not_null()
        table = pl.DataFrame({"found": found, "total": total, "is_found": is_found})
        found = table.select(pl.coalesce("found", pl.when(pl.col("is_found")).then(pl.col("total"))))["found"]
    return found


def money_fen(text: pl.Series, unit: str) -> pl.Series:
    """Amounts in fen: bare numbers in `unit` (yuan or fen), 12.5元, ￥1,200, 350分."""
    fen = text.str.extract(_FEN).cast(pl.Float64, strict=False)
    scale = 1.0 if unit == "fen" else 100.0
    amount = pl.DataFrame({"fen": fen, "n": numbers(text) * scale}).select(pl.coalesce("fen", "n").alias("n"))["n"]
    amount = amount.round()
    return amount.cast(pl.Int64, strict=False).alias(text.name)


def genders(text: pl.Series) -> pl.Series:
    """female, male or '' (said to be unknown)."""
    return _looked_up(text, GENDER_BY_WORD, pl.String)


def flags(text: pl.Series) -> pl.Series:
    """Yes or no, in words or digits of both languages."""
    return _looked_up(text, {word: flag for flag, words in _FLAGS.items() for word in words}, pl.Boolean)


def age_bands(text: pl.Series) -> pl.Series:
    """Age bands from ages (27, 27岁) and ranges (25-34): the band of the first number."""
    age = text.str.extract(r"(\d{1,3})").cast(pl.Int32, strict=False)
    frame = age.to_frame("age")
    band = pl.lit(None, pl.String)
    for first_beyond, code in reversed(AGE_BANDS):
        band = pl.when(pl.col("age") < first_beyond).then(pl.lit(code)).otherwise(band)
    is_open = text.str.contains("以下|以内|under|<")
    under = pl.when(is_open & (pl.col("age") == 18)).then(pl.lit("under_18")).otherwise(band)
    return frame.select(pl.when(pl.col("age").is_not_null()).then(under).alias("band"))["band"].alias(text.name)


def tags(text: pl.Series, *, is_spaced: bool = False) -> pl.Series:
    """Lists of tags, split at , ; | 、 (and at blanks when `is_spaced`); at most 30 of at most 40 characters each."""
    bare = text.str.replace_all(r'[\[\]"{}]', "")
    parts = bare.str.replace_all(r"[，;；|、\s]+" if is_spaced else r"[，;；|、]", ",").str.split(",")
    tidy = pl.element().str.strip_chars().str.slice(0, 40)
    return parts.list.eval(tidy.filter(tidy != "").unique(maintain_order=True)).list.head(30).alias(text.name)


def _looked_up(text: pl.Series, words: Mapping[Any, object], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return text.str.to_lowercase().replace_strict(dict(words), default=None, return_dtype=dtype)


def zone_exists(name: str) -> bool:
    """Whether the time zone data knows this name."""
    if not re.fullmatch(r"[A-Za-z][\w+\-/]*", name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
