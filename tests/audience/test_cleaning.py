"""Text to typed values, and the cleaning rules: which rows each sets aside, empties or cuts, with exact counts."""

import datetime as dt
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import parsing
from audience.cleaning import Cleaner, to_events
from audience.kinds import EventKind
from audience.layouts import LINE, Layout
from audience.options import BadOption, Options
from audience.quality import Tally
from audience.rules import RULES
from audience.sketches import DwellSketch, RateSketch

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
EVENT_MAPPING = {
    "contact": "用户", "item": "文章", "kind": "动作",
    "occurred_at": "时间", "dwell_seconds": "停留", "amount_fen": "金额",
}  # fmt: skip


def text(*cells: str | None) -> pl.Series:
    return pl.Series("t", cells, dtype=pl.String)


def clean(rows, mapping=EVENT_MAPPING, preset="events", types=(), **options):
    headers = tuple(dict.fromkeys(mapping.values())) if not isinstance(rows[0], dict) else tuple(rows[0])
    frame = pl.DataFrame(rows, schema=dict.fromkeys(headers, pl.String), orient="row")
    frame = frame.insert_column(0, pl.Series(LINE, range(2, 2 + frame.height), dtype=pl.Int64))
    tally = Tally(mapping)
    tally.report.rows = frame.height
    chosen = Options.from_json(options)
    cleaner = Cleaner(Layout("csv", headers, types=types), preset, mapping, chosen, NOW, tally)
    cleaned = cleaner.clean(frame)
    tally.reject(cleaned.rejected)
    good = to_events(cleaned.frame, preset, chosen, tally) if cleaner.preset.writes == "events" else cleaned.frame
    return good, [(row.line, row.code) for row in cleaned.rejected], tally.finish()


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-24 12:00:00",
        "2026-11-24 12:00",
        "2026/11/24 12:00",
        "2026.11.24 12:00",
        "2026-11-24T12:00:00+08:00",
        "2026-11-24T04:00:00Z",
        "2026-11-24T04:00:00.000Z",
        "2026年11月24日 12:00",
        "2026年11月24日 12时00分",
        "2026年11月24日 中午12点",
        "2026-11-24 12:00 PM",
        "20261124120000",
        "1795492800",
        "1795492800.0",
        "1795492800000",
        "1795492800000000",
        "46350.5",
    ],
)
def test_every_way_to_write_a_time_is_read(cell):
    assert parsing.times(text(cell), "Asia/Shanghai").to_list() == [dt.datetime(2026, 11, 24, 4, tzinfo=dt.UTC)]


def test_dates_without_a_clock_begin_the_local_day():
    cells = text("2026-11-24", "2026/1/4", "2026年1月4日", "20260104")
    days = [moment.isoformat() for moment in parsing.times(cells, "Asia/Shanghai")]
    assert days == ["2026-11-23T16:00:00+00:00"] + ["2026-01-03T16:00:00+00:00"] * 3


def test_afternoon_and_fractions_are_read():
    found = parsing.times(text("2026年11月24日 下午3:05", "2026-11-24 12:00:00.125", "2026-11-24 12:30 am"), "UTC")
    assert [str(moment)[11:23] for moment in found] == ["15:05:00+00:", "12:00:00.125", "00:30:00+00:"]


def test_what_is_no_time_is_null():
    cells = text("yesterday", "2026-13-01", "2026-02-30 10:00", "12", "24/11/2026", "2026-11-24 25:00", "-5", "1e400")
    assert parsing.times(cells, "Asia/Shanghai").to_list() == [None] * 8


def test_mixed_times_in_one_column_are_all_read():
    cells = text("2026-11-24 12:00:00", None, "1795492800", "2026年11月24日", "bad", "2026/11/24 12:00")
    assert [moment is not None for moment in parsing.times(cells, "UTC")] == [True, False, True, True, False, True]


def test_numbers_are_read_as_people_write_them():
    cells = text("1,234.5", "￥12", "12元", "1.2万", "35%", "１２", "-3", "1e3", "3次", "inf", "nan", "x", "1 2 x")
    assert parsing.numbers(cells).to_list() == pytest.approx(
        [1234.5, 12, 12, 12000, 0.35, 12, -3, 1000, 3, None, None, None, None], abs=1e-9
    )


