"""Whom a message changes: the measures by hand, the learners on people whose truth is known, the verdict."""

import numpy as np
import pytest

from modeling.uplift.evaluation import LEARNERS, evaluate
from modeling.uplift.learners import dr_learner, interaction_logit, t_learner, x_learner
from modeling.uplift.linear import fit_linear
from modeling.uplift.measures import Ranking, perfect_ranking, qini, uplift_at
from modeling.uplift.networks import dragonnet, tarnet
from modeling.uplift.trials import Trial, UnusableTrial

OUTCOME = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
TREATED = np.array([True, True, False, True, False, False])


def make_trial(num_people=6000, effect=0.3, seed=1):
    """Feature 0 sets the effect (only its positive half is moved), feature 1 the response, feature 2 nothing."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(num_people, 3))
    treated = generator.random(num_people) < 0.5
    chance = 0.1 + 0.5 * (features[:, 1] > 0) + effect * treated * (features[:, 0] > 0)
    return Trial(features, treated, (generator.random(num_people) < chance).astype(float))


def test_the_qini_curve_of_six_people_is_the_one_counted_by_hand():
    people, gain = Ranking(OUTCOME, np.array([6.0, 5, 4, 3, 2, 1]), TREATED).curve()
    assert people.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert gain.tolist() == [0, 1, 1, 1 - 1 * 2, 1 - 1 * 3, 1 - 2 * 3 / 2, 1 - 2 * 3 / 3]


def test_hindsight_scores_one_and_equal_scores_nothing():
    perfect = np.where(TREATED, OUTCOME, -OUTCOME)
    assert qini(OUTCOME, perfect, TREATED) == pytest.approx(1.0)
    assert qini(OUTCOME, np.zeros(6), TREATED) == 0.0
    assert np.isnan(qini(np.zeros(6), perfect, TREATED))


def test_weights_count_as_repeated_people():
    weights = np.array([2.0, 1, 0, 3, 1, 1])
    scores = np.array([0.3, 0.1, 0.7, 0.2, 0.9, 0.4])
    repeated = np.repeat(np.arange(6), weights.astype(int))
    assert Ranking(OUTCOME, scores, TREATED).area(weights) == pytest.approx(
        Ranking(OUTCOME[repeated], scores[repeated], TREATED[repeated]).area()
    )
    assert perfect_ranking(OUTCOME, TREATED).area(weights) == pytest.approx(
        perfect_ranking(OUTCOME[repeated], TREATED[repeated]).area()
    )


def test_uplift_among_the_best_third_needs_both_arms():
    assert uplift_at(0.5, OUTCOME, np.array([6.0, 5, 4, 3, 2, 1]), TREATED) == 0.5 - 1.0
    with pytest.raises(UnusableTrial):
        uplift_at(0.3, OUTCOME, np.array([6.0, 5, 4, 3, 2, 1]), TREATED)


def test_the_logit_finds_the_minimum_of_its_penalised_loss():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(500, 4))
    outcome = (generator.random(500) < 1 / (1 + np.exp(-features[:, 0]))).astype(float)
    model = fit_linear(features, outcome, penalty=2.0)
    gradient = features.T @ (model.predict(features) - outcome) + 2.0 * model.weights_F
    assert np.abs(gradient).max() < 1e-6
    assert model.predict(features).mean() == pytest.approx(outcome.mean())


@pytest.mark.parametrize("learner", [interaction_logit, t_learner, x_learner, dr_learner, tarnet, dragonnet])
def test_a_learner_ranks_new_people_by_what_the_message_changes(learner):
    predict = learner(make_trial(), 0)
    fresh = np.random.default_rng(9).normal(size=(2000, 3))
    uplift = predict(fresh)
    moved = fresh[:, 0] > 0
    assert uplift[moved].mean() - uplift[~moved].mean() > 0.15
    assert abs(uplift[fresh[:, 1] > 0].mean() - uplift[fresh[:, 1] <= 0].mean()) < 0.08


def test_a_network_is_the_same_for_the_same_seed():
    trial, fresh = make_trial(1000), np.random.default_rng(3).normal(size=(50, 3))
    first, again = dragonnet(trial, 4)(fresh), dragonnet(trial, 4)(fresh)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, dragonnet(trial, 5)(fresh))


LINEAR = {kind: LEARNERS[kind] for kind in ("response", "interaction_logit", "x_learner")}


def test_uplift_targeting_is_advised_where_the_message_moves_some_people():
    report = evaluate(make_trial(), LINEAR, repeats=1)
    assert report.verdict == "target_by_uplift"
    assert report.chosen in {"interaction_logit", "x_learner"}
    assert report.results[report.chosen].gain.low > 0 < report.results[report.chosen].over_response.low
    assert report.average_effect.low < 0.15 < report.average_effect.high


def test_response_targeting_is_advised_where_those_who_respond_are_those_who_are_moved():
    generator = np.random.default_rng(5)
    features = np.hstack([generator.normal(size=(3000, 1)), generator.normal(size=(3000, 60))])
    treated = generator.random(3000) < 0.5
    base = 1 / (1 + np.exp(1.5 - 1.5 * features[:, 0]))
    trial = Trial(features, treated, (generator.random(3000) < base * np.where(treated, 1.0, 0.8)).astype(float))
    report = evaluate(trial, LINEAR, repeats=1)
    assert (report.verdict, report.chosen) == ("target_by_response", "response")


def test_nothing_is_claimed_where_the_message_changes_nothing():
    generator = np.random.default_rng(2)
    trial = Trial(
        generator.normal(size=(3000, 3)), generator.random(3000) < 0.5, (generator.random(3000) < 0.2).astype(float)
    )
    report = evaluate(trial, LINEAR, repeats=1)
    assert (report.verdict, report.chosen) == ("no_order_shown", None)
    assert report.average_effect.low < 0 < report.average_effect.high


def test_an_unusable_trial_says_why():
    trial = make_trial(500)
    with pytest.raises(UnusableTrial, match="control group has 0 people"):
        evaluate(Trial(trial.features_RF, np.ones(500, bool), trial.outcome_R), LINEAR)
    with pytest.raises(UnusableTrial, match="fewer than 10 responses"):
        evaluate(Trial(trial.features_RF, trial.treated_R, np.zeros(500)), LINEAR)
    with pytest.raises(UnusableTrial, match="missing or infinite"):
        Trial(np.full((500, 3), np.nan), trial.treated_R, trial.outcome_R)
    with pytest.raises(UnusableTrial, match="0 or 1"):
        dragonnet(Trial(trial.features_RF, trial.treated_R, trial.outcome_R * 9.5), 0)
