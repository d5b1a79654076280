"""Hillstrom's e-mail trial through the product's uplift learners: Qini with intervals, and the verdict per arm.

Outcome: visit within two weeks. Protocol: 5-fold cross-validation, twice, stratified by arm and outcome; the Qini of
scikit-uplift (`modeling/uplift/measures.py` quotes the definition). Nothing is tuned on the folds. Prints JSON lines
(name, value, unit, goal, ok); exit status 1 when a goal is missed.

    python benchmarks/uplift.py --data ../shared/data
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import polars as pl

from modeling.uplift.evaluation import RESPONSE, UpliftReport, evaluate
from modeling.uplift.trials import Trial

NUM_ROWS = 64_000
GOAL_QINI = 0.060


def main() -> int:
    """Run once; 0 when every goal is met or the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds hillstrom.csv")
    path = parser.parse_args().data / "hillstrom.csv"
    if not path.exists():
        print(json.dumps({"name": "uplift", "skipped": "hillstrom.csv is not there"}))
        return 0
    rows = pl.read_csv(path, infer_schema_length=None)
    is_ok = show("rows", len(rows), "rows", f"= {NUM_ROWS}", len(rows) == NUM_ROWS)
    womens, mens = (report(arm, read_trial(rows, arm)) for arm in ("Womens", "Mens"))
    best = max(result.qini for kind, result in womens.results.items() if kind != RESPONSE)
    is_ok &= show("womens_best_qini", best, "qini", f">= {GOAL_QINI}", best >= GOAL_QINI)
    is_ok &= show("womens_verdict", womens.verdict, "", "target_by_uplift", womens.verdict == "target_by_uplift")
    is_ok &= show("mens_verdict", mens.verdict, "", "target_by_response", mens.verdict == "target_by_response")
    return 0 if is_ok else 1


def read_trial(rows: pl.DataFrame, arm: str) -> Trial:
    """The people who got this arm's e-mail or none; categories as 0/1 columns, numbers standardised."""
    kept = rows.filter(pl.col("segment").is_in([f"{arm} E-Mail", "No E-Mail"]))
    names = ["recency", "history", "mens", "womens", "newbie"]
    numbers = kept.select(pl.col(names).cast(pl.Float64)).with_columns(pl.col("history").log().alias("log_history"))
    dummies = kept.select("history_segment", "zip_code", "channel").to_dummies(drop_first=True)
    features_RF = np.hstack([numbers.to_numpy(), dummies.to_numpy().astype(np.float64)])
    features_RF = (features_RF - features_RF.mean(axis=0)) / features_RF.std(axis=0)
    treated_R = (kept["segment"] != "No E-Mail").to_numpy()
    return Trial(features_RF, treated_R, kept["visit"].to_numpy().astype(np.float64))


def report(arm: str, trial: Trial) -> UpliftReport:
    """Evaluate one arm and print each learner's line."""
    started = time.monotonic()
    result = evaluate(trial)
    effect = result.average_effect
    show(f"{arm.lower()}_average_effect", [round(v, 4) for v in (effect.delta, effect.low, effect.high)], "visits")
    for kind, learner in result.results.items():
        values = {
            "qini": round(learner.qini, 4),
            "standard_error": round(learner.qini_standard_error, 4),
            "uplift_at_30": round(learner.uplift_at_30, 4),
            "interval": [round(learner.gain.low, 4), round(learner.gain.high, 4)],
            "over_response": [round(v, 4) for v in (learner.over_response.low, learner.over_response.high)],
        }
        show(f"{arm.lower()}_{kind}", values, "qini")
    show(f"{arm.lower()}_seconds", round(time.monotonic() - started, 1), "s")
    return result


def show(name: str, value: object, unit: str, goal: str | None = None, ok: bool | None = None) -> bool:
    """Print one line; True unless it misses its goal."""
    print(json.dumps({"name": name, "value": value, "unit": unit, "goal": goal, "ok": ok}), flush=True)
    return ok is not False


if __name__ == "__main__":
    sys.exit(main())