def test_durations_become_seconds():
    cells = text("12.5", "3分20秒", "00:03:20", "3:20", "5400ms", "1小时", "1.5分钟", "abc", "1,200")
    assert parsing.seconds(cells, "s").to_list() == [12.5, 200, 200, 200, 5.4, 3600, 90, None, 1200]
    assert parsing.seconds(text("5366", "2s"), "ms").to_list() == pytest.approx([5.366, 2])


def test_amounts_become_fen():
    assert parsing.money_fen(text("12.5", "12.5元", "350分", "￥1,200", "0.1", "x"), "yuan").to_list() == [
        1250, 1250, 350, 120000, 10, None,
    ]  # fmt: skip
    assert parsing.money_fen(text("1250"), "fen").to_list() == [1250]


def test_words_for_people_are_read():
    assert parsing.genders(text("男", "Female", "1", "2", "保密", "?")).to_list() == [
        "male", "female", "male", "female", "", None,
    ]  # fmt: skip
    assert parsing.flags(text("是", "0", "YES", "1.0", "maybe")).to_list() == [True, False, True, True, None]
    assert parsing.age_bands(text("17", "27岁", "25-34", "55+", "18岁以下", "x")).to_list() == [
        "under_18", "25_34", "25_34", "55_plus", "under_18", None,
    ]  # fmt: skip
    assert parsing.tags(text("母婴,美妆", "a; b|c、a", '["x","y"]', ",")).to_list() == [
        ["母婴", "美妆"], ["a", "b", "c"], ["x", "y"], [],
    ]  # fmt: skip


def test_a_good_row_becomes_an_event():
    rows = [["u1", "a1", "阅读", "2026-11-24 12:00", "30", "9.90"]]
    events, rejected, report = clean(rows)
    assert events.to_dicts() == [
        {
            LINE: 2, "contact": "u1", "item": "a1", "kind": EventKind.READ, "dwell_seconds": 30.0, "amount_fen": 990,
            "occurred_at": dt.datetime(2026, 11, 24, 4, tzinfo=dt.UTC), "value": None, "text": None, "source_id": None,
        }
    ]  # fmt: skip
    assert (rejected, report.rejected) == ([], 0)


def test_each_fault_sets_its_row_aside_with_its_reason():
    rows = [
        ["u1", "a1", "阅读", "2026-11-24 12:00", "30", None],
        [None, "a1", "阅读", "2026-11-24 12:00", "30", None],
        ["NULL", "a1", "阅读", "2026-11-24 12:00", "30", None],
        ["u1", "a1", None, "2026-11-24 12:00", "30", None],
        ["u1", "a1", "发呆", "2026-11-24 12:00", "30", None],
        ["u1", "a1", "阅读", None, "30", None],
        ["u1", "a1", "阅读", "昨天", "30", None],
        ["u1", "a1", "阅读", "2027-01-01", "30", None],
        ["u1", "a1", "阅读", "1997-12-04", "30", None],
        ["u" * 129, "a1", "阅读", "2026-11-24 12:00", "30", None],
        ["u1", "a" * 129, "阅读", "2026-11-24 12:00", "30", None],
    ]
    events, rejected, report = clean(rows)
    assert events.height == 1
    assert rejected == [
        (3, "contact_missing"),
        (4, "contact_missing"),
        (5, "kind_missing"),
        (6, "kind_unknown"),
        (7, "time_missing"),
        (8, "time_unreadable"),
        (9, "time_impossible"),
        (10, "time_impossible"),
        (11, "id_too_long"),
        (12, "id_too_long"),
    ]
    assert (report.rejected, report.unknown_words) == (10, {"发呆": 1})
    assert {reason.code: reason.count for reason in report.reasons}["time_impossible"] == 2


def test_old_data_is_accepted_when_the_user_says_so():
    rows = [["1", "2", "881250949"]]
    mapping = {"contact": "user_id", "item": "item_id", "occurred_at": "timestamp"}
    assert clean(rows, mapping, default_kind="rate")[1] == [(2, "time_impossible")]
    events, rejected, _report = clean(rows, mapping, default_kind="rate", earliest="1995-01-01")
    assert rejected == []
    assert events.select("kind", "occurred_at").rows() == [
        (EventKind.RATE, dt.datetime(1997, 12, 4, 15, 55, 49, tzinfo=dt.UTC))
    ]


