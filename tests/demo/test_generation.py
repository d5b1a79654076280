"""The demo world is complete, repeatable, believable, and has a structure worth learning."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from demo.behaviour import EVENT_COLUMNS, World, build_world, draw_covers, find_conversions
from demo.covers import draw_cover, wrap_title
from demo.followers import WINDOW_DAYS

NOW = datetime(2026, 7, 1, 4, tzinfo=UTC)
WORDS = {
    *("view", "read", "play", "like", "share", "comment", "favourite", "follow", "click"),
    *("add_to_cart", "purchase", "enrol", "lesson_complete", "message_in"),
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(seed=7, now=NOW)


@pytest.fixture(scope="module")
def openings(world: World) -> pl.DataFrame:
    """First contact of each person with each item, in order."""
    opened = world.clean_events.filter(pl.col("kind").is_in(["view", "read", "play"]))
    numbers = world.items.with_row_index("item_number").select("item_number", item="external_id")
    return opened.join(numbers, on="item").sort("contact", "occurred_at")


def test_the_brand_has_six_hundred_items_of_six_kinds_in_twelve_categories(world: World) -> None:
    assert world.items.height == 600
    assert dict(world.items["kind"].value_counts().iter_rows()) == {
        **{"article": 288, "video": 84, "audio": 48},
        **{"product": 96, "course": 48, "offer": 36},
    }
    assert world.items["category"].value_counts()["count"].to_list() == [50] * 12


def test_no_title_or_id_stands_twice(world: World) -> None:
    assert world.items["title"].n_unique() == world.items["external_id"].n_unique() == 600


def test_only_what_is_sold_has_a_price_in_whole_fen(world: World) -> None:
    priced = world.items.filter(pl.col("price_fen").is_not_null())
    assert set(priced["kind"].unique()) == {"product", "course", "offer"}
    assert priced.height == 96 + 48 + 36
    assert priced["price_fen"].min() == 100
    assert priced["price_fen"].max() == 56_900
    assert world.items.filter(pl.col("title") == "精华小样盲盒 五支装")["price_fen"].item() == 2990


def test_items_are_published_before_now_and_half_of_the_themes_within_the_window(world: World) -> None:
    published = world.items["published_at"]
    assert published.max() < NOW
    assert published.min() > NOW - timedelta(days=430)
    assert 150 < (published > NOW - timedelta(days=WINDOW_DAYS)).sum() < 400


def test_a_length_told_in_a_title_is_the_length_of_the_film(world: World) -> None:
    seconds = dict(world.items.select("title", "duration_seconds").iter_rows())
    assert seconds["肩颈放松八分钟跟练"] == 8 * 60
    assert seconds["二十分钟无跳跃燃脂跟练"] == 20 * 60
    assert seconds["睡前十五分钟阴瑜伽"] == 15 * 60


def test_lessons_are_counted_for_courses_only(world: World) -> None:
    assert set(world.items.filter(pl.col("num_lessons").is_not_null())["kind"]) == {"course"}


def test_the_same_seed_and_time_make_the_same_world() -> None:
    first, second = (build_world(seed=3, now=NOW, num_contacts=300) for _ in range(2))
    for table in ("items", "contacts", "events", "weixin_data"):
        assert_frame_equal(getattr(first, table), getattr(second, table))


def test_another_seed_makes_another_world() -> None:
    first, second = (build_world(seed=seed, now=NOW, num_contacts=300) for seed in (3, 4))
    assert first.contacts["name"].to_list() != second.contacts["name"].to_list()
    assert first.events.height != second.events.height


def test_contacts_are_five_thousand_with_unique_ids(world: World) -> None:
    assert world.contacts.height == 5000
    assert world.contacts["external_id"].n_unique() == world.contacts["openid"].n_unique() == 5000
    assert set(world.contacts["openid"].str.len_chars()) == {28}
    assert world.contacts["name"].str.len_chars().min() >= 2
    assert world.contacts["followed_at"].max() < NOW
    assert (world.contacts["consent_training"] == "denied").sum() > 100


def test_there_are_enough_events_of_every_kind(world: World) -> None:
    assert tuple(world.events.columns) == EVENT_COLUMNS
    assert 240_000 < world.events.height < 350_000
    assert set(world.events["kind"]) == WORDS
    counts = dict(world.clean_events["kind"].value_counts().iter_rows())
    assert min(counts.values()) > 800
    assert counts["add_to_cart"] > counts["purchase"] > 2000


def test_clean_events_lie_in_the_window_and_after_publishing_and_following(world: World) -> None:
    events = world.clean_events
    assert events["occurred_at"].min() >= NOW - timedelta(days=WINDOW_DAYS)
    assert events["occurred_at"].max() < NOW
    published = world.items.select("published_at", item="external_id")
    assert events.join(published, on="item").filter(pl.col("occurred_at") < pl.col("published_at")).height == 0
    followed = world.contacts.select("followed_at", contact="external_id")
    assert events.join(followed, on="contact").filter(pl.col("occurred_at") < pl.col("followed_at")).height == 0


def test_money_flows_only_where_something_is_sold(world: World) -> None:
    paid = world.clean_events.filter(pl.col("amount_fen").is_not_null())
    assert set(paid["kind"]) == {"purchase", "enrol"}
    with_price = paid.join(world.items.select("price_fen", item="external_id"), on="item")
    assert with_price.filter(pl.col("amount_fen") % pl.col("price_fen") != 0).height == 0


def test_a_purchase_follows_its_cart_and_a_lesson_its_enrolment(world: World) -> None:
    def first(word: str) -> pl.DataFrame:
        rows = world.clean_events.filter(pl.col("kind") == word)
        return rows.group_by("contact", "item").agg(pl.col("occurred_at").min().alias(word))

    for cause, effect in (("add_to_cart", "purchase"), ("enrol", "lesson_complete")):
        pairs = first(effect).join(first(cause), on=["contact", "item"], how="left")
        assert pairs.filter(pl.col(cause).is_null() | (pl.col(cause) >= pl.col(effect))).height == 0


def test_lessons_come_in_order(world: World) -> None:
    lessons = world.clean_events.filter(pl.col("kind") == "lesson_complete").sort("occurred_at")
    numbers = lessons.group_by("contact", "item", maintain_order=True).agg(
        pl.col("text").str.extract(r"(\d+)").cast(pl.Int64)
    )
    assert all(series.to_list() == list(range(1, len(series) + 1)) for series in numbers["text"])


def test_evenings_and_sundays_are_busiest(world: World) -> None:
    local = world.clean_events["occurred_at"].dt.convert_time_zone("Asia/Shanghai")
    by_hour = np.bincount(local.dt.hour().to_numpy(), minlength=24)
    by_weekday = np.bincount(local.dt.weekday().to_numpy(), minlength=8)[1:]
    assert by_hour.argmax() in (20, 21)
    assert by_hour[12] > by_hour[10]
    assert by_hour[3] < by_hour[21] / 20
    assert by_weekday.argmax() == 6


def test_the_faults_are_there_to_be_found(world: World) -> None:
    events, known = world.events, world.items["external_id"]
    assert events.height - events["source_id"].n_unique() == 1200
    unique = events.unique("source_id")
    outside = unique.filter((pl.col("occurred_at") > NOW) | (pl.col("occurred_at").dt.year() < 2000))
    assert outside.height == 60
    assert unique.filter(pl.col("dwell_seconds") > 100_000).height == 90
    assert unique.filter(pl.col("item").is_not_null() & ~pl.col("item").is_in(known.to_list())).height == 45
    per_contact = unique.filter(pl.col("kind") == "view")["contact"].value_counts()
    bots = world.contacts["external_id"].tail(6)
    assert per_contact.filter(pl.col("contact").is_in(bots.to_list()))["count"].to_list() == [420] * 6


def test_attention_has_a_long_tail(openings: pl.DataFrame) -> None:
    counts = openings["item"].value_counts(sort=True)["count"]
    assert counts.head(60).sum() > 0.25 * openings.height
    assert counts.head(60).sum() < 0.5 * openings.height


def test_what_people_open_matches_their_hidden_interests(world: World, openings: pl.DataFrame) -> None:
    interests = world.followers.interests
    number = {name: row for row, name in enumerate(world.contacts["external_id"])}
    who = np.array([number[name] for name in openings["contact"]])
    theme = world.catalogue.theme_I[openings["item_number"].to_numpy()]
    at_ms = openings["occurred_at"].dt.epoch("ms").to_numpy()
    share = interests.themes_at(who, at_ms)[np.arange(len(who)), theme]
    stranger = interests.themes_at(np.roll(who, 7919), at_ms)[np.arange(len(who)), theme]
    assert share.mean() > 3 * stranger.mean()


def _hit_rate(candidates: list[list[int]], targets: list[int]) -> float:
    return float(np.mean([target in chosen for chosen, target in zip(candidates, targets, strict=True)]))


def test_the_next_item_is_better_told_by_order_than_by_popularity(world: World, openings: pl.DataFrame) -> None:
    histories = [
        list(group) for group in openings.group_by("contact", maintain_order=True).agg("item_number")["item_number"]
    ]
    histories = [history for history in histories if len(history) >= 5]
    popular = np.argsort(-np.bincount(openings["item_number"].to_numpy(), minlength=600)).tolist()
    category, theme, rank = world.catalogue.category_I, world.catalogue.theme_I, world.catalogue.rank_I

    def ranked(history: list[int], score: np.ndarray) -> list[int]:
        seen = set(history)
        return [item for item in sorted(popular, key=lambda item: -score[item]) if item not in seen][:10]

    past, targets = [history[:-1] for history in histories], [history[-1] for history in histories]
    by_popularity = _hit_rate([ranked(history, np.zeros(600)) for history in past], targets)
    by_category = _hit_rate([ranked(history, 1.0 * (category == category[history[-1]])) for history in past], targets)
    by_series = _hit_rate(
        [ranked(history, (theme == theme[history[-1]]) * (2.0 - (rank < rank[history[-1]]))) for history in past],
        targets,
    )
    assert by_popularity < 0.12
    assert by_category > 1.5 * by_popularity
    assert by_series > 1.5 * by_category


def test_the_sequel_depends_on_two_items_back(world: World, openings: pl.DataFrame) -> None:
    """Knowing the theme before as well as the theme now tells more about the next theme than the theme now alone."""
    steps = openings.with_columns(theme=pl.Series(world.catalogue.theme_I[openings["item_number"].to_numpy()])).filter(
        pl.col("theme") != pl.col("theme").shift(1).over("contact").fill_null(-1)
    )
    triples = steps.select(
        before=pl.col("theme").shift(2).over("contact"),
        now=pl.col("theme").shift(1).over("contact"),
        next="theme",
    ).drop_nulls()
    fit, test = triples[: triples.height * 4 // 5], triples[triples.height * 4 // 5 :]

    def accuracy(keys: list[str]) -> float:
        best = fit.group_by(keys).agg(guess=pl.col("next").mode().min())
        scored = test.join(best, on=keys, how="left")
        return float((scored["guess"] == scored["next"]).fill_null(False).mean())

    assert accuracy(["before", "now"]) > 1.2 * accuracy(["now"])


def test_after_a_purchase_people_look_for_goods_of_the_same_field(world: World, openings: pl.DataFrame) -> None:
    goods = world.items.with_columns(is_goods=pl.col("kind").is_in(["product", "course", "offer"]))
    rows = openings.join(goods.select("is_goods", "category", item="external_id"), on="item")
    rows = rows.with_columns(
        next_goods=pl.col("is_goods").shift(-1).over("contact"),
        next_category=pl.col("category").shift(-1).over("contact"),
    ).drop_nulls("next_goods")
    bought = world.clean_events.filter(pl.col("kind").is_in(["purchase", "enrol"])).select("contact", "item").unique()
    rows = rows.join(bought.with_columns(is_bought=pl.lit(True)), on=["contact", "item"], how="left")
    rows = rows.filter("is_goods").with_columns(pl.col("is_bought").fill_null(False))
    share = rows.group_by("is_bought").agg(
        share=(pl.col("next_goods") & (pl.col("next_category") == pl.col("category"))).mean()
    )
    shares = dict(share.iter_rows())
    assert shares[True] > 0.6
    assert shares[False] < 0.4


def test_the_worked_example_is_learnable_and_looks_ahead_only(world: World) -> None:
    table = world.weixin_data
    assert table.columns == ["user", "likes", "transfers", "comments", "time_spent", "label"]
    assert 3000 < table.height < 5000
    assert 0.15 < table["label"].mean() < 0.4
    assert table["time_spent"].null_count() > 10
    assert table.height - table["user"].n_unique() > 10
    kept = table.drop_nulls()
    order = np.argsort(kept["time_spent"].to_numpy())
    label = kept["label"].to_numpy()[order]
    num_positive, ranks = label.sum(), np.flatnonzero(label) + 1
    area = (ranks.sum() - num_positive * (num_positive + 1) / 2) / (num_positive * (len(label) - num_positive))
    assert 0.6 < area < 0.9


def test_every_cover_is_a_small_well_formed_picture(world: World) -> None:
    covers = draw_covers(world.catalogue)
    assert len(covers) == 600
    assert max(len(cover.encode()) for cover in covers) <= 3072
    for cover in covers:
        root = ElementTree.fromstring(cover)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not [node for node in root.iter() if node.tag.endswith(("script", "image", "use", "foreignObject"))]


def test_a_title_with_markup_stays_text() -> None:
    cover = draw_cover("<b>A&B</b>", "article", "摄影", 0)
    texts = [node.text for node in ElementTree.fromstring(cover).iter("{http://www.w3.org/2000/svg}tspan")]
    assert "".join(text or "" for text in texts).replace(" ", "") == "<b>A&B</b>"


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("跑步", ["跑步"]),
        ("窗边光：零成本的柔光箱", ["窗边光：", "零成本的柔光箱"]),
        ("纸上实验室：翻书做科学", ["纸上实验室：", "翻书做科学"]),
        ("神经酰胺舒缓面霜 50g", ["神经酰胺舒", "缓面霜 50g"]),
    ],
)
def test_titles_break_where_the_eye_expects_it(title: str, lines: list[str]) -> None:
    assert wrap_title(title) == lines


def test_conversions_follow_their_true_chances(world: World) -> None:
    start = NOW - timedelta(days=30)
    truth = find_conversions(world, start, NOW)
    assert truth.is_converted_U.sum() > 300
    assert not truth.is_converted_U[truth.chance_U == 0].any()
    spread = np.sqrt((truth.chance_U * (1 - truth.chance_U)).sum())
    assert truth.is_converted_U.sum() == pytest.approx(truth.chance_U.sum(), abs=4 * spread)
    sales = world.clean_events.filter(pl.col("kind").is_in(["purchase", "enrol"]) & (pl.col("occurred_at") >= start))
    buyers = set(world.contacts.filter(pl.Series(truth.is_converted_U))["external_id"])
    assert len(buyers - set(sales["contact"])) <= 2
