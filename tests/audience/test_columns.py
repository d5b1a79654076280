"""Which preset and which columns are guessed from headers and a few rows."""

import polars as pl
import pytest

from audience.columns import guess_for, guess_mapping, unit_of
from audience.presets import PRESETS


def sample(headers: list[str], *rows: list[str]) -> tuple[tuple[str, ...], pl.DataFrame]:
    return tuple(headers), pl.DataFrame(list(rows), schema=dict.fromkeys(headers, pl.String), orient="row")


CASES = {
    "engagement table of the field": (
        ["user", "likes", "transfers", "comments", "time_spent", "label"],
        ["u1", "3", "1", "0", "42.5", "1"],
        "engagement",
        ["contact", "likes", "transfers", "comments", "time_spent", "label"],
    ),
    "engagement table without its user": (
        ["likes", "transfers", "comments", "time_spent", "label"],
        ["3", "1", "0", "42.5", "1"],
        "engagement",
        ["likes", "transfers", "comments", "time_spent", "label"],
    ),
    "Chinese engagement table": (
        ["用户", "点赞", "转发", "评论", "停留时长", "是否转化"],
        ["u1", "3", "1", "0", "42.5", "是"],
        "engagement",
        ["contact", "likes", "transfers", "comments", "time_spent", "label"],
    ),
    "Chinese event log": (
        ["用户ID", "文章ID", "动作", "时间", "停留时长(秒)"],
        ["u1", "a1", "阅读", "2026-11-24 12:00", "30"],
        "events",
        ["contact", "item", "kind", "occurred_at", "dwell_seconds"],
    ),
    "orders": (
        ["openid", "行为类型", "商品id", "下单时间", "订单金额"],
        ["o1", "购买", "p1", "2026/11/24 12:00", "12.5元"],
        "events",
        ["contact", "kind", "item", "occurred_at", "amount_fen"],
    ),
    "ratings": (
        ["user_id", "item_id", "rating", "timestamp"],
        ["196", "242", "3", "881250949"],
        "events",
        ["contact", "item", "value", "occurred_at"],
    ),
    "contacts": (
        ["会员号", "昵称", "性别", "年龄", "省份", "标签", "手机号"],
        ["m1", "小明", "男", "27", "广东", "母婴", "13800000000"],
        "contacts",
        ["external_id", "name", "gender", "age_band", "region", "tags", "phone"],
    ),
    "items": (
        ["商品编号", "商品名称", "类目", "价格", "标签"],
        ["p1", "口红", "美妆", "99.0", "口红,礼物"],
        "items",
        ["external_id", "title", "category", "price_fen", "tags"],
    ),
    "films": (
        ["item_id", "movie_title", "release_year", "class"],
        ["1", "Toy Story", "1995", "Animation Comedy"],
        "items",
        ["external_id", "title", None, "tags"],
    ),
    "WeChat challenge": (
        [
            "userid",
            "feedid",
            "date_",
            "device",
            "read_comment",
            "comment",
            "like",
            "play",
            "stay",
            "click_avatar",
            "forward",
            "follow",
            "favorite",
        ],
        ["8", "71474", "1", "1", "0", "0", "1", "500", "5366", "0", "0", "0", "0"],
        "wechat2021",
        [
            "contact",
            "item",
            "day",
            "device",
            "read_comments",
            "comment",
            "like",
            "play",
            "stay",
            "click_avatar",
            "share",
            "follow",
            "favourite",
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_preset_and_columns_are_guessed(name):
    headers, row, preset, fields = CASES[name]
    guess = guess_mapping(*sample(headers, row))
    assert guess.preset == preset
    assert guess.mapping == {field: header for field, header in zip(fields, headers, strict=True) if field}
    assert guess.confidence > 0.7


def test_a_list_of_openids_is_a_contact_table_with_identities():
    guess = guess_mapping(*sample(["openid"], ["oAbc"]))
    assert (guess.preset, guess.mapping) == ("contacts", {"external_id": "openid", "openid": "openid"})


def test_times_are_found_by_content_when_the_header_says_nothing():
    guess = guess_for(PRESETS["events"], *sample(["user_id", "column_2"], ["u1", "2026-11-24 12:00"]))
    assert guess.mapping == {"contact": "user_id", "occurred_at": "column_2"}
    assert guess.sureness["occurred_at"] < 0.5


def test_a_header_that_lies_about_its_content_is_not_trusted():
    guess = guess_for(PRESETS["events"], *sample(["user_id", "time"], ["u1", "abc"], ["u2", "def"]))
    assert guess.sureness["occurred_at"] < 0.5


def test_unknown_columns_stay_unmapped():
    guess = guess_mapping(*sample(["p", "q"], ["1", "2"]))
    assert (guess.mapping, guess.confidence) == ({}, 0.0)


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("停留时长(毫秒)", "ms"),
        ("dwell_ms", "ms"),
        ("时长（分钟）", "min"),
        ("金额[分]", "fen"),
        ("time_spent", ""),
        ("price", ""),
    ],
)
def test_units_in_headers_are_read(header, unit):
    assert unit_of(header) == unit


def test_every_preset_has_distinct_fields_with_labels():
    for preset in PRESETS.values():
        names = [field.name for field in preset.fields]
        assert len(names) == len(set(names))
        assert all(str(field.label) and field.aliases for field in preset.fields)
