"""Cross-validated Qini of every learner with its interval, and a verdict in one word.

Stage: evaluation. Reads a `Trial`; writes nothing. A person's score comes from a model that never saw that person.

Shapes: R people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modeling.metrics import Float64Array, Interval
from modeling.uplift.learners import (
    Learner,
    dr_learner,
    interaction_logit,
    response_model,
    s_learner,
    t_learner,
    x_learner,
)
from modeling.uplift.measures import Ranking, perfect_ranking, qini, uplift_at
from modeling.uplift.networks import dragonnet, tarnet
from modeling.uplift.trials import Trial

RESPONSE = "response"
UPLIFT_LEARNERS: dict[str, Learner] = {
    "interaction_logit": interaction_logit,
    "s_learner": s_learner,
    "t_learner": t_learner,
    "x_learner": x_learner,
    "dr_learner": dr_learner,
    "tarnet": tarnet,
    "dragonnet": dragonnet,
}
LEARNERS: dict[str, Learner] = {RESPONSE: response_model} | UPLIFT_LEARNERS

VerdictCode = Literal["target_by_uplift", "target_by_response", "no_order_shown"]


@dataclass(frozen=True)
class LearnerResult:
    """How well one learner orders people it has not seen."""

    kind: str
    qini: float
    """Mean normalised Qini over the folds."""
    qini_standard_error: float
    """Standard error over the folds of all repeats."""
    uplift_at_30: float
    """Uplift among the best 30 %, mean over the folds."""
    gain: Interval
    """Qini of the pooled out-of-fold scores above a random order (0), with its 95 % bootstrap interval."""
    over_response: Interval
    """The same above the response model, on the same resampled people."""


@dataclass(frozen=True)
class UpliftReport:
    """Every learner on one trial, and what follows."""

    average_effect: Interval
    """Mean outcome of treated minus that of controls (Neyman interval)."""
    results: dict[str, LearnerResult]
    verdict: VerdictCode
    chosen: str | None
    """The learner to target by; None when no order is shown to beat chance."""


def evaluate(
    trial: Trial, learners: Mapping[str, Learner] = LEARNERS, folds: int = 5, repeats: int = 2, seed: int = 0
) -> UpliftReport:
    """Cross-validate the learners on the same folds; `learners` must hold the response model.

    Raises `UnusableTrial` when an arm is too small or nobody in it responded.
    """
    trial.check()
    splits = [_fold_numbers(trial, folds, seed + repeat) for repeat in range(repeats)]
    scores = {
        kind: [_out_of_fold(trial, learner, split, seed) for split in splits] for kind, learner in learners.items()
    }
    weights = _resamples(trial.num_people, seed)
    areas = {kind: _bootstrap_qini(trial, repeats_scores, weights) for kind, repeats_scores in scores.items()}
    results = {kind: _result(trial, kind, scores[kind], splits, areas) for kind in learners}
    code, chosen = judge(results)
    return UpliftReport(average_effect(trial), results, code, chosen)


def judge(results: Mapping[str, LearnerResult]) -> tuple[VerdictCode, str | None]:
    """Uplift when its best learner beats chance and response targeting, else response when that beats chance.

    The best learner is chosen by its mean Qini. "Beats response" means a larger Qini of the pooled scores.
    """
    best = max((result for result in results.values() if result.kind != RESPONSE), key=lambda result: result.qini)
    response = results[RESPONSE]
    if best.gain.low > 0 and best.over_response.delta > 0:
        return "target_by_uplift", best.kind
    if response.gain.low > 0:
        return "target_by_response", RESPONSE
    return "no_order_shown", None


def average_effect(trial: Trial) -> Interval:
    """Difference of the arms' means with its 95 % normal interval (Neyman 1923)."""
    treated, control = trial.outcome_R[trial.treated_R], trial.outcome_R[~trial.treated_R]
    delta = float(treated.mean() - control.mean())
    half = 1.96 * float(np.sqrt(treated.var(ddof=1) / len(treated) + control.var(ddof=1) / len(control)))
    return Interval(delta, delta - half, delta + half)


def _fold_numbers(trial: Trial, folds: int, seed: int) -> Float64Array:
    """A fold for each person, equal shares of each arm and outcome in all."""
    generator = np.random.default_rng(seed)
    numbers_R = np.empty(trial.num_people)
    stratum_R = 2 * trial.treated_R + (trial.outcome_R > 0)
    for stratum in np.unique(stratum_R):
        members = generator.permutation(np.flatnonzero(stratum_R == stratum))
        numbers_R[members] = np.arange(len(members)) % folds
    return numbers_R


def _out_of_fold(trial: Trial, learner: Learner, fold_R: Float64Array, seed: int) -> Float64Array:
    scores_R = np.empty(trial.num_people)
    for fold in np.unique(fold_R):
        held_R = fold_R == fold
        scores_R[held_R] = learner(trial.rows(~held_R), seed)(trial.features_RF[held_R])
    return scores_R


def _resamples(num_people: int, seed: int, num_samples: int = 300) -> Float64Array:
    """How often each person is drawn in each resample: Poisson(1), the bootstrap for many rows [samples, R]."""
    return np.random.default_rng(seed).poisson(1.0, (num_samples, num_people)).astype(np.float64)


def _bootstrap_qini(trial: Trial, scores: list[Float64Array], weights: Float64Array) -> Float64Array:
    """Qini of each resample; the first entry is the sample itself. Mean over the repeats of the split."""
    perfect = perfect_ranking(trial.outcome_R, trial.treated_R)
    rankings = [Ranking(trial.outcome_R, scores_R, trial.treated_R) for scores_R in scores]

    def measure(weights_R: Float64Array | None) -> float:
        return float(np.mean([ranking.area(weights_R) for ranking in rankings])) / perfect.area(weights_R)

    return np.array([measure(None), *(measure(weights_R) for weights_R in weights)])


def _result(
    trial: Trial, kind: str, scores: list[Float64Array], splits: list[Float64Array], areas: dict[str, Float64Array]
) -> LearnerResult:
    per_fold = [
        _measure(trial.rows(split == fold), scores_R[split == fold])
        for scores_R, split in zip(scores, splits, strict=True)
        for fold in np.unique(split)
    ]
    qinis, tops = zip(*per_fold, strict=True)
    return LearnerResult(
        kind=kind,
        qini=float(np.mean(qinis)),
        qini_standard_error=float(np.std(qinis, ddof=1) / np.sqrt(len(qinis))),
        uplift_at_30=float(np.mean(tops)),
        gain=_interval(areas[kind]),
        over_response=_interval(areas[kind] - areas[RESPONSE]),
    )


def _measure(trial: Trial, scores_R: Float64Array) -> tuple[float, float]:
    return (
        qini(trial.outcome_R, scores_R, trial.treated_R),
        uplift_at(0.3, trial.outcome_R, scores_R, trial.treated_R),
    )


def _interval(values: Float64Array) -> Interval:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))
