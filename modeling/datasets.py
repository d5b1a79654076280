"""The versioned next-item dataset on disk.

Stage: training. Reads frames handed over by extract; writes interactions.parquet, items.parquet, users.parquet and
dataset.json into one directory. The version is a SHA-256 over data and configuration: equal input, equal version.
Shapes: U users (ascending key), N items (ascending key), E events (by user, then time, then given order).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from modeling.configs import JsonConfig
from modeling.errors import DatasetInvalid, DatasetTooSmall, FileCorrupt
from modeling.histories import BoolArray, FloatArray, History, Int16Array, Int32Array, Int64Array, find_runs, index_of
from modeling.splits import (
    Split,
    Stage,
    find_first_meetings,
    read_fold,
    split_by_time,
    split_expanding,
    split_leave_one_out,
)
from modeling.storage import publishing, write_durably

EVENT_COLUMNS = {
    "user_index": pl.Int32,
    "item_index": pl.Int32,
    "action": pl.Int16,
    "time_seconds": pl.Int64,
    "weight": pl.Float32,
}
MIN_USERS = 3
MIN_ITEMS = 3


@dataclass(frozen=True)
class DatasetConfig(JsonConfig):
    """How raw interactions become sequences."""

    min_items_per_user: int = 3
    """Users who met fewer different items are dropped (the protocol needs train, validation and test)."""
    merge_runs: bool = True
    """Neighbouring events of a user on one item become one event with the heaviest action of the run."""
    valid_quantile: float = 0.8
    """Time split: events before this quantile of time teach."""
    test_quantile: float = 0.9
    """Time split: from this quantile on, a user's first new item is a test target; between the two, validation."""


@dataclass(frozen=True)
class DatasetInfo(JsonConfig):
    """What dataset.json says."""

    version: str
    """SHA-256 over events, items, users and configuration."""
    config: DatasetConfig
    """The configuration that made it."""
    num_users: int
    """Users kept."""
    num_items: int
    """Items of the catalogue, with or without events."""
    num_events: int
    """Events kept, runs merged."""
    num_rows_given: int
    """Interactions handed in."""
    num_users_dropped: int
    """Users with too few different items."""
    num_events_merged: int
    """Events that joined a run."""
    first_seconds: int
    """Unix time of the first event."""
    last_seconds: int
    """Unix time of the last event."""
    leave_one_out_users: int
    """Users measured by the leave-one-out split."""
    time_valid_users: int
    """Validation users of the time split."""
    time_test_users: int
    """Test users of the time split."""


@dataclass(frozen=True)
class Dataset:
    """Sequences in CSR form: events of user u are offsets[u]:offsets[u + 1]."""

    info: DatasetInfo
    user_keys_U: Int64Array
    item_keys_N: Int64Array
    offsets: Int64Array
    items_E: Int32Array
    actions_E: Int16Array
    times_E: Int64Array
    weights_E: FloatArray
    items: pl.DataFrame
    users: pl.DataFrame

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.user_keys_U)

    @property
    def num_items(self) -> int:
        """N."""
        return len(self.item_keys_N)

    @cached_property
    def users_E(self) -> Int32Array:
        """User index of each event."""
        return np.repeat(np.arange(self.num_users, dtype=np.int32), np.diff(self.offsets))

    @cached_property
    def is_new_E(self) -> BoolArray:
        """True where a user meets an item for the first time."""
        return find_first_meetings(self.users_E, self.items_E, self.num_items)

    @cached_property
    def leave_one_out(self) -> Split:
        """The published protocol."""
        return split_leave_one_out(self.offsets, self.is_new_E)

    @cached_property
    def time_split(self) -> Split:
        """The split that mirrors production: learn from the past, predict the future."""
        config = self.info.config
        return split_by_time(self.offsets, self.times_E, self.is_new_E, config.valid_quantile, config.test_quantile)

    def split(self, name: str) -> Split:
        """A split by its name: "leave_one_out", "time", or "fold_2_of_5" of a cross-validation through time."""
        fold = read_fold(name)
        if fold is not None:
            end = self.info.config.test_quantile
            return split_expanding(self.offsets, self.times_E, self.is_new_E, *fold, end)
        return self.time_split if name == "time" else self.leave_one_out

    def is_train_E(self, split: Split) -> BoolArray:
        """True for the events a split lets models learn from."""
        return np.arange(len(self.items_E)) < np.repeat(split.train_ends_U, np.diff(self.offsets))

    def history(self, user: int, end: int) -> History:
        """Events of `user` before event index `end`."""
        rows = slice(int(self.offsets[user]), int(end))
        return History(self.items_E[rows], self.actions_E[rows], self.times_E[rows])

    def histories(self, split: Split, stage: Stage) -> tuple[Int64Array, list[History], Int32Array]:
        """Measured users of a stage, their histories and target items."""
        targets_U = split.targets_U(stage)
        users = np.flatnonzero(targets_U >= 0)
        return (
            users.astype(np.int64),
            [self.history(int(user), int(targets_U[user])) for user in users],
            self.items_E[targets_U[users]],
        )


