"""Who will buy or enrol in the next 30 days? Every engagement family on followers whose true chances are known.

The demo generator's followers act for half a year; the last 30 days are the outcome, the 90 days before are what models
see, as counts and as acts in order. Labels were drawn with known probabilities (demo.behaviour.find_conversions), so
"truth" shows what somebody would reach who knew what each follower was going to open. Every net gets the same budget,
one CPU thread; calibrators and the ensemble's weights come from the validation rows. Intervals are 95 % bootstrap over
test rows; differences are paired. Prints JSON lines (name, value, unit, goal, ok); exit status 1 when a goal is missed.

    python benchmarks/engagement.py [--followers N] [--seed N]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modeling.engagement_pipeline import EngagementOutcome, fit_engagement_models

# isort: split
import numpy as np
import polars as pl

from demo.behaviour import World, build_world, find_conversions
from modeling.classifiers import load_classifier
from modeling.engagement_config import CHOICES, ENSEMBLE, TREES, EngagementConfig, EnsembleConfig
from modeling.engagement_datasets import (
    EngagementDataset,
    EngagementDatasetConfig,
    load_engagement_dataset,
    write_engagement_dataset,
)
from modeling.metrics import (
    Interval,
    bootstrap_mean_difference,
    classification_metrics,
    expected_calibration_error,
    log_loss_per_row,
)
from modeling.progress import TrainingPoint

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OUTCOME, BEHAVIOUR = timedelta(days=30), timedelta(days=90)
KINDS = (
    "view", "read", "play", "like", "share", "comment", "favourite", "follow", "unfollow", "click", "add_to_cart",
    "purchase", "refund", "enrol", "lesson_complete", "course_complete", "message_in",
)  # fmt: skip
COUNTS = {
    "likes": ["like"],
    "transfers": ["share"],
    "comments": ["comment"],
    "reads": ["view", "read", "play"],
    "favourites": ["favourite"],
}
FEATURES = (*COUNTS, "time_spent", "active_days", "days_since_last")
MAX_ECE = 0.02
SETTINGS = EngagementConfig(
    families=CHOICES,
    ensemble=EnsembleConfig(num_seeds=2),
    trainer=replace(EngagementConfig().trainer, max_epochs=25, batch_rows=256, patience=5, learning_rate=0.003),
)


def main() -> int:
    """Run once; 0 when every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--followers", type=int, default=20_000, help="followers of the generated brand")
    parser.add_argument("--seed", type=int, default=1, help="start of every random stream")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        dataset, chances_R = make_dataset(arguments.followers, arguments.seed, Path(folder) / "dataset")
        show("make_seconds", time.monotonic() - started, "s")
        config = replace(SETTINGS, trainer=replace(SETTINGS.trainer, seed=arguments.seed))
        outcome = fit_engagement_models(dataset, config, Path(folder) / "run", ignore, lambda: False)
        is_good = judge(dataset, outcome, chances_R)
    return 0 if show("whole_run_seconds", time.monotonic() - started, "s", 360.0) and is_good else 1


def make_dataset(num_followers: int, seed: int, directory: Path) -> tuple[EngagementDataset, np.ndarray]:
    """The brand's dataset, and the true chance of each of its rows."""
    world, cut = build_world(seed, NOW, num_followers), NOW - OUTCOME
    truth = find_conversions(world, cut, NOW)
    facts = world.contacts.select("external_id").with_columns(
        user_key=pl.int_range(pl.len(), dtype=pl.Int64),
        label=pl.Series(truth.is_converted_U.astype(np.int8)),
        chance=pl.Series(truth.chance_U),
    )
    acts = read_acts(world, cut).join(
        facts.select("external_id", "user_key"), left_on="contact", right_on="external_id"
    )
    rows = count_features(acts).join(facts, on="user_key").sort("user_key")
    config = EngagementDatasetConfig(valid_share=0.2, test_share=0.4, seed=seed)
    write_engagement_dataset(directory, rows, FEATURES, "label", config, acts)
    show("positive_share", float(rows["label"].mean()), "share")
    return load_engagement_dataset(directory), rows["chance"].to_numpy()


