"""Small made-up exposures in the shape of the WeChat Big Data Challenge 2021 (user_action and feed_info)."""

from pathlib import Path

import numpy as np
import polars as pl

from modeling.ranking_acts import CODES
from modeling.ranking_datasets import RankingDataset, RankingDatasetConfig, load_ranking_dataset, write_ranking_dataset

DAY = 86_400
START = 1_772_323_200
"""2026-03-01 00:00 UTC."""
_WORDS = {
    "read_comment": "read_comments",
    "comment": "comment",
    "like": "like",
    "click_avatar": "click_avatar",
    "forward": "share",
    "follow": "follow",
    "favorite": "favourite",
}


def make_user_action(num_users: int = 40, num_feeds: int = 60, num_days: int = 10, seed: int = 3) -> pl.DataFrame:
    """One row per feed shown; four fifths of the users like what has an even author and read comments on the odd ones,
    the others the reverse."""
    generator = np.random.default_rng(seed)
    num = num_users * num_days * 6
    users, feeds = generator.integers(0, num_users, num), generator.integers(0, num_feeds, num)
    fits = (users % 5 > 0) == (feeds % 2 == 0)
    chances = {"like": (0.5, 0.05), "read_comment": (0.05, 0.5), "forward": (0.12, 0.04), "favorite": (0.1, 0.03)}
    labels = {name: generator.random(num) < np.where(fits, *pair) for name, pair in chances.items()}
    play = np.where(fits, 9_000, 3_000) * generator.uniform(0.5, 1.5, num)
    frame = pl.DataFrame(
        {
            "userid": users,
            "feedid": feeds,
            "date_": generator.integers(1, num_days + 1, num),
            "device": generator.integers(1, 3, num),
            **{name: labels.get(name, np.zeros(num)).astype(np.int8) for name in _WORDS},
            "play": play.astype(np.int64),
            "stay": (play * 1.2).astype(np.int64),
        }
    )
    return frame.unique(["userid", "feedid", "date_"], keep="first", maintain_order=True)


def make_items(num_feeds: int = 60) -> pl.DataFrame:
    """feed_info as a catalogue: four authors, lengths from 10 to 60 seconds."""
    places = np.arange(num_feeds)
    return pl.DataFrame(
        {
            "item_key": places + 1,
            "kind": ["video"] * num_feeds,
            "category": [f"bgm{place % 3}" for place in places],
            "author": [f"author{place % 4}" for place in places],
            "price_fen": [None] * num_feeds,
            "length_seconds": 10.0 + places % 50,
            "born_seconds": np.full(num_feeds, float(START - 30 * DAY)),
        },
        schema_overrides={"price_fen": pl.Float64},
    )


def to_events(actions: pl.DataFrame, seed: int = 5) -> pl.DataFrame:
    """The events behind the rows: the feed opens at a random moment of its day, acts follow within minutes."""
    generator = np.random.default_rng(seed)
    at = START + (actions["date_"].to_numpy() - 1) * DAY + generator.integers(0, DAY - 600, len(actions))
    base = pl.DataFrame(
        {"user_key": actions["userid"].to_numpy() + 1, "item_key": actions["feedid"].to_numpy() + 1, "at": at}
    )
    parts = [_events(base, "open", 0, (actions["play"] / 1000).to_list())]
    for place, (column, word) in enumerate(_WORDS.items(), start=1):
        parts.append(_events(base.filter(actions[column] == 1), word, place * 10))
    return pl.concat(parts)


def _events(base: pl.DataFrame, word: str, delay: int, dwell: list[float] | None = None) -> pl.DataFrame:
    return base.select(
        "user_key",
        "item_key",
        pl.lit(CODES[word], pl.Int8).alias("code"),
        ((pl.col("at") + delay) * 1_000_000).alias("occurred_micros"),
        pl.Series("dwell_seconds", dwell or [None] * len(base), pl.Float32),
    )


def event(user: int, item: int, word: str, seconds: float, dwell: float | None = None) -> dict[str, object]:
    """One event, `seconds` after START."""
    at = round((START + seconds) * 1_000_000)
    return {
        "user_key": user, "item_key": item, "code": CODES[word], "occurred_micros": at, "dwell_seconds": dwell,
    }  # fmt: skip


def frame_of(*events: dict[str, object]) -> pl.DataFrame:
    """A frame of single events."""
    return pl.DataFrame(list(events), schema_overrides={"dwell_seconds": pl.Float64})


def make_ranking(directory: Path, config: RankingDatasetConfig | None = None, **sizes: int) -> RankingDataset:
    """The whole way from made-up actions to a loaded dataset."""
    write_ranking_dataset(directory, to_events(make_user_action(**sizes)), make_items(), config)
    return load_ranking_dataset(directory)
