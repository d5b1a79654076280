"""Published next-item data through the product's own dataset and training path: quality against seconds.

Protocol: leave one out (last event = test, last but one = validation), full catalogue ranked, seen items removed, no
sampled negatives, nothing chosen on the test stage; models see neither of the two held-out events. The files have no
times, so an event's place is its time. Every family stands in the table alone and, the best one, blended with the
item-kNN; beside them popularity, the item-kNN and, where the `implicit` package can be imported, ALS. With one kind of
act and no times, the Transformer alone is the plain SASRec (pre-norm, full cross-entropy). Prints JSON lines (name,
value, unit, goal, ok); exit status 1 when a goal is missed.

    python benchmarks/next_item.py --data ../shared/data [--set ml-1m|beauty] [--families transformer,gru,...]
        [--seconds N] [--threads N] [--seeds 0,1,2]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modeling.pipeline import fit_next_item_models

# isort: split
import numpy as np
import polars as pl

from modeling.datasets import Dataset, load_dataset, write_dataset
from modeling.evaluation import evaluate, measured_users
from modeling.pipeline_config import PipelineConfig
from modeling.progress import TrainingPoint
from modeling.sequence_configs import CONFIGS, FAMILIES
from modeling.simple_models import NextItemOutcome


@dataclass(frozen=True)
class Anchor:
    """A published data set, how its file is read, what is fitted to it and what must be reached."""

    path: str
    read: Callable[[Path], np.ndarray]
    """(user, item) rows, each user's in time order."""
    sizes: dict[str, int]
    network: dict[str, Any]
    """What differs from the standard preset in every family, chosen on validation."""
    trainer: dict[str, Any]
    goals: dict[tuple[str, str], float]
    """("blend", metric) stands for the blend, whatever network is in it."""


def read_pairs(path: Path) -> np.ndarray:
    """One "user item" per line, all lines in time order."""
    return np.loadtxt(path, dtype=np.int64)


def read_lines(path: Path) -> np.ndarray:
    """One user per line: the user, then the items in time order."""
    lines = [np.array(line.split(), np.int64) for line in path.read_text().splitlines()]
    return np.concatenate([np.stack([np.full(len(line) - 1, line[0]), line[1:]], axis=1) for line in lines])


ANCHORS = {
    "ml-1m": Anchor(
        "ml-1m.txt",
        read_pairs,
        {"users": 6040, "items": 3416, "events": 999_611},
        {},
        {},
        {
            ("item_knn", "hr_at_10"): 0.27,
            ("item_knn", "ndcg_at_10"): 0.155,
            ("blend", "hr_at_10"): 0.32,
            ("blend", "ndcg_at_10"): 0.188,
        },
    ),
    "beauty": Anchor(
        "beauty/Beauty.txt",
        read_lines,
        {"users": 22_363, "items": 12_101, "events": 198_502},
        {"max_events": 50, "dropout": 0.5, "num_blocks": 1},
        {"max_epochs": 20, "learning_rate": 0.002, "patience": 4},
        {
            ("item_knn", "hr_at_10"): 0.08,
            ("item_knn", "ndcg_at_10"): 0.05,
            ("blend", "hr_at_10"): 0.098,
            ("blend", "ndcg_at_10"): 0.058,
        },
    ),
}


