"""What followers do with what they are shown: each network against trees and rates, on the demo brand's followers.

    .venv/bin/python benchmarks/ranking.py [--contacts 5000] [--seed 1]

The followers are drawn by demo/, so the truth is known: `oracle` ranks by the probability each act was drawn with
(like, favourite, share, comment: no model can know more, and these make up the weighted uAUC) or, roughly, by fit and
kind of item (the others). Time split 70/15/15; early stopping, calibration and the choice of networks on validation,
all figures on the newest 15 %.
One thread. Each line is JSON: name, value, unit, and for gated figures goal and ok; exit status 1 when one is not ok.

`weighted_uauc`: as modeling/ranking_metrics.py defines it, with its 95 % interval over users. `ece`: mean over acts, 15
equal-mass bins. `stay`: rank correlation of said and true stays among items of like length. `gain`: the chosen network
over the better of rates and trees, with its interval. `request_ms`: 100 items for one contact, features and network,
NumPy, median of 200.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402  # after the thread limits
import polars as pl  # noqa: E402  # after the path is set

from demo.behaviour import World, build_world  # noqa: E402  # after the path is set
from modeling.rankers import Ranker, load_ranker  # noqa: E402  # after the path is set
from modeling.ranking_acts import CODES  # noqa: E402  # after the path is set
from modeling.ranking_config import RankingConfig  # noqa: E402  # after the path is set
from modeling.ranking_datasets import RankingDataset, load_ranking_dataset, write_ranking_dataset  # noqa: E402  # late
from modeling.ranking_metrics import UserQuality, interval_of  # noqa: E402  # after the path is set
from modeling.ranking_requests import Catalogue, Past, describe  # noqa: E402  # after the path is set

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GOAL_ECE, GOAL_REQUEST_MS = 0.02, 2.0
WORDS = {"view": "open", "read": "open", "play": "open", "lesson_complete": "complete", "course_complete": "complete"}
RESPONSES = ("like", "favourite", "share", "comment")
results: list[bool] = []


def report(name: str, value: float | None, unit: str, *, at_least: float | None = None, at_most: float | None = None,
           **more: Any) -> None:  # fmt: skip
    """Print one figure and keep whether it meets its goal."""
    goal = at_least if at_least is not None else at_most
    is_ok = value is not None and (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    results.append(is_ok or goal is None)
    shown = None if value is None else round(value, 4)
    print(json.dumps({"name": name, "value": shown, "unit": unit, "goal": goal, "ok": is_ok, **more}), flush=True)


def make_dataset(world: World, directory: Path) -> RankingDataset:
    """The product's own dataset of the world's clean events."""
    users = {name: place for place, name in enumerate(world.contacts["external_id"])}
    items = {name: place for place, name in enumerate(world.items["external_id"])}
    events = world.clean_events.filter(pl.col("item").is_not_null()).select(
        pl.col("contact").replace_strict(users, return_dtype=pl.Int64).alias("user_key"),
        pl.col("item").replace_strict(items, return_dtype=pl.Int64).alias("item_key"),
        pl.col("kind").replace(WORDS).replace_strict(CODES, return_dtype=pl.Int8).alias("code"),
        pl.col("occurred_at").dt.epoch("us").alias("occurred_micros"),
        pl.col("dwell_seconds").cast(pl.Float32),
    )
    catalogue = world.items.select(
        pl.col("external_id").replace_strict(items, return_dtype=pl.Int64).alias("item_key"),
        "kind",
        "category",
        "author",
        pl.col("price_fen").cast(pl.Float64),
        pl.col("duration_seconds").cast(pl.Float64).alias("length_seconds"),
        pl.col("published_at").dt.epoch("s").cast(pl.Float64).alias("born_seconds"),
    )
    write_ranking_dataset(directory, events, catalogue)
    return load_ranking_dataset(directory)


def measure_oracle(world: World, dataset: RankingDataset) -> UserQuality:
    """The quality of the truth on the test exposures."""
    rows, interests = dataset.rows("test"), world.followers.interests
    who = dataset.user_keys_R[rows]
    places = dataset.items.keys_N[dataset.items_R[rows] - 1]
    at_ms = dataset.shown_micros_R[rows] // 1000
    share_R = interests.themes_at(who, at_ms)[np.arange(len(rows)), world.catalogue.theme_I[places]]
    fit_R = share_R / (share_R + 0.03)
    responds_R = (1 - (0.3 - 0.24 * fit_R)) * (0.35 + 1.2 * fit_R)
    sells_R = fit_R * (world.catalogue.kind_I[places] >= 3)
    columns = [responds_R if act in RESPONSES else sells_R for act in dataset.info.acts]
    labels_RK = dataset.labels_RK[rows]
    return UserQuality.of(dataset.info.acts, who, dataset.days_R[rows], labels_RK, np.column_stack(columns))


def time_request(ranker: Ranker, dataset: RankingDataset) -> float:
    """Milliseconds to judge 100 items for the contact with the longest history."""
    longest = int(np.argmax(dataset.ends_R - dataset.starts_R))
    events = slice(dataset.starts_R[longest], dataset.ends_R[longest])
    keys_T = dataset.items.keys_N[dataset.event_items_E[events] - 1]
    past = Past(keys_T, dataset.event_codes_E[events], dataset.event_seconds_E[events])
    catalogue = Catalogue.of(dataset.items, ranker.reference)
    asked, now = np.arange(1, 101, dtype=np.int32), int(NOW.timestamp())
    seconds = []
    for _ in range(200):
        began = time.perf_counter()
        ranker.split(describe(ranker, catalogue, past, asked, now))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def main() -> None:
    """Draw, train, measure."""
    from modeling.ranking_pipeline import fit_ranking_models

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    world = build_world(asked.seed, NOW, asked.contacts)
    with tempfile.TemporaryDirectory() as scratch:
        dataset = make_dataset(world, Path(scratch) / "dataset")
        report("exposures", dataset.info.num_rows, "rows", acts=list(dataset.info.acts))
        oracle = measure_oracle(world, dataset)
        low, high = interval_of(oracle)
        report("oracle weighted_uauc", float(oracle.weighted()[0]), "", interval=[round(low, 4), round(high, 4)])
        run = Path(scratch) / "run"
        outcome = fit_ranking_models(dataset, RankingConfig.preset("standard"), run, lambda point: None, lambda: False)
        for version in outcome.versions:
            test: dict[str, Any] = version.metrics["test"]
            interval = [round(test["weighted_uauc_low"], 4), round(test["weighted_uauc_high"], 4)]
            report(f"{version.kind} weighted_uauc", test["weighted_uauc"], "", interval=interval)
            report(f"{version.kind} uauc", test["uauc"], "mean over acts")
            report(f"{version.kind} log_loss", test["log_loss"], "nats")
            report(f"{version.kind} ece", test["ece"], "", at_most=GOAL_ECE)
            if test["stay"] is not None:
                report(f"{version.kind} stay", test["stay"], "rank correlation")
            report(f"{version.kind} seconds", version.seconds, "s")
            ms = time_request(load_ranker(version.directory), dataset)
            goal = None if version.kind == "act_trees" else GOAL_REQUEST_MS
            report(f"{version.kind} request_ms", ms, "ms for 100 items", at_most=goal)
        verdict = outcome.verdict
        report("gain", verdict.delta, f"{verdict.deep_kind} over {verdict.simple_kind}",
               interval=[round(verdict.low, 4), round(verdict.high, 4)], promote=verdict.promote)  # fmt: skip
    report("wall", time.monotonic() - began, "s", at_most=300)
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
