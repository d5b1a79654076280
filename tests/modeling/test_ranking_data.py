"""Exposures, what is known before them, and the dataset of both."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modeling.errors import DatasetInvalid, DatasetTooSmall, FileCorrupt, LabelHasOneClass
from modeling.ranking_acts import ACTS
from modeling.ranking_counts import Histories, count_all
from modeling.ranking_datasets import RankingDatasetConfig, load_ranking_dataset, write_ranking_dataset
from modeling.ranking_dwell import DwellBuckets, agreement_within
from modeling.ranking_exposures import check_events, find_exposures
from modeling.ranking_features import assemble, feature_names
from modeling.ranking_items import ItemFacts, Vocabulary
from tests.modeling.exposures import DAY, event, frame_of, make_items, make_ranking, make_user_action, to_events

HOUR = 3600


def exposures_of(*events, end=10 * DAY):
    return find_exposures(check_events(frame_of(*events, event(99, 1, "rate", end))), DAY)


def test_acts_after_a_showing_within_the_window_are_its_labels() -> None:
    found = exposures_of(
        event(1, 7, "open", 0, 12.5),
        event(1, 7, "like", 60),
        event(1, 7, "purchase", 23 * HOUR),
        event(2, 7, "open", 5),
    )
    line = found.rows.row(0, named=True)
    assert [act for act in ACTS if line[act] == 1] == ["like", "purchase"]
    assert (line["dwell_seconds"], line["open"], line["is_impression"]) == (12.5, -1, False)
    assert [found.rows[act][1] for act in ("like", "purchase")] == [0, 0]


def test_an_impression_that_is_opened_is_one_exposure_with_the_opening_as_its_act() -> None:
    found = exposures_of(event(1, 7, "impression", 0), event(1, 7, "open", 30, 4), event(2, 7, "impression", 0))
    assert found.rows.select("user_key", "is_impression", "open").rows() == [(1, True, 1), (2, True, 0)]


def test_an_act_at_the_same_moment_counts_and_a_showing_a_window_later_is_a_new_exposure() -> None:
    found = exposures_of(event(1, 7, "like", 0), event(1, 7, "open", 0), event(1, 7, "open", 2 * DAY))
    assert found.rows["like"].to_list() == [1, 0]
    assert found.num_acts_without_exposure == 0


def test_acts_nobody_was_shown_anything_for_make_no_exposure_and_are_counted() -> None:
    found = exposures_of(event(1, 7, "purchase", 0), event(1, 8, "like", 0), event(1, 8, "open", 60))
    assert found.rows.select("item_key", "like").rows() == [(8, 0)]
    assert found.num_acts_without_exposure == 2


def test_exposures_whose_window_has_not_ended_are_left_out() -> None:
    found = exposures_of(event(1, 7, "open", 0), event(1, 8, "open", 9.5 * DAY))
    assert (found.rows["item_key"].to_list(), found.num_unfinished) == ([7], 1)


def test_a_dwell_that_is_no_length_of_time_is_unknown() -> None:
    events = check_events(
        frame_of(*(event(1, 7, "open", 0, dwell) for dwell in (float("nan"), float("inf"), -1.0, 3.0)))
    )
    assert events["dwell_seconds"].to_list() == [None, None, None, 3.0]


@pytest.mark.parametrize("change", [{"code": 99}, {"user_key": None}, {"occurred_micros": None}])
def test_events_that_cannot_be_are_refused(change) -> None:
    with pytest.raises(DatasetInvalid):
        check_events(frame_of({**event(1, 7, "open", 0), **change}))


def describe(events: pl.DataFrame, acts: tuple[str, ...]):
    """The exposures of events and their features by name."""
    items = make_items()
    facts = ItemFacts.of(items, Vocabulary.of(items))
    events = check_events(events)
    rows = find_exposures(events, DAY).rows
    rows = rows.with_columns(pl.Series("item_index", facts.index(rows["item_key"].to_numpy())))
    histories = Histories.of(events, rows, facts, 0)
    features_RF = assemble(count_all(rows, histories, facts, acts, DAY, 0), facts, 0)
    return rows, dict(zip(feature_names(acts), features_RF.T, strict=True)), histories


def test_features_know_only_what_was_before() -> None:
    acts = ("like", "share")
    events = to_events(make_user_action(num_days=6))
    rows, features, _histories = describe(events, acts)
    cut = rows["shown_micros"][len(rows) // 2]
    early_rows, early, _histories = describe(events.filter(pl.col("occurred_micros") <= cut + DAY * 1_000_000), acts)
    num = (early_rows["shown_micros"] <= cut).sum()
    assert num > 500
    for name in features:
        np.testing.assert_array_equal(features[name][:num], early[name][:num], err_msg=name)


def test_rates_of_items_are_those_of_the_day_before_and_smoothed() -> None:
    shows = [event(user, 7, "open", user) for user in range(1, 11)]
    likes = [event(user, 7, "like", user + 20) for user in range(1, 6)]
    later = [event(50, 7, "open", 1.5 * DAY), event(51, 7, "open", 2.5 * DAY), event(99, 1, "rate", 9 * DAY)]
    _rows, features, _histories = describe(frame_of(*shows, *likes, *later), ("like",))
    odds = np.exp(features["item_rate_like"].astype(float))
    rates = odds / (1 + odds)
    everybody = (5 + 50 * 0.02) / (10 + 50)
    assert rates[9:11] == pytest.approx([0.02, 0.02], rel=1e-4)
    assert rates[11] == pytest.approx((5 + 20 * everybody) / (10 + 20), rel=1e-4)


def test_a_history_is_the_last_200_events_of_90_days_or_of_all_time_when_few() -> None:
    old = [event(1, 7, "open", step) for step in range(15)]
    new = [event(1, 8, "open", 200 * DAY + step) for step in range(19)]
    many = [event(2, 7, "open", 100 * DAY + 60 * step) for step in range(300)]
    probe = [event(1, 9, "open", 201 * DAY), event(2, 9, "open", 150 * DAY), event(99, 1, "rate", 300 * DAY)]
    rows, features, histories = describe(frame_of(*old, *new, *many, *probe), ("like",))
    places = [rows["item_key"].to_list().index(9), len(rows) - 1 - rows["item_key"].to_list()[::-1].index(9)]
    lengths = (histories.ends_R - histories.starts_R)[places].tolist()
    assert lengths == [200, 34]
    assert np.expm1(features["acts"][places]) == pytest.approx(lengths, rel=1e-5)


def test_a_contact_with_100_000_events_is_counted_like_any_other() -> None:
    num = 100_000
    flood = pl.DataFrame([event(1, 7, "open", 0)]).select(pl.all().repeat_by(num).explode()).with_columns(
        item_key=pl.int_range(num) % 60 + 1,
        occurred_micros=pl.col("occurred_micros") + pl.int_range(num) * 1_500_000_000,
    )  # fmt: skip
    rows, features, histories = describe(flood.cast({"dwell_seconds": pl.Float64}), ("like",))
    assert len(rows) > 50_000
    assert int((histories.ends_R - histories.starts_R).max()) == 200
    assert np.isfinite(features["same_category_share"]).all()


def test_the_dataset_is_split_by_time_hashed_and_read_back(tmp_path: Path) -> None:
    first, same = (make_ranking(tmp_path / name) for name in "ab")
    other = make_ranking(tmp_path / "c", RankingDatasetConfig(window_hours=12))
    assert first.info.version == same.info.version != other.info.version
    assert set(first.info.acts) == {"read_comments", "like", "favourite", "share"}
    ends = [first.shown_micros_R[first.rows(part)] for part in ("train", "valid", "test")]
    assert ends[0].max() < ends[1].min() <= ends[1].max() < ends[2].min()
    assert first.features_RF.shape == (first.info.num_rows, len(first.info.feature_names))


def test_too_many_rows_keep_the_newest(tmp_path: Path) -> None:
    whole, capped = make_ranking(tmp_path / "a"), make_ranking(tmp_path / "b", RankingDatasetConfig(max_rows=1000))
    assert (capped.info.num_rows, capped.info.num_too_old) == (1000, whole.info.num_rows - 1000)
    np.testing.assert_array_equal(capped.features_RF, whole.features_RF[-1000:])


def test_an_act_with_one_class_is_left_out_and_named(tmp_path: Path) -> None:
    actions = make_user_action().with_columns(favorite=pl.lit(0, pl.Int8), comment=pl.lit(1, pl.Int8))
    info = write_ranking_dataset(tmp_path / "ds", to_events(actions), make_items())
    assert "favourite" not in (*info.acts, *info.acts_left_out)
    assert (info.acts_left_out, info.num_positive_left_out) == (("comment",), (info.num_rows,))


def test_nothing_to_tell_apart_too_few_and_one_moment_are_refused(tmp_path: Path) -> None:
    silent = make_user_action().with_columns(
        pl.lit(0, pl.Int8).alias(name) for name in ("like", "read_comment", "forward", "favorite")
    )
    with pytest.raises(LabelHasOneClass):
        write_ranking_dataset(tmp_path / "a", to_events(silent), make_items())
    with pytest.raises(DatasetTooSmall):
        write_ranking_dataset(tmp_path / "b", to_events(make_user_action(num_days=1, num_users=5)), make_items())
    events = to_events(make_user_action())
    moment = events.with_columns(occurred_micros=events["occurred_micros"].min())
    moment = pl.concat([moment, frame_of(event(99, 1, "rate", 9 * DAY)).cast(dict(events.schema))])
    with pytest.raises(DatasetTooSmall, match="nearly the same time"):
        write_ranking_dataset(tmp_path / "c", moment, make_items())
    with pytest.raises(DatasetTooSmall):
        write_ranking_dataset(tmp_path / "d", events.clear(), make_items())
    assert list(tmp_path.iterdir()) == []


def test_a_changed_dataset_is_refused(tmp_path: Path) -> None:
    make_ranking(tmp_path / "ds")
    path = tmp_path / "ds" / "rows.parquet"
    pl.read_parquet(path, memory_map=False).with_columns(like=pl.lit(1, pl.Int8)).write_parquet(path)
    with pytest.raises(FileCorrupt):
        load_ranking_dataset(tmp_path / "ds")


def test_dwell_is_placed_among_items_of_like_length() -> None:
    generator = np.random.default_rng(0)
    lengths = np.repeat([10.0, 100.0], 200).astype(np.float32)
    shares = generator.random(400)
    dwells = (lengths * shares).astype(np.float32)
    kinds = np.ones(400, np.int32)
    buckets = DwellBuckets.fit(kinds, lengths, dwells)
    places = buckets.to_quantiles(buckets.of(kinds, lengths), dwells)
    assert np.abs(places - shares).max() < 0.15
    assert abs(places[:200].mean() - places[200:].mean()) < 0.02
    back = buckets.to_seconds(buckets.of(kinds, lengths), places)
    assert np.corrcoef(back, dwells)[0, 1] > 0.99
    bucket_R = buckets.of(kinds, lengths)
    assert agreement_within(bucket_R, places, dwells) == pytest.approx(1.0, abs=0.001)
    assert abs(agreement_within(bucket_R, lengths + generator.random(400).astype(np.float32), dwells)) < 0.2


def test_a_kind_with_few_stays_shares_the_bucket_of_everything() -> None:
    buckets = DwellBuckets.fit(
        np.array([1] * 60 + [2] * 3), np.full(63, np.nan, np.float32), np.arange(63, dtype=np.float32)
    )
    assert buckets.kinds_B.tolist() == [1, -1]
    assert buckets.of(np.array([1, 2, 0]), np.array([np.nan, 5, 5], np.float32)).tolist() == [0, 1, 1]
