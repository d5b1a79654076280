"""The search itself: what it tries next, when it gives a trial up, what mattered."""

import math
from dataclasses import replace

import pytest

from modeling.hyperparameters import HYPERPARAMETERS, search_space
from modeling.models import Purpose
from modeling.recipes import preset_values
from modeling.search import PastTrial, Search
from modeling.search_space import between, by_factor, one_of

SPACE = {"rate": by_factor(0.0001, 0.1), "width": one_of(8, 16, 32), "dropout": between(0.0, 0.6)}


def quality(settings, epoch):
    """Best at a rate of 0.01 and without dropout; the width does nothing."""
    return 1 - (math.log10(settings["rate"]) + 2) ** 2 - settings["dropout"] - 1 / epoch


def after(past, pruning="none"):
    return Search(SPACE, past, is_higher_better=True, pruning=pruning, seed=3, num_trials=24)


def run_trial(search, settings, pruning="none"):
    steps = {}
    for epoch in range(1, 7):
        steps[epoch] = quality(settings, epoch)
        if search.report(epoch, steps[epoch]):
            return PastTrial(settings, steps, "pruned", max(steps.values()), search.attributes)
    return PastTrial(settings, steps, "complete", max(steps.values()), search.attributes)


def run_search(num_trials, pruning="none", past=()):
    past = list(past)
    while len(past) < num_trials:
        search = after(past, pruning)
        past.append(run_trial(search, search.ask()))
    return past


def test_later_trials_are_better_than_the_random_ones():
    values = [trial.value for trial in run_search(24)]
    assert sum(values[16:]) / 8 > sum(values[:8]) / 8 + 0.5
    assert max(values) > 0.75


@pytest.mark.parametrize("pruning", ["none", "median", "halving"])
def test_a_killed_search_tries_what_an_unbroken_one_tries(pruning):
    unbroken = run_search(14, pruning)
    search = after(unbroken[:6], pruning)
    search.take(unbroken[6].settings)  # the trial that was under way when it was killed
    again = run_trial(search, unbroken[6].settings)
    assert run_search(14, pruning, [*unbroken[:6], again]) == unbroken


@pytest.mark.parametrize("pruning", ["median", "halving"])
def test_hopeless_trials_are_given_up(pruning):
    past = run_search(12, pruning)
    assert {trial.state for trial in past} == {"complete", "pruned"}
    assert past[max(range(12), key=lambda n: past[n].value)].state == "complete"
    search = after(past, pruning)
    search.take({"rate": 0.1, "width": 8, "dropout": 0.6})
    given_up = [search.report(epoch, -5.0 + epoch / 10) for epoch in range(1, 7)]
    assert any(given_up)


def test_settings_outside_the_space_are_tried_but_teach_nothing():
    preset = {"rate": 0.5, "width": 7, "dropout": 0.1}
    search = after([])
    search.take(preset)
    first = run_trial(search, preset)
    assert run_search(3, past=[first])[0].settings == preset


def test_failed_trials_move_the_search_on():
    one = run_search(1)[0]
    failed = replace(one, state="failed", value=None)
    assert after([one, failed]).ask() != after([one]).ask()


def test_what_matters_is_told_once_there_are_enough_trials():
    assert after(run_search(4)).importances() == {}
    found = after(run_search(24)).importances()
    assert next(iter(found)) == "rate"
    assert found["rate"] > 0.5 > found["dropout"] > found["width"]
    assert sum(found.values()) == pytest.approx(1)


def test_lower_is_better_when_asked():
    search = Search(SPACE, [], is_higher_better=False, pruning="none", seed=0, num_trials=24)
    past = []
    for _number in range(24):
        search = Search(SPACE, past, is_higher_better=False, pruning="none", seed=0, num_trials=24)
        settings = search.ask()
        past.append(PastTrial(settings, {}, "complete", -quality(settings, 6)))
    assert min(trial.value for trial in past[12:]) < min(trial.value for trial in past[:12])


@pytest.mark.parametrize("purpose", [*Purpose.values])
def test_every_searched_setting_lies_within_its_limits_and_holds_the_presets_value(purpose, scope):
    space = search_space(purpose)
    assert len(space) >= 5
    for parameter in HYPERPARAMETERS[purpose]:
        if parameter.search is not None:
            values = parameter.search.choices or (parameter.search.low, parameter.search.high)
            assert parameter.low <= min(values) <= max(values) <= parameter.high, parameter.name
            assert parameter.search.is_whole == parameter.is_whole, parameter.name
    for preset in ("quick", "standard"):
        values = preset_values(purpose, preset)
        outside = [name for name, one in space.items() if not one.holds(values[name])]
        assert outside == [], preset