def read_acts(world: World, cut: datetime) -> pl.DataFrame:
    """What followers did in the time of behaviour, as `engagement_events.SCHEMA` with the contact's id."""
    items = world.items.select(item="external_id", category="category")
    acts = world.clean_events.filter(pl.col("occurred_at").is_between(cut - BEHAVIOUR, cut, closed="left"))
    codes = {word: code for code, word in enumerate(KINDS, start=1)}
    return acts.join(items, on="item", how="left").select(
        "contact",
        "kind",
        "category",
        "dwell_seconds",
        action=pl.col("kind").replace_strict(codes, return_dtype=pl.Int64),
        seconds_before=(cut - pl.col("occurred_at")).dt.total_milliseconds() / 1000,
        day=pl.col("occurred_at").dt.date(),
    )


def count_features(acts: pl.DataFrame) -> pl.DataFrame:
    """One row per follower who did something, with the features that the product counts (engagement_extract.py)."""
    counts = [pl.col("kind").is_in(kinds).sum().cast(pl.Float64).alias(name) for name, kinds in COUNTS.items()]
    return acts.group_by("user_key").agg(
        *counts,
        time_spent=pl.col("dwell_seconds").sum(),
        active_days=pl.col("day").n_unique().cast(pl.Float64),
        days_since_last=pl.col("seconds_before").min() / 86_400,
    )


def judge(dataset: EngagementDataset, outcome: EngagementOutcome, chances_R: np.ndarray) -> bool:
    """Print every test figure; True when all goals are met."""
    features_RF, labels_R = dataset.part("test")
    events, chances_R = dataset.events_of("test"), chances_R[dataset.parts_R == 2]
    show_all("truth", classification_metrics(labels_R, chances_R), {})
    losses, is_good = {}, True
    for version in outcome.versions:
        answers_R = load_classifier(version.directory).probabilities(features_RF, events)
        losses[version.kind] = log_loss_per_row(labels_R, answers_R)
        is_good &= show_all(version.kind, version.metrics["test"], version.metrics["intervals"])
        show(f"{version.kind}_ece_against_chances", expected_calibration_error(chances_R, answers_R), "share")
        show(f"{version.kind}_fit_seconds", version.seconds, "s")
    singles = [kind for kind in losses if kind != ENSEMBLE]
    best = min(singles, key=lambda kind: losses[kind].mean())
    for kind in (one for one in singles if one not in ("majority", TREES)):
        show_gain(f"{kind}_over_trees", bootstrap_mean_difference(losses[TREES], losses[kind]))
    over_trees = bootstrap_mean_difference(losses[TREES], losses[ENSEMBLE])
    over_best = bootstrap_mean_difference(losses[best], losses[ENSEMBLE])
    show_gain(f"ensemble_over_best_single_{best}", over_best)
    show_gain("ensemble_over_trees", over_trees)
    print(json.dumps({"name": "weights", "value": outcome.version(ENSEMBLE).notes["weights"]}))
    is_good &= show("ensemble_over_trees_low", over_trees.low, "nats", 0.0, is_least=True)
    return is_good & show("ensemble_over_best_high", over_best.high, "nats", 0.0, is_least=True)


def show_all(kind: str, metrics: dict[str, float], intervals: dict[str, list[float]]) -> bool:
    """AUC, log-loss and ECE of one model; whether its ECE meets the goal (the truth and all models)."""
    for name in ("auc", "log_loss", "f1"):
        show(f"{kind}_{name}", metrics[name], "share", interval=intervals.get(name))
    return show(f"{kind}_ece", metrics["ece"], "share", MAX_ECE, interval=intervals.get("ece"))


def show_gain(name: str, gain: Interval) -> None:
    """How much lower the log-loss is, with the paired interval."""
    show(name, gain.delta, "nats", interval=[gain.low, gain.high])


def show(
    name: str,
    value: float,
    unit: str,
    goal: float | None = None,
    *,
    interval: list[float] | None = None,
    is_least: bool = False,
) -> bool:
    """Print one figure; whether its goal (at most, or at least) is met."""
    is_good = goal is None or (value >= goal if is_least else value <= goal)
    line = {"name": name, "value": round(value, 5), "unit": unit, "goal": goal, "ok": is_good}
    if interval:
        line["interval"] = [round(bound, 5) for bound in interval]
    print(json.dumps(line), flush=True)
    return is_good


def ignore(point: TrainingPoint) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    sys.exit(main())