def test_own_words_for_actions_can_be_taught():
    rows = [["u1", "a1", "3", "2026-11-24", None, None]]
    assert clean(rows)[1] == [(2, "kind_unknown")]
    events, _rejected, _report = clean(rows, kind_words={"3": "加购"})
    assert events["kind"].to_list() == [EventKind.ADD_TO_CART]


def test_bad_values_are_emptied_and_counted_while_the_row_stays():
    rows = [
        ["u1", "a1", "阅读", "2026-11-24 12:00", "-5", "x"],
        ["u1", "a1", "阅读", "2026-11-24 12:01", "100000", "-3"],
        ["u1", "a1", "阅读", "2026-11-24 12:02", "n/a", ""],
    ]
    events, rejected, report = clean(rows)
    assert events.select("dwell_seconds", "amount_fen").rows() == [(None, None), (86_400.0, None), (None, None)]
    assert rejected == []
    rules = {rule.name: rule.count for rule in report.rules}
    assert rules == {"unreadable": 1, "impossible_times": 0, "negative": 2, "dwell_day": 1}
    columns = {column.field: (column.missing, column.unreadable, column.missing_share) for column in report.columns}
    assert columns["dwell_seconds"] == (1, 0, 0.3333)
    assert columns["amount_fen"] == (1, 1, 0.3333)


def test_units_come_from_the_header():
    mapping = {"contact": "u", "occurred_at": "t", "dwell_seconds": "停留时长(毫秒)", "amount_fen": "金额(分)"}
    events, _rejected, _report = clean([["u1", "2026-11-24", "5366", "1250"]], mapping, default_kind="view")
    assert events.select("dwell_seconds", "amount_fen").rows() == [(pytest.approx(5.366), 1250)]


def test_a_row_of_the_wechat_table_becomes_its_acts():
    mapping = {
        "contact": "userid", "item": "feedid", "day": "date_", "play": "play", "stay": "stay",
        "read_comments": "read_comment", "like": "like", "click_avatar": "click_avatar", "share": "forward",
        "comment": "comment", "follow": "follow", "favourite": "favorite",
    }  # fmt: skip
    rows = [
        ["8", "71474", "1", "500", "5366", "1", "1", "0", "0", "0", "0", "0"],
        ["8", "30287", "14", "0", "1496", "0", "0", "0", "1", "0", "0", "1"],
    ]
    events, rejected, _report = clean(rows, mapping, "wechat2021", base_date="2026-11-01")
    assert rejected == []
    acts = [(row[LINE], EventKind(row["kind"]).word, row["dwell_seconds"] or 0) for row in events.to_dicts()]
    assert acts == [
        (2, "view", pytest.approx(5.366)), (2, "play", 0.5), (2, "like", 0), (2, "read_comments", 0),
        (3, "view", pytest.approx(1.496)), (3, "share", 0), (3, "favourite", 0),
    ]  # fmt: skip
    assert [str(at) for at in events["occurred_at"].unique().sort()] == [
        "2026-11-01 04:00:00+00:00",
        "2026-11-14 04:00:00+00:00",
    ]


def test_contacts_items_and_engagement_keep_their_own_columns():
    contact = {"编号": "m1", "昵称": "小明", "性别": "男", "年龄": "27", "标签": "母婴,美妆", "积分": "1200"}
    mapping = {"external_id": "编号", "name": "昵称", "gender": "性别", "age_band": "年龄", "tags": "标签"}
    frame, rejected, _report = clean([contact, contact | {"编号": ""}], mapping, "contacts")
    assert frame.drop(LINE).to_dicts() == [
        {
            "external_id": "m1",
            "name": "小明",
            "gender": "male",
            "age_band": "25_34",
            "tags": ["母婴", "美妆"],
            "积分": "1200",
        }
    ]
    assert rejected == [(3, "contact_missing")]
    engagement = {"likes": "3", "transfers": "1", "comments": "0", "time_spent": "42.5", "label": "1", "visits": "7"}
    mapping = {name: name for name in ("likes", "transfers", "comments", "time_spent", "label")}
    frame, _rejected, _report = clean([engagement], mapping, "engagement")
    assert frame.drop(LINE).rows() == [(3.0, 1.0, 0.0, 42.5, True, "7")]
    frame, _rejected, _report = clean([engagement], mapping, "engagement", keep_extra=False)
    assert "visits" not in frame.columns


