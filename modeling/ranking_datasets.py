"""The versioned dataset for "what will this contact do with what is shown?" on disk.

Stage: training. Reads frames of events and items; writes rows.parquet, events.parquet, items.parquet and ranking.json
into one directory. Shapes: R exposures (by time), E events of histories (by contact and time), K acts, F features.
The version is a SHA-256 over data and configuration: equal input, equal version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid, DatasetTooSmall, FileCorrupt, NothingToRank
from modeling.histories import BoolArray, FloatArray, Int32Array, Int64Array
from modeling.ranking_acts import ACTS
from modeling.ranking_counts import Histories, count_all
from modeling.ranking_exposures import MICROS, Exposures, check_events, find_exposures
from modeling.ranking_features import DAY_SECONDS, assemble, feature_names
from modeling.ranking_items import ITEM_COLUMNS, ItemFacts, Vocabulary
from modeling.ranking_metrics import LabelArray
from modeling.storage import publishing, write_durably

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
MIN_ROWS = 200
MIN_PER_CLASS = {"train": 20, "valid": 5, "test": 5}
"""Exposures with and without an act that each part needs, or the act is left out."""
_FRAMES = ("rows", "events", "items")


@dataclass(frozen=True)
class RankingDatasetConfig(JsonConfig):
    """How exposures are found and split."""

    window_hours: int = 24
    """An act counts when it follows the showing within this time."""
    valid_share: float = 0.15
    """Share of the exposures, the newest but those of the test, for early stopping and calibration."""
    test_share: float = 0.15
    """Share of the exposures, the newest, for the final figures."""
    max_rows: int = 1_000_000
    """At most so many exposures, the newest; bounds memory. Rates are counted over all."""
    utc_offset_seconds: int = 28_800
    """The brand's time of day."""

    def __post_init__(self) -> None:
        are_shares_right = self.valid_share > 0 and self.test_share > 0 and self.valid_share + self.test_share < 1
        if not 1 <= self.window_hours <= 24 * 30 or not are_shares_right or self.max_rows < MIN_ROWS:
            raise ConfigInvalid("The window must be from 1 hour to 30 days, and every part needs its share of rows.")


@dataclass(frozen=True)
class RankingInfo(JsonConfig):
    """What ranking.json says."""

    version: str
    """SHA-256 over rows, events, items and configuration."""
    config: RankingDatasetConfig
    """The configuration that made it."""
    acts: tuple[str, ...]
    """What is predicted."""
    num_positive: tuple[int, ...]
    """Exposures followed by each of the acts."""
    acts_left_out: tuple[str, ...]
    """Acts that occur, but too seldom or too often to be learnt and measured."""
    num_positive_left_out: tuple[int, ...]
    """Exposures followed by each of those."""
    feature_names: tuple[str, ...]
    """Columns the models see, in order."""
    vocabulary: Vocabulary
    """Words of the items."""
    num_rows: int
    """Exposures kept."""
    num_users: int
    """Contacts with an exposure."""
    num_items: int
    """Items shown."""
    num_history_events: int
    """Events that histories are made of."""
    num_train: int
    """Exposures that teach."""
    num_valid: int
    """Exposures that choose."""
    num_test: int
    """Exposures that judge."""
    num_unfinished: int
    """Exposures left out because their window has not ended."""
    num_acts_without_exposure: int
    """Acts of which nobody knows whether and when their item was shown."""
    num_too_old: int
    """Exposures beyond `max_rows`."""
    first_seconds: int
    """Unix seconds of the first exposure."""
    last_seconds: int
    """Unix seconds of the last exposure."""


