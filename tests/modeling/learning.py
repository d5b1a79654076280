"""Small data for the learning core's tests."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.datasets import Dataset, load_dataset, write_dataset
from modeling.engagement_datasets import EngagementDataset, load_engagement_dataset, write_engagement_dataset
from modeling.engagement_events import SCHEMA
from modeling.progress import TrainingPoint


def make_dataset(directory: Path, *, num_users: int = 60, num_items: int = 30, is_shuffled: bool = False) -> Dataset:
    """Users walk along a ring of items in steps of one, now and then jumping; shuffled users walk at random."""
    generator = np.random.default_rng(7)
    rows = []
    for user in range(num_users):
        walk = (generator.integers(0, num_items) + np.arange(12) + (generator.random(12) < 0.1).cumsum()) % num_items
        if is_shuffled:
            walk = generator.permutation(num_items)[:12]
        actions = generator.choice([1, 3, 8], 12)
        times = 1_700_000_000 + user * 3600 + np.cumsum(generator.integers(30, 90_000, 12))
        events = zip(walk, actions, times, strict=True)
        rows += [(user + 1, int(item) + 1, int(action), int(at)) for item, action, at in events]
    write_dataset(
        directory,
        pl.DataFrame(rows, schema=["user_key", "item_key", "action", "occurred_at"], orient="row"),
        pl.DataFrame({"item_key": np.arange(1, num_items + 1)}),
        pl.DataFrame({"user_key": np.arange(1, num_users + 1)}),
    )
    return load_dataset(directory)


def make_engagement(directory: Path, *, num_rows: int = 400, has_signal: bool = True) -> EngagementDataset:
    """Behaviour counts; the label depends on an interaction no linear model can express, or on nothing."""
    generator = np.random.default_rng(11)
    frame = pl.DataFrame(
        {
            "user_key": np.arange(num_rows),
            "num_likes": generator.poisson(5, num_rows).astype(float),
            "dwell_seconds": generator.exponential(60, num_rows),
        }
    )
    is_like_heavy = frame["num_likes"].to_numpy() > 5
    is_long = frame["dwell_seconds"].to_numpy() > 40
    label = is_like_heavy ^ is_long if has_signal else generator.random(num_rows) < 0.4
    write_engagement_dataset(
        directory,
        frame.with_columns(pl.Series("label", label)),
        ["num_likes", "dwell_seconds"],
        "label",
        acts=make_acts(label),
    )
    return load_engagement_dataset(directory)


def make_acts(label: NDArray[np.bool_]) -> pl.DataFrame:
    """Up to nine acts per contact; those who convert end with a favourite after a like, the others the other way."""
    generator = np.random.default_rng(5)
    rows = []
    for user, is_positive in enumerate(label):
        actions = [*generator.choice([1, 2, 4, 7], generator.integers(0, 8)), *((4, 7) if is_positive else (7, 4))]
        ages = np.sort(generator.uniform(0, 86_400 * 30, len(actions)))[::-1]
        for action, age in zip(actions if user % 20 else [], ages, strict=False):
            dwell = float(generator.exponential(30)) if generator.random() < 0.7 else None
            rows.append((user, int(action), ["", "护肤", "母婴"][user % 3], float(age), dwell))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def ignore(point: TrainingPoint) -> None:
    """A progress listener that does not care."""


def never() -> bool:
    """Nobody asks to stop."""
    return False