def write_dataset(
    directory: Path,
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
    config: DatasetConfig | None = None,
) -> DatasetInfo:
    """Clean, index and store one dataset; `directory` appears whole or not at all.

    interactions: user_key, item_key (int64), action (int16), occurred_at (datetime UTC or Unix seconds) and, if wanted,
    weight (how much the models should care to predict the event).
    items: item_key + any columns (item_content.py says which ones teach); users: user_key + any columns.
    Raises DatasetInvalid, DatasetTooSmall.
    """
    config = config or DatasetConfig()
    items = _sort_by_key(items, "item_key")
    _require_finite_vectors(items)
    users = _sort_by_key(users, "user_key")
    events = _index_events(_read_interactions(interactions), items, users)
    num_given, num_users_given = events.height, events["user_index"].n_unique()
    events = _merge_runs(events) if config.merge_runs else events
    num_merged = num_given - events.height
    events, users = _drop_short_users(events, users, config.min_items_per_user)
    if users.height < MIN_USERS or events["item_index"].n_unique() < MIN_ITEMS:
        raise DatasetTooSmall(
            "Only %(num_users)s followers have at least %(num_each)s different items; "
            "at least %(min_users)s followers and %(min_items)s items are needed. Upload more behaviour.",
            num_users=users.height,
            num_each=config.min_items_per_user,
            min_users=MIN_USERS,
            min_items=MIN_ITEMS,
        )
    info = _describe(events, items, users, config, (num_given, num_users_given, num_merged))
    with publishing(directory) as scratch:
        events.write_parquet(scratch / "interactions.parquet")
        items.write_parquet(scratch / "items.parquet")
        users.write_parquet(scratch / "users.parquet")
        write_durably(scratch / "dataset.json", json.dumps(info.to_dict(), indent=2, sort_keys=True).encode())
    return info


def load_dataset(directory: Path) -> Dataset:
    """Read a dataset back and check it against its own version; raises FileCorrupt."""
    info = DatasetInfo.from_json((directory / "dataset.json").read_text())
    events, items, users = (
        pl.read_parquet(directory / f"{name}.parquet", memory_map=False) for name in ("interactions", "items", "users")
    )
    if _hash_content(events, items, users, info.config) != info.version:
        raise FileCorrupt("Dataset %(version)s does not match its checksum; build it again.", version=info.version[:12])
    return _assemble(info, events, items, users)


