"""The uplift learners of the field, each one function from a trial to a predictor of uplift.

S, T, X: Kuenzel et al. 2019 (metalearners); DR: Kennedy 2020 with the trial's known propensity; logit with treatment
interactions: one logit over [x, t, t*x] (Lo 2002). The response model is the peer every learner must beat: it ranks by
how likely a person responds when treated, whether or not the treatment is why.

Shapes: R people, F features.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modeling.metrics import Float64Array
from modeling.uplift.linear import fit_linear
from modeling.uplift.trials import Trial

Predictor = Callable[[Float64Array], Float64Array]
"""Features [R, F] to a score per person [R]: the uplift, or for the response model the chance of an outcome."""
Learner = Callable[[Trial, int], Predictor]
"""A trial and a seed to a predictor."""


def response_model(trial: Trial, seed: int) -> Predictor:
    """Rank by the expected outcome under treatment: plain response targeting."""
    treated = trial.rows(trial.treated_R)
    return fit_linear(treated.features_RF, treated.outcome_R).predict


def s_learner(trial: Trial, seed: int) -> Predictor:
    """One model with the treatment as a feature among others."""
    model = fit_linear(np.column_stack([trial.features_RF, trial.treated_R]), trial.outcome_R)

    def predict(features_RF: Float64Array) -> Float64Array:
        ones_R = np.ones(len(features_RF))
        return model.predict(np.column_stack([features_RF, ones_R])) - model.predict(
            np.column_stack([features_RF, 0 * ones_R])
        )

    return predict


def interaction_logit(trial: Trial, seed: int) -> Predictor:
    """One model over features, treatment and their products; shrinkage leads to one effect for all."""
    treated_R1 = trial.treated_R[:, None].astype(np.float64)
    model = fit_linear(np.hstack([trial.features_RF, treated_R1, trial.features_RF * treated_R1]), trial.outcome_R)

    def predict(features_RF: Float64Array) -> Float64Array:
        ones_R1 = np.ones((len(features_RF), 1))
        treated = model.predict(np.hstack([features_RF, ones_R1, features_RF]))
        return treated - model.predict(np.hstack([features_RF, 0 * ones_R1, 0 * features_RF]))

    return predict


def t_learner(trial: Trial, seed: int) -> Predictor:
    """One model for each arm."""
    treated, control = _arms(trial)
    return lambda features_RF: treated(features_RF) - control(features_RF)


def x_learner(trial: Trial, seed: int) -> Predictor:
    """Impute each person's effect from the other arm's model, model both, and weigh by the propensity."""
    treated, control = _arms(trial)
    is_treated = trial.treated_R
    effect_R = np.where(
        is_treated, trial.outcome_R - control(trial.features_RF), treated(trial.features_RF) - trial.outcome_R
    )
    from_treated = fit_linear(trial.features_RF[is_treated], effect_R[is_treated])
    from_control = fit_linear(trial.features_RF[~is_treated], effect_R[~is_treated])
    share = trial.propensity
    return lambda features_RF: (
        share * from_control.predict(features_RF) + (1 - share) * from_treated.predict(features_RF)
    )


def dr_learner(trial: Trial, seed: int) -> Predictor:
    """Regress the doubly robust pseudo-effect, made with models of the other half of the people."""
    half_R = np.random.default_rng(seed).permutation(trial.num_people) % 2 == 0
    pseudo_R = np.empty(trial.num_people)
    for fold_R in (half_R, ~half_R):
        treated, control = _arms(trial.rows(~fold_R))
        pseudo_R[fold_R] = _pseudo_effect(trial.rows(fold_R), treated, control, trial.propensity)
    return fit_linear(trial.features_RF, pseudo_R).predict


def _pseudo_effect(trial: Trial, treated: Predictor, control: Predictor, propensity: float) -> Float64Array:
    """mu1 - mu0 + (t - e)/(e(1 - e)) * (y - mu_t), unbiased for the effect when either part is right."""
    treated_R, control_R = treated(trial.features_RF), control(trial.features_RF)
    expected_R = np.where(trial.treated_R, treated_R, control_R)
    weight_R = (trial.treated_R - propensity) / (propensity * (1 - propensity))
    return np.asarray(treated_R - control_R + weight_R * (trial.outcome_R - expected_R), np.float64)


def _arms(trial: Trial) -> tuple[Predictor, Predictor]:
    treated, control = trial.rows(trial.treated_R), trial.rows(~trial.treated_R)
    return (
        fit_linear(treated.features_RF, treated.outcome_R).predict,
        fit_linear(control.features_RF, control.outcome_R).predict,
    )
