"""MovieLens-1M through the product's own dataset and training path: quality against seconds.

Protocol: leave one out (last event = test, last but one = validation), full catalogue ranked, seen items removed, no
sampled negatives, nothing chosen on the test stage; models see neither of the two held-out events. The file has no
times, so an event's place is its time. Prints JSON lines (name, value, unit, goal, ok); exit status 1 when a goal is
missed.

    python benchmarks/next_item.py --data ../shared/data [--seconds N] [--threads N]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modeling.pipeline import fit_next_item_models

# isort: split
import numpy as np
import polars as pl

from modeling.datasets import Dataset, load_dataset, write_dataset
from modeling.pipeline_config import PipelineConfig
from modeling.progress import TrainingPoint
from modeling.simple_models import NextItemOutcome

FILE_NAME = "ml-1m.txt"
SIZES = {"users": 6040, "items": 3416, "events": 999_611}
GOALS = {
    ("item_knn", "hr_at_10"): 0.27,
    ("item_knn", "ndcg_at_10"): 0.155,
    ("transformer_knn", "hr_at_10"): 0.31,
    ("transformer_knn", "ndcg_at_10"): 0.18,
}


def main() -> int:
    """Run once; 0 when every goal is met or the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds ml-1m.txt")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="training time of the Transformer; 0 = the preset's plan"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--seed", type=int, default=0, help="start of every random stream")
    arguments = parser.parse_args()
    path = arguments.data / FILE_NAME
    if not path.exists():
        print(json.dumps({"name": "next_item", "skipped": f"{path} is not there"}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(path, Path(folder) / "dataset")
        started = time.monotonic()
        config = make_config(arguments.seconds, arguments.threads, arguments.seed)
        outcome = fit_next_item_models(dataset, config, Path(folder) / "run", report, lambda: False)
        show("whole_run_seconds", time.monotonic() - started, "s")
        return 0 if judge(outcome) else 1


def read_dataset(path: Path, directory: Path) -> Dataset:
    """Store the file as the product would store an upload, and check that it is the published one."""
    rows = np.loadtxt(path, dtype=np.int64)
    started = time.monotonic()
    interactions = pl.DataFrame(
        {
            "user_key": rows[:, 0],
            "item_key": rows[:, 1],
            "action": np.ones(len(rows), np.int16),
            "occurred_at": np.arange(len(rows)),
        }
    )
    items = pl.DataFrame({"item_key": np.unique(rows[:, 1])})
    info = write_dataset(directory, interactions, items, pl.DataFrame({"user_key": np.unique(rows[:, 0])}))
    show("dataset_seconds", time.monotonic() - started, "s")
    found = {"users": info.leave_one_out_users, "items": info.num_items, "events": info.num_events}
    if found != SIZES:
        raise SystemExit(f"{path} is not the published file: {found} instead of {SIZES}")
    return load_dataset(directory)


def make_config(seconds: float, num_threads: int, seed: int) -> PipelineConfig:
    """The standard preset under the published protocol; a time limit lets the learning rate end in time."""
    config = PipelineConfig.preset("standard")
    trainer = replace(config.trainer, num_threads=num_threads, seed=seed, max_seconds=seconds)
    if seconds:
        trainer = replace(trainer, max_epochs=1000)
    return replace(config, split="leave_one_out", refit=False, tuning_users=SIZES["users"], trainer=trainer)


def report(point: TrainingPoint) -> None:
    """Validation quality against seconds, epoch by epoch."""
    if point.metrics:
        for name in ("hr_at_10", "ndcg_at_10"):
            show(f"validation_{name}_after_{point.elapsed_seconds:.0f}_s", point.metrics[name], "share")


def judge(outcome: NextItemOutcome) -> bool:
    """Print every test figure; True when all goals are met."""
    is_good = True
    for version in outcome.versions:
        show(f"{version.kind}_fit_seconds", version.seconds, "s")
        for name, value in version.metrics["test"].items():
            if name != "num_users":
                is_good &= show(f"{version.kind}_{name}", value, "share", GOALS.get((version.kind, name)))
    if outcome.verdict:
        print(json.dumps({"name": "verdict", **outcome.verdict.to_dict()}))
    return is_good


def show(name: str, value: float, unit: str, goal: float | None = None) -> bool:
    """Print one figure; whether its goal, if it has one, is met."""
    is_good = goal is None or value >= goal
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "ok": is_good}), flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(main())