def _assemble(info: DatasetInfo, events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> Dataset:
    counts_U = np.bincount(events["user_index"].to_numpy(), minlength=users.height)
    return Dataset(
        info=info,
        user_keys_U=users["user_key"].to_numpy(),
        item_keys_N=items["item_key"].to_numpy(),
        offsets=np.concatenate([[0], np.cumsum(counts_U)]).astype(np.int64),
        items_E=events["item_index"].to_numpy(),
        actions_E=events["action"].to_numpy(),
        times_E=events["time_seconds"].to_numpy(),
        weights_E=events["weight"].to_numpy(),
        items=items,
        users=users,
    )


def _sort_by_key(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    if key not in frame.columns:
        raise DatasetInvalid("Column %(column)s is missing.", column=key)
    frame = frame.with_columns(pl.col(key).cast(pl.Int64)).sort(key)
    if frame[key].null_count() or frame[key].is_duplicated().any():
        raise DatasetInvalid("Every %(column)s must be present and unique.", column=key)
    return frame


def _require_finite_vectors(items: pl.DataFrame) -> None:
    """Raises DatasetInvalid where a given item vector has another length than the others or holds NaN or infinity."""
    if "vector" not in items.columns:
        return
    given = items["vector"].drop_nulls().to_list()
    if len({len(vector) for vector in given}) > 1 or not all(np.isfinite(vector).all() for vector in given):
        raise DatasetInvalid("Item vectors must all have the same length and be finite numbers.")


def _read_interactions(frame: pl.DataFrame) -> pl.DataFrame:
    """Check and cast the columns; times become Unix seconds, a missing weight becomes 1."""
    missing = sorted({"user_key", "item_key", "action", "occurred_at"} - set(frame.columns))
    if missing:
        raise DatasetInvalid("Interactions lack the columns %(columns)s.", columns=", ".join(missing))
    is_datetime = isinstance(frame.schema["occurred_at"], pl.Datetime)
    if frame.schema["occurred_at"].is_float() and not frame["occurred_at"].fill_null(0).is_finite().all():
        raise DatasetInvalid("Every interaction needs a time; some are not numbers.")
    time = pl.col("occurred_at").dt.epoch("s") if is_datetime else pl.col("occurred_at")
    weight = pl.col("weight") if "weight" in frame.columns else pl.lit(1.0)
    frame = frame.select(
        pl.col("user_key").cast(pl.Int64),
        pl.col("item_key").cast(pl.Int64),
        pl.col("action").cast(pl.Int16),
        time.cast(pl.Int64).alias("time_seconds"),
        weight.cast(pl.Float32).alias("weight"),
    )
    if sum(frame.null_count().row(0)) or not frame["weight"].is_finite().all() or (frame["weight"] < 0).any():
        raise DatasetInvalid("Interactions must have no empty cells and weights must be finite and not negative.")
    return frame


def _index_events(frame: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Replace keys by indices and sort by user and time; equal times keep the given order."""
    user_index, is_known_user = index_of(users["user_key"].to_numpy(), frame["user_key"].to_numpy())
    item_index, is_known_item = index_of(items["item_key"].to_numpy(), frame["item_key"].to_numpy())
    num_unknown = int((~(is_known_user & is_known_item)).sum())
    if num_unknown:
        raise DatasetInvalid(
            "%(num_rows)s interactions point at users or items that are not given.", num_rows=num_unknown
        )
    return (
        frame.with_columns(pl.Series("user_index", user_index), pl.Series("item_index", item_index))
        .sort("user_index", "time_seconds", maintain_order=True)
        .select(*EVENT_COLUMNS)
    )


def _merge_runs(events: pl.DataFrame) -> pl.DataFrame:
    firsts, heaviest = find_runs(
        events["user_index"].to_numpy(), events["item_index"].to_numpy(), events["weight"].to_numpy()
    )
    return events[firsts].with_columns(action=events["action"][heaviest], weight=events["weight"][heaviest])


def _drop_short_users(events: pl.DataFrame, users: pl.DataFrame, min_items: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    counts = events.group_by("user_index").agg(pl.col("item_index").n_unique().alias("num_items"))
    kept = np.sort(counts.filter(pl.col("num_items") >= min_items)["user_index"].to_numpy())
    new_index, is_kept = index_of(kept.astype(np.int64), events["user_index"].to_numpy().astype(np.int64))
    return events.with_columns(pl.Series("user_index", new_index)).filter(pl.Series(is_kept)), users[kept]


def _describe(
    events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame, config: DatasetConfig, given: tuple[int, int, int]
) -> DatasetInfo:
    num_given, num_users_given, num_merged = given
    info = DatasetInfo(
        version=_hash_content(events, items, users, config),
        config=config,
        num_users=users.height,
        num_items=items.height,
        num_events=events.height,
        num_rows_given=num_given,
        num_users_dropped=num_users_given - users.height,
        num_events_merged=num_merged,
        first_seconds=int(events["time_seconds"].to_numpy().min()),
        last_seconds=int(events["time_seconds"].to_numpy().max()),
        leave_one_out_users=0,
        time_valid_users=0,
        time_test_users=0,
    )
    dataset = _assemble(info, events, items, users)
    time_counts = dataset.time_split.counts()
    counts = {
        "leave_one_out_users": dataset.leave_one_out.counts()["test_users"],
        "time_valid_users": time_counts["valid_users"],
        "time_test_users": time_counts["test_users"],
    }
    return DatasetInfo.from_dict({**info.to_dict(), **counts})


def _hash_content(events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame, config: DatasetConfig) -> str:
    digest = hashlib.sha256(config.to_json().encode())
    for column, kind in EVENT_COLUMNS.items():
        digest.update(f"{column}:{kind}:{events.height};".encode())
        digest.update(np.ascontiguousarray(events[column].to_numpy()).tobytes())
    for frame in (items, users):
        digest.update(repr(frame.schema).encode())
        digest.update(frame.write_ndjson().encode())
    return digest.hexdigest()