def test_typed_sequences_are_split_at_blanks():
    row = {"item_id": "1", "movie_title": "Toy Story", "class": "Animation Children's Comedy"}
    mapping = {"external_id": "item_id", "title": "movie_title", "tags": "class"}
    frame, _rejected, _report = clean([row], mapping, "items", types=("token", "token_seq", "token_seq"))
    assert frame["tags"].to_list() == [["Animation", "Children's", "Comedy"]]
    frame, _rejected, _report = clean([row], mapping, "items")
    assert frame["tags"].to_list() == [["Animation Children's Comedy"]]


def test_long_texts_are_cut_and_counted():
    mapping = {"external_id": "id", "title": "title", "text": "text"}
    frame, _rejected, report = clean([["1", "题" * 300, "x" * 3000]], mapping, "items")
    assert (frame["title"].str.len_chars().item(), frame["text"].str.len_chars().item()) == (200, 2000)
    assert [(rule.name, rule.count) for rule in report.rules] == [("long_text", 2)]


@pytest.mark.parametrize(
    "options",
    [
        {"time_zone": "Mars/Olympus"}, {"time_zone": "../etc/passwd"}, {"earliest": "1.1.2011"}, {"earliest": ""},
        {"base_date": "2026-02-30"}, {"default_kind": "fly"}, {"kind_words": {"a": "fly"}}, {"kind_words": []},
        {"unknown_items": "maybe"}, {"item_kind": "planet"}, {"dwell_quantile": 1.5}, {"dwell_quantile": "x"},
        {"max_events_per_minute": -1}, {"max_events_per_minute": True}, {"keep_extra": "yes"}, {"nonsense": 1},
        {"time_zone": 5}, {"account_ref": "x" * 65},
    ],
)  # fmt: skip
def test_bad_options_are_refused_by_name(options):
    with pytest.raises(BadOption) as caught:
        Options.from_json(options)
    assert caught.value.context["option"] in options


def test_the_dwell_sketch_is_within_two_percent_of_the_exact_quantile():
    values = np.random.default_rng(1).lognormal(3, 1.2, 50_000)
    sketch = DwellSketch()
    for part in np.array_split(values, 7):
        sketch.add(pl.Series(part))
    cap, num_beyond = sketch.cap(0.995)
    assert np.quantile(values, 0.995) <= cap <= np.quantile(values, 0.995) * 1.021
    assert num_beyond == int((values > cap).sum())
    assert sketch.num_values == 50_000


def test_the_rate_sketch_never_underestimates():
    rng = np.random.default_rng(2)
    contacts, minutes = rng.integers(0, 300, 20_000), rng.integers(0, 60, 20_000)
    contacts[:90], minutes[:90] = 7, 11
    exact = pl.DataFrame({"c": contacts, "m": minutes}).group_by("c", "m").len()["len"].max()
    sketch = RateSketch()
    for start in range(0, 20_000, 3_000):
        sketch.add(contacts[start : start + 3_000], minutes[start : start + 3_000])
    assert exact <= sketch.highest <= exact + 2


def test_rules_say_what_they_do():
    assert all(str(rule.title) and str(rule.description) for rule in RULES.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20) | st.integers().map(str) | st.floats().map(str) | st.none(), max_size=20))
def test_no_text_breaks_a_reader(cells):
    column = parsing.without_blanks(text(*cells))
    for typed in (
        parsing.times(column, "Asia/Shanghai"),
        parsing.numbers(column),
        parsing.seconds(column, "ms"),
        parsing.money_fen(column, "yuan"),
        parsing.genders(column),
        parsing.flags(column),
        parsing.age_bands(column),
        parsing.tags(column),
    ):
        assert len(typed) == len(cells)


def test_a_shuffled_file_cleans_to_the_same_events():
    rows = [
        [f"u{n % 7}", f"a{n % 5}", "阅读", f"2026-11-{n % 28 + 1:02d} 10:{n % 60:02d}", str(n), None]
        for n in range(200)
    ]
    shuffled = random.Random(3).sample(rows, len(rows))
    one, other = clean(rows)[0], clean(shuffled)[0]
    columns = ["contact", "occurred_at", "dwell_seconds"]
    assert one.select(columns).sort(columns).equals(other.select(columns).sort(columns))