def main() -> int:
    """Run every seed; 0 when every goal is met by each or the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds the files")
    parser.add_argument("--set", choices=sorted(ANCHORS), default="ml-1m", help="which published data")
    parser.add_argument("--families", default="transformer", help=f"comma-separated, of {', '.join(FAMILIES)}")
    parser.add_argument("--seconds", type=float, default=0.0, help="training time per network; 0 = the preset's plan")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--seeds", default="0", help="comma-separated starts of every random stream")
    parser.add_argument("--network", default="{}", help="JSON: what differs in every network")
    parser.add_argument("--trainer", default="{}", help="JSON: what differs in the trainer")
    arguments = parser.parse_args()
    anchor = ANCHORS[arguments.set]
    path = arguments.data / anchor.path
    if not path.exists():
        print(json.dumps({"name": "next_item", "skipped": f"{path} is not there"}))
        return 0
    anchor = replace(
        anchor,
        network=anchor.network | json.loads(arguments.network),
        trainer=anchor.trainer | json.loads(arguments.trainer),
    )
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(anchor, path, Path(folder) / "dataset")
        show_als(dataset)
        for seed in arguments.seeds.split(","):
            config = make_config(anchor, arguments, int(seed))
            started = time.monotonic()
            outcome = fit_next_item_models(dataset, config, Path(folder) / seed, report, lambda: False)
            show(f"seed_{seed}_whole_run_seconds", time.monotonic() - started, "s")
            is_good &= judge(anchor, outcome, seed)
    return 0 if is_good else 1


def read_dataset(anchor: Anchor, path: Path, directory: Path) -> Dataset:
    """Store the file as the product would store an upload, and check that it is the published one."""
    rows = anchor.read(path)
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
    if found != anchor.sizes:
        raise SystemExit(f"{path} is not the published file: {found} instead of {anchor.sizes}")
    return load_dataset(directory)


def make_config(anchor: Anchor, arguments: argparse.Namespace, seed: int) -> PipelineConfig:
    """The standard preset under the published protocol; a time limit lets the learning rate end in time."""
    config = PipelineConfig.preset("standard")
    trainer = replace(config.trainer, num_threads=arguments.threads, seed=seed, **anchor.trainer)
    if arguments.seconds:
        trainer = replace(trainer, max_seconds=arguments.seconds, max_epochs=1000)
    networks = {family: replace(config.network(family), **anchor.network) for family in CONFIGS}
    families = tuple(arguments.families.split(","))
    everybody = anchor.sizes["users"]
    protocol = {"split": "leave_one_out", "refit": False, "tuning_users": everybody}
    return replace(config, **protocol, families=families, trainer=trainer, **networks)


def report(point: TrainingPoint) -> None:
    """Validation quality against seconds, epoch by epoch."""
    if point.metrics:
        for name in ("hr_at_10", "ndcg_at_10"):
            figure = f"{point.stage}_validation_{name}_after_{point.elapsed_seconds:.0f}_s"
            show(figure, point.metrics[name], "share")


def judge(anchor: Anchor, outcome: NextItemOutcome, seed: str) -> bool:
    """Print every test figure; True when all goals are met."""
    is_good = True
    for version in outcome.versions:
        kind = "blend" if version.kind.endswith("_knn") and version.kind != "item_knn" else version.kind
        show(f"seed_{seed}_{version.kind}_fit_seconds", version.seconds, "s")
        for name, value in version.metrics["test"].items():
            if name != "num_users":
                goal = anchor.goals.get((kind, name))
                is_good &= show(f"seed_{seed}_{version.kind}_{name}", value, "share", goal)
    if outcome.verdict:
        print(json.dumps({"name": f"seed_{seed}_verdict", **outcome.verdict.to_dict()}))
    return is_good


def show_als(dataset: Dataset) -> None:
    """The peer matrix factorisation, where its package is installed: 64 factors, fitted on all but the last event."""
    if importlib.util.find_spec("implicit") is None:
        print(json.dumps({"name": "als", "skipped": "the package implicit is not installed"}))
        return
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    split = dataset.leave_one_out
    is_fitted_E = np.arange(len(dataset.items_E)) < np.repeat(split.test_targets_U, np.diff(dataset.offsets))
    columns = (dataset.users_E[is_fitted_E], dataset.items_E[is_fitted_E])
    shape = (dataset.num_users, dataset.num_items)
    matrix = csr_matrix((np.ones(is_fitted_E.sum(), np.float32), columns), shape=shape)
    started = time.monotonic()
    model = AlternatingLeastSquares(factors=64, random_state=0, num_threads=1)
    model.fit(matrix, show_progress=False)
    show("als_fit_seconds", time.monotonic() - started, "s")
    measured = measured_users(dataset, split, "test")
    rows = iter(model.user_factors[measured.users_B] @ model.item_factors.T)

    class Scores:
        def scores_many(self, histories: Any) -> np.ndarray:
            return np.stack([next(rows) for _history in histories])

    for name, value in evaluate(Scores(), measured).metrics.items():
        if name != "num_users":
            show(f"als_{name}", value, "share")


def show(name: str, value: float, unit: str, goal: float | None = None) -> bool:
    """Print one figure; whether its goal, if it has one, is met."""
    is_good = goal is None or value >= goal
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "ok": is_good}), flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(main())
