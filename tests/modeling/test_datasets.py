"""Writing and reading the versioned next-item dataset."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modeling.datasets import DatasetConfig, load_dataset, write_dataset
from modeling.errors import ConfigInvalid, DatasetInvalid, DatasetTooSmall, FileCorrupt

ITEMS = pl.DataFrame({"item_key": [40, 10, 30, 20, 50], "title": ["四", "一", "三", "二", "五"]})
USERS = pl.DataFrame({"user_key": [7, 3, 5, 9]})


def make_interactions(rows: list[tuple[int, int, int, int]], weight: list[float] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["user_key", "item_key", "action", "occurred_at"], orient="row")
    return frame if weight is None else frame.with_columns(pl.Series("weight", weight))


ROWS = [
    (3, 10, 1, 100), (3, 20, 1, 200), (3, 30, 2, 300), (3, 40, 1, 400),
    (5, 20, 1, 150), (5, 30, 1, 250), (5, 50, 1, 350),
    (7, 30, 1, 110), (7, 30, 4, 111), (7, 10, 1, 210), (7, 30, 1, 310), (7, 20, 1, 390), (7, 40, 1, 395),
    (9, 10, 1, 10), (9, 20, 1, 20),
]  # fmt: skip


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
def test_times_that_are_no_numbers_are_refused(tmp_path: Path, at: float) -> None:
    frame = make_interactions(ROWS).with_columns(pl.col("occurred_at").cast(pl.Float64))
    frame = frame.with_columns(
        pl.when(pl.col("occurred_at") == 300).then(at).otherwise("occurred_at").alias("occurred_at")
    )
    with pytest.raises(DatasetInvalid, match="not numbers"):
        write_dataset(tmp_path / "ds", frame, ITEMS, USERS)
    assert not (tmp_path / "ds").exists()


@pytest.mark.parametrize("vector", [[float("nan"), 1.0], [float("inf"), 1.0], [1.0]])
def test_item_vectors_that_are_no_vectors_are_refused(tmp_path: Path, vector: list[float]) -> None:
    items = ITEMS.with_columns(pl.Series("vector", [vector, [1.0, 0.0], None, None, None], dtype=pl.List(pl.Float32)))
    with pytest.raises(DatasetInvalid, match="same length"):
        write_dataset(tmp_path / "ds", make_interactions(ROWS), items, USERS)


def test_item_vectors_are_part_of_the_version(tmp_path: Path) -> None:
    versions = set()
    for place, vector in enumerate(([1.0, 0.0], [0.0, 1.0])):
        items = ITEMS.with_columns(pl.Series("vector", [vector, None, None, None, None], dtype=pl.List(pl.Float32)))
        versions.add(write_dataset(tmp_path / str(place), make_interactions(ROWS), items, USERS).version)
        assert load_dataset(tmp_path / str(place)).items["vector"].drop_nulls().to_list() == [vector]
    assert len(versions) == 2


def test_sequences_are_sorted_indexed_and_short_users_dropped(tmp_path: Path) -> None:
    info = write_dataset(tmp_path / "ds", make_interactions(ROWS[::-1]), ITEMS, USERS)
    dataset = load_dataset(tmp_path / "ds")
    assert dataset.user_keys_U.tolist() == [3, 5, 7]
    assert dataset.item_keys_N.tolist() == [10, 20, 30, 40, 50]
    assert dataset.offsets.tolist() == [0, 4, 7, 12]
    assert dataset.items_E.tolist() == [0, 1, 2, 3, 1, 2, 4, 2, 0, 2, 1, 3]
    assert dataset.times_E.tolist()[:4] == [100, 200, 300, 400]
    assert dataset.items["title"].to_list() == ["一", "二", "三", "四", "五"]
    assert (info.num_users, info.num_users_dropped, info.num_events, info.num_events_merged) == (3, 1, 12, 1)
    assert (info.first_seconds, info.last_seconds) == (100, 400)


def test_run_on_one_item_keeps_the_heaviest_then_latest_action(tmp_path: Path) -> None:
    rows = [(3, 10, 1, 1), (3, 10, 5, 2), (3, 10, 2, 3), (3, 20, 1, 4), (3, 20, 3, 5), (3, 30, 1, 6)]
    rows += [(user, item, 1, item) for user in (5, 7) for item in (10, 20, 30)]
    weights = [1.0, 9.0, 2.0, 1.0, 1.0, 1.0] + [1.0] * 6
    write_dataset(tmp_path / "ds", make_interactions(rows, weights), ITEMS, USERS)
    dataset = load_dataset(tmp_path / "ds")
    assert dataset.items_E.tolist()[:3] == [0, 1, 2]
    assert dataset.actions_E.tolist()[:3] == [5, 3, 1]
    assert dataset.times_E.tolist()[:3] == [1, 4, 6]
    assert dataset.weights_E.tolist()[:3] == [9.0, 1.0, 1.0]


def test_equal_times_keep_the_given_order(tmp_path: Path) -> None:
    rows = [(user, item, 1, 5) for user in (3, 5, 7) for item in (30, 10, 50, 20)]
    write_dataset(tmp_path / "ds", make_interactions(rows), ITEMS, USERS)
    assert load_dataset(tmp_path / "ds").items_E.tolist() == [2, 0, 4, 1] * 3


def test_leave_one_out_takes_the_last_two_first_meetings(tmp_path: Path) -> None:
    write_dataset(tmp_path / "ds", make_interactions(ROWS), ITEMS, USERS)
    dataset = load_dataset(tmp_path / "ds")
    split = dataset.leave_one_out
    # user 7 saw 30, 10, 30 again, 20, 40: the repeat is history, never a target
    assert split.test_targets_U.tolist() == [3, 6, 11]
    assert split.valid_targets_U.tolist() == [2, 5, 10]
    assert split.train_ends_U.tolist() == [2, 5, 10]
    users, histories, targets = dataset.histories(split, "test")
    assert users.tolist() == [0, 1, 2]
    assert histories[2].items_T.tolist() == [2, 0, 2, 1]
    assert targets.tolist() == [3, 4, 3]


def test_target_is_never_in_its_own_history(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [(user, int(generator.choice([10, 20, 30, 40, 50])), 1, t) for user in (3, 5, 7, 9) for t in range(40)]
    write_dataset(tmp_path / "ds", make_interactions(rows), ITEMS, USERS)
    dataset = load_dataset(tmp_path / "ds")
    for split in (dataset.leave_one_out, dataset.time_split):
        for stage in ("valid", "test"):
            _, histories, targets = dataset.histories(split, stage)  # type: ignore[arg-type]  # plain values
            assert all(target not in history.items_T for history, target in zip(histories, targets, strict=True))


def test_time_split_learns_from_the_past_only(tmp_path: Path) -> None:
    rows = [(3, 10, 1, 0), (3, 20, 1, 1), (3, 30, 1, 6), (3, 40, 1, 9)]
    rows += [(5, 10, 1, 2), (5, 20, 1, 3), (5, 10, 1, 7), (5, 30, 1, 8)]
    rows += [(7, 10, 1, 7), (7, 20, 1, 8), (7, 30, 1, 9), (7, 40, 1, 9)]
    config = DatasetConfig(valid_quantile=0.35, test_quantile=0.8)
    write_dataset(tmp_path / "ds", make_interactions(rows), ITEMS, USERS, config)
    dataset = load_dataset(tmp_path / "ds")
    # the 12 times 0 1 2 3 6 7 7 8 8 9 9 9 put the cut-offs at 6 and 9
    split = dataset.time_split
    assert split.train_ends_U.tolist() == [2, 6, 8]
    assert split.valid_targets_U.tolist() == [2, 7, -1]
    assert split.test_targets_U.tolist() == [3, -1, 10]
    assert dataset.is_train_E(split).sum() == 4


def test_equal_input_gives_equal_version_and_any_change_another(tmp_path: Path) -> None:
    frame = make_interactions(ROWS)
    first = write_dataset(tmp_path / "a", frame, ITEMS, USERS).version
    assert write_dataset(tmp_path / "b", frame, ITEMS, USERS).version == first
    renamed = ITEMS.with_columns(title=pl.lit("x"))
    assert write_dataset(tmp_path / "c", frame, renamed, USERS).version != first
    assert write_dataset(tmp_path / "d", frame, ITEMS, USERS, DatasetConfig(merge_runs=False)).version != first


def test_datetimes_become_unix_seconds(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(user, item, 1, start + timedelta(hours=item)) for user in (3, 5, 7) for item in (10, 20, 30)]
    write_dataset(tmp_path / "ds", make_interactions(rows), ITEMS, USERS)  # type: ignore[arg-type]  # plain values
    assert load_dataset(tmp_path / "ds").times_E.tolist()[0] == int(start.timestamp()) + 36_000


def test_changed_file_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "ds", make_interactions(ROWS), ITEMS, USERS)
    path = tmp_path / "ds" / "interactions.parquet"
    pl.read_parquet(path, memory_map=False).with_columns(action=pl.lit(9, pl.Int16)).write_parquet(path)
    with pytest.raises(FileCorrupt):
        load_dataset(tmp_path / "ds")


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (make_interactions([*ROWS, (3, 99, 1, 500)]), DatasetInvalid),
        (make_interactions([*ROWS, (99, 10, 1, 500)]), DatasetInvalid),
        (make_interactions(ROWS).drop("action"), DatasetInvalid),
        (make_interactions(ROWS, [1.0] * 14 + [float("nan")]), DatasetInvalid),
        (make_interactions(ROWS[:4]), DatasetTooSmall),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_written(tmp_path: Path, frame: pl.DataFrame, error: type) -> None:
    with pytest.raises(error):
        write_dataset(tmp_path / "ds", frame, ITEMS, USERS)
    assert list(tmp_path.iterdir()) == []


def test_config_round_trips_and_refuses_unknown_fields() -> None:
    config = DatasetConfig(valid_quantile=0.5)
    assert DatasetConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigInvalid, match="colour"):
        DatasetConfig.from_json('{"colour": 1}')
    with pytest.raises(ConfigInvalid, match="merge_runs"):
        DatasetConfig.from_json('{"merge_runs": 1}')
