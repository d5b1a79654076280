"""Would more data help? The curve on data whose truth is known, and the study that draws it."""

import numpy as np
import pytest

from accounts.models import Job
from modeling import studies
from modeling.errors import DatasetTooSmall
from modeling.learning_curve import forecast, predict
from modeling.study_fits import choose_shares
from modeling.trials import Sample, restrict_rows, restrict_split
from tests.modeling.behaviour import fill, fill_engagement
from tests.modeling.learning import make_dataset, make_engagement
from tests.modeling.test_studies import work

NUM_FULL = 8000
SIZES = (500, 1000, 2000, 4000)


def fits(truth, noise, generator, num_seeds=3):
    return {size: [truth(size) + generator.normal(0, noise) for _seed in range(num_seeds)] for size in SIZES}


def test_a_power_law_is_found_back_exactly():
    sizes, wanted = np.array(SIZES, float), np.array([8000.0, 16000.0])
    exponent = float(np.geomspace(0.05, 2.0, 40)[20])
    found = predict(sizes, (0.8 - 3 * sizes**-exponent)[None], wanted)[0]
    np.testing.assert_allclose(found, 0.8 - 3 * wanted**-exponent, atol=1e-9)


def test_the_interval_covers_the_truth():
    """95 % intervals over 60 known laws: full data, double data and the gain are each covered nearly always."""
    generator = np.random.default_rng(5)
    num_covered = np.zeros(3)
    for _law in range(60):
        ceiling, exponent = generator.uniform(0.2, 0.9), generator.uniform(0.2, 1.0)
        drop = generator.uniform(0.05, 0.5) * ceiling * SIZES[0] ** exponent

        def truth(size, ceiling=ceiling, drop=drop, exponent=exponent):
            return ceiling - drop * size**-exponent

        said = forecast(fits(truth, generator.choice([0.003, 0.01]), generator), NUM_FULL, num_draws=500)
        full, double = truth(NUM_FULL), truth(2 * NUM_FULL)
        intervals = [(said.at_full, full), (said.at_double, double), (said.gain, double - full)]
        num_covered += [one.low <= value <= one.high for one, value in intervals]
    assert (num_covered >= 54).all(), num_covered


def test_a_steep_curve_asks_for_more_data():
    said = forecast(fits(lambda n: 0.6 - 20 * n**-0.6, 0.001, np.random.default_rng(0)), NUM_FULL)
    assert said.answer == "more_helps"
    assert said.gain.low > 0.02
    assert said.at_full.value == pytest.approx(0.6 - 20 * 8000**-0.6, abs=0.01)


def test_a_flat_curve_says_that_more_hardly_helps():
    said = forecast(fits(lambda n: 0.6, 0.0005, np.random.default_rng(0)), NUM_FULL)
    assert said.answer == "hardly"
    assert said.gain.value >= 0


def test_noise_says_that_nothing_can_be_told():
    assert forecast(fits(lambda n: 0.5, 0.05, np.random.default_rng(1)), NUM_FULL).answer == "cannot_tell"


@pytest.mark.parametrize("qualities", [{}, {500: [0.5, 0.4], 1000: [0.6]}, {500: [0.4], 1000: [0.5], 2000: [0.6]}])
def test_too_few_fits_give_no_interval(qualities):
    with pytest.raises(DatasetTooSmall):
        forecast(qualities, NUM_FULL)


def test_small_brands_get_larger_fractions():
    assert choose_shares(10_000) == (0.0625, 0.125, 0.25, 0.5)
    assert choose_shares(90) == (0.25, 0.5, 0.75)
    assert choose_shares(10) == (0.25, 0.5, 0.75)


def test_samples_are_nested_and_everybody_is_still_measured(tmp_path):
    dataset = make_dataset(tmp_path / "next")
    split = dataset.leave_one_out
    small, large = (restrict_split(dataset, split, Sample(share, 3)) for share in (0.25, 0.5))
    teaching = [set(np.flatnonzero(one.train_ends_U > dataset.offsets[:-1])) for one in (small, large)]
    assert (len(teaching[0]), len(teaching[1]), teaching[0] < teaching[1]) == (15, 30, True)
    assert small.valid_targets_U.tolist() == split.valid_targets_U.tolist()
    table = make_engagement(tmp_path / "table")
    half = restrict_rows(table, Sample(0.5, 0))
    assert half.part("valid")[1].tolist() == table.part("valid")[1].tolist()
    full_labels, half_labels = table.part("train")[1], half.part("train")[1]
    assert len(half_labels) == pytest.approx(len(full_labels) / 2, abs=1)
    assert half_labels.sum() == pytest.approx(full_labels.sum() / 2, abs=1)


@pytest.mark.parametrize(
    ("purpose", "metric", "num_full"), [("engagement", "auc", 96), ("next_item", "ndcg_at_10", 60)]
)
def test_a_study_draws_the_curve(scope, hints, by, purpose, metric, num_full):
    fill_engagement(160) if purpose == "engagement" else fill(60, 20, 18)
    study = work(studies.start(studies.plan_learning_curve(purpose, "debug", num_seeds=2), by))
    assert study.job.state == Job.State.SUCCEEDED, study.job.error_template
    tried = [(trial.settings["share"], trial.settings["seed"]) for trial in study.trials.all()]
    assert tried == [(share, seed) for seed in (0, 1) for share in (0.25, 0.5, 0.75)]
    assert (study.result["metric"], study.result["num_full"]) == (metric, num_full)
    said = study.result["forecast"]
    assert said["gain"]["low"] <= said["gain"]["value"] <= said["gain"]["high"]
    assert said["answer"] in ("more_helps", "hardly", "cannot_tell")