@dataclass(frozen=True)
class RankingDataset:
    """Exposures with their part, labels and features, and the events behind them."""

    info: RankingInfo
    items: ItemFacts
    user_keys_R: Int64Array
    items_R: Int32Array
    shown_micros_R: Int64Array
    is_impression_R: BoolArray
    starts_R: Int64Array
    ends_R: Int64Array
    """The history of exposure r is events starts_R[r]:ends_R[r]."""
    labels_RK: LabelArray
    """1, 0, or -1 where nobody can know."""
    dwells_R: FloatArray
    """Seconds; NaN where unknown."""
    features_RF: FloatArray
    parts_R: NDArray[np.int8]
    event_items_E: Int32Array
    event_codes_E: NDArray[np.int8]
    event_seconds_E: Int64Array

    @property
    def days_R(self) -> Int64Array:
        """The brand's day of each exposure, counted from 1970."""
        return (self.shown_micros_R // MICROS + self.info.config.utc_offset_seconds) // DAY_SECONDS

    def rows(self, part: Part) -> Int64Array:
        """Which exposures belong to the part."""
        return np.flatnonzero(self.parts_R == PARTS.index(part))


def write_ranking_dataset(
    directory: Path, events: pl.DataFrame, items: pl.DataFrame, config: RankingDatasetConfig | None = None
) -> RankingInfo:
    """Find the exposures, count what was known before each, split by time and store; `directory` appears whole or not.

    `events` and `items` are frames with the columns of ranking_exposures.COLUMNS and ranking_items.ITEM_COLUMNS; events
    of items not given are left out. Raises DatasetInvalid, DatasetTooSmall, NothingToRank.
    """
    config = config or RankingDatasetConfig()
    vocabulary = Vocabulary.of(items)
    facts = ItemFacts.of(items, vocabulary)
    events = check_events(events).filter(pl.col("item_key").is_in(facts.keys_N))
    if not len(events):
        raise DatasetTooSmall("There are no events with items, so nothing is known of what was shown.")
    found = find_exposures(events, config.window_hours * 3600)
    rows = _split(found.rows, config)
    acts = _learnable(rows)
    rows = rows.with_columns(pl.Series("item_index", facts.index(rows["item_key"].to_numpy())))
    rows, histories, num_too_old = _describe(rows, events, facts, acts, config)
    frames = {
        "rows": rows.drop(*(act for act in ACTS if act not in acts)),
        "events": pl.DataFrame({
            "item_index": histories.items_E, "code": histories.codes_E, "seconds": histories.times_E // MICROS,
        }),
        "items": items.select(*ITEM_COLUMNS).sort("item_key"),
    }  # fmt: skip
    info = _info(frames, found, acts, vocabulary, config, num_too_old)
    with publishing(directory) as scratch:
        for name, frame in frames.items():
            frame.write_parquet(scratch / f"{name}.parquet")
        write_durably(scratch / "ranking.json", json.dumps(info.to_dict(), indent=2, sort_keys=True).encode())
    return info


def load_ranking_dataset(directory: Path) -> RankingDataset:
    """Read a dataset back and check it against its own version; raises FileCorrupt."""
    info = RankingInfo.from_json((directory / "ranking.json").read_text())
    frames = {name: pl.read_parquet(directory / f"{name}.parquet", memory_map=False) for name in _FRAMES}
    if _hash_frames(frames, info.config) != info.version:
        raise FileCorrupt("Dataset %(version)s does not match its checksum; build it again.", version=info.version[:12])
    rows, events = frames["rows"], frames["events"]
    return RankingDataset(
        info=info,
        items=ItemFacts.of(frames["items"], info.vocabulary),
        user_keys_R=rows["user_key"].to_numpy(),
        items_R=rows["item_index"].to_numpy(),
        shown_micros_R=rows["shown_micros"].to_numpy(),
        is_impression_R=rows["is_impression"].to_numpy(),
        starts_R=rows["history_start"].to_numpy(),
        ends_R=rows["history_end"].to_numpy(),
        labels_RK=rows.select(info.acts).to_numpy(),
        dwells_R=rows["dwell_seconds"].fill_null(float("nan")).to_numpy(),
        features_RF=rows.select(_column(name) for name in info.feature_names).to_numpy(),
        parts_R=rows["part"].to_numpy(),
        event_items_E=events["item_index"].to_numpy(),
        event_codes_E=events["code"].to_numpy(),
        event_seconds_E=events["seconds"].to_numpy(),
    )


def _split(rows: pl.DataFrame, config: RankingDatasetConfig) -> pl.DataFrame:
    """The part of each exposure, by time; raises DatasetTooSmall."""
    if len(rows) < MIN_ROWS:
        raise DatasetTooSmall(
            "Only %(num_rows)s exposures are complete; at least %(needed)s are needed.",
            num_rows=len(rows),
            needed=MIN_ROWS,
        )
    shown_R = rows["shown_micros"].to_numpy()
    num_judged = round(len(rows) * config.test_share)
    cuts = shown_R[[len(rows) - num_judged - round(len(rows) * config.valid_share), len(rows) - num_judged]]
    parts_R = np.searchsorted(cuts, shown_R, "right").astype(np.int8)
    if (np.bincount(parts_R, minlength=3) == 0).any():
        raise DatasetTooSmall(
            "All exposures have nearly the same time, so older ones cannot teach and newer ones judge."
        )
    return rows.with_columns(pl.Series("part", parts_R))


def _learnable(rows: pl.DataFrame) -> tuple[str, ...]:
    """The acts that enough exposures of every part have and have not; raises NothingToRank when there are none."""
    counts = rows.group_by("part").agg(
        *((pl.col(act) == 1).sum().alias(f"with_{act}") for act in ACTS),
        *((pl.col(act) == 0).sum().alias(f"without_{act}") for act in ACTS),
    )
    fewest = {PARTS[line["part"]]: line for line in counts.iter_rows(named=True)}
    acts = tuple(
        act
        for act in ACTS
        if all(
            min(fewest[part][f"with_{act}"], fewest[part][f"without_{act}"]) >= MIN_PER_CLASS[part] for part in PARTS
        )
    )
    if not acts:
        raise NothingToRank("No act follows often enough on what was shown, so there is nothing to tell apart.")
    return acts


def _describe(
    rows: pl.DataFrame, events: pl.DataFrame, facts: ItemFacts, acts: tuple[str, ...], config: RankingDatasetConfig
) -> tuple[pl.DataFrame, Histories, int]:
    """The rows with their histories and features, at most `max_rows` of them, and how many older ones were dropped."""
    histories = Histories.of(events, rows, facts, config.utc_offset_seconds)
    counts = count_all(rows, histories, facts, acts, config.window_hours * 3600, config.utc_offset_seconds)
    num_too_old = max(len(rows) - config.max_rows, 0)
    features_RF = assemble(counts, facts, config.utc_offset_seconds)[num_too_old:]
    named = {_column(name): features_RF[:, place] for place, name in enumerate(feature_names(acts))}
    rows = rows[num_too_old:].with_columns(
        pl.Series("history_start", histories.starts_R[num_too_old:]),
        pl.Series("history_end", histories.ends_R[num_too_old:]),
    )
    return pl.concat([rows, pl.DataFrame(named)], how="horizontal"), histories, num_too_old


def _column(feature: str) -> str:
    """Features and labels share words, so features carry a prefix in the file."""
    return f"x_{feature}"


def _info(
    frames: Mapping[str, pl.DataFrame],
    found: Exposures,
    acts: tuple[str, ...],
    vocabulary: Vocabulary,
    config: RankingDatasetConfig,
    num_too_old: int,
) -> RankingInfo:
    rows, shown = frames["rows"], frames["rows"]["shown_micros"].to_numpy()
    num_parts = np.bincount(rows["part"].to_numpy(), minlength=3).tolist()
    num_by_act = {act: int((found.rows[act] == 1).sum()) for act in ACTS}
    left_out = tuple(act for act in ACTS if act not in acts and num_by_act[act])
    return RankingInfo(
        version=_hash_frames(frames, config),
        config=config,
        acts=acts,
        num_positive=tuple(num_by_act[act] for act in acts),
        acts_left_out=left_out,
        num_positive_left_out=tuple(num_by_act[act] for act in left_out),
        feature_names=feature_names(acts),
        vocabulary=vocabulary,
        num_rows=len(rows),
        num_users=rows["user_key"].n_unique(),
        num_items=rows["item_key"].n_unique(),
        num_history_events=len(frames["events"]),
        num_train=num_parts[0],
        num_valid=num_parts[1],
        num_test=num_parts[2],
        num_unfinished=found.num_unfinished,
        num_acts_without_exposure=found.num_acts_without_exposure,
        num_too_old=num_too_old,
        first_seconds=int(shown[0] // MICROS),
        last_seconds=int(shown[-1] // MICROS),
    )


def _hash_frames(frames: Mapping[str, pl.DataFrame], config: RankingDatasetConfig) -> str:
    digest = hashlib.sha256(config.to_json().encode())
    for frame_name in _FRAMES:
        frame = frames[frame_name]
        for name in frame.columns:
            digest.update(f"{frame_name}.{name}:{frame.schema[name]}:{frame.height};".encode())
            if frame.schema[name] == pl.String:
                digest.update("\x1f".join(frame[name].fill_null("").to_list()).encode())
            else:
                digest.update(np.ascontiguousarray(frame[name].to_numpy()).tobytes())
    return digest.hexdigest()
