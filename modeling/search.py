"""Which settings to try next, and when a fit is not worth finishing: Optuna over trials that somebody else keeps.

Stage: training (optimisation). Reads and writes nothing. The trials so far are handed in, so a search that was killed
goes on from its rows. Every trial draws from a random stream of its own number: the next settings are a function of
seed, space and the trials so far, and a search that was killed tries just what an unbroken one would have tried.

Tree-structured Parzen estimator: Bergstra et al. 2011. Successive halving: Li et al. 2020 (ASHA). Median stopping:
Golovin et al. 2017. Importance: fANOVA, Hutter et al. 2014.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from modeling.search_space import SearchRange, Settings

optuna.logging.set_verbosity(optuna.logging.WARNING)
Pruning = Literal["median", "halving", "none"]
MIN_FOR_IMPORTANCE = 5
_STATES = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
}


@dataclass(frozen=True)
class PastTrial:
    """One trial of before, as its row keeps it."""

    settings: Settings
    steps: Mapping[int, float]
    """Objective after each epoch."""
    state: str
    """"complete" or "pruned"; other trials teach the search nothing."""
    value: float | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What the pruner noted down."""


class Search:
    """The search over one family's space; ask once, then report the trial's epochs."""

    def __init__(
        self,
        space: Mapping[str, SearchRange],
        past: Sequence[PastTrial],
        *,
        is_higher_better: bool,
        pruning: Pruning,
        seed: int,
        num_trials: int,
    ) -> None:
        self._distributions = {name: _distribution(one) for name, one in sorted(space.items())}
        self._space, self._past = space, [trial for trial in past if trial.state in _STATES]
        stream = int(np.random.SeedSequence([seed, len(past)]).generate_state(1)[0])
        num_random = max(3, min(10, num_trials // 3))
        sampler = optuna.samplers.TPESampler(seed=stream, n_startup_trials=num_random, multivariate=True)
        self._study = optuna.create_study(
            direction="maximize" if is_higher_better else "minimize", sampler=sampler, pruner=_pruner(pruning)
        )
        self._study.add_trials([self._stored(trial) for trial in self._past])
        self._trial: optuna.Trial | None = None

    def ask(self) -> dict[str, Any]:
        """Settings that promise most, by the trials so far."""
        self._trial = self._study.ask(self._distributions)
        return dict(self._trial.params)

    def take(self, settings: Settings) -> None:
        """Try just these settings: the preset's own, or those of the trial that was under way."""
        if self._is_inside(settings):
            self._study.enqueue_trial(dict(settings))
            self._trial = self._study.ask(self._distributions)
        else:
            self._trial = self._study.ask()

    def report(self, step: int, value: float) -> bool:
        """Note the objective after an epoch; True when the trial is worse than others were and should stop."""
        assert self._trial is not None
        self._trial.report(value, step)
        return self._trial.should_prune()

    @property
    def attributes(self) -> dict[str, Any]:
        """What the pruner noted down about the trial under way."""
        assert self._trial is not None
        kept = self._study.trials[self._trial.number].system_attrs
        return {name: value for name, value in kept.items() if name.startswith("completed_rung")}

    def importances(self) -> dict[str, float]:
        """Share of the objective's variance that each setting explains, largest first; empty before it can be told.

        A pruned trial counts with the best value it had reached: leaving out the worst would hide what matters.
        """
        told = [one for one in self._past if one.value is not None and self._is_inside(one.settings)]
        if len(told) < MIN_FOR_IMPORTANCE or len({one.value for one in told}) < 2:
            return {}
        study = optuna.create_study()
        study.add_trials([self._stored(replace(one, state="complete")) for one in told])
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, max_depth=32, seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {name: float(value) for name, value in found.items() if math.isfinite(value)}

    def _is_inside(self, settings: Settings) -> bool:
        return settings.keys() == self._space.keys() and all(
            one.holds(settings[name]) for name, one in self._space.items()
        )

    def _stored(self, trial: PastTrial) -> optuna.trial.FrozenTrial:
        is_inside = self._is_inside(trial.settings)
        return optuna.trial.create_trial(
            state=_STATES[trial.state],
            value=trial.value,
            params=dict(trial.settings) if is_inside else {},
            distributions=self._distributions if is_inside else {},
            intermediate_values=dict(trial.steps),
            system_attrs=dict(trial.attributes),
        )


def _distribution(one: SearchRange) -> BaseDistribution:
    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.is_whole:
        return IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return FloatDistribution(one.low, one.high, log=one.is_log)


def _pruner(pruning: Pruning) -> optuna.pruners.BasePruner:
    if pruning == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
    if pruning == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return optuna.pruners.NopPruner()
