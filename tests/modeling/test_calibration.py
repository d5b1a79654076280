"""Calibrators against known distortions and hand-computed values; nothing is learnt from rows it is judged on."""

import numpy as np
import pytest

from modeling.calibration import (
    Calibrator,
    allowed_kinds,
    choose_calibrator,
    fit_calibrator,
    log_odds,
    stratified_folds,
    undo_weighting,
)
from modeling.errors import ConfigInvalid
from modeling.metrics import calibration_bins, expected_calibration_error, log_loss_per_row, roc_auc, wilson_interval


def draw(num_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities and labels drawn from them."""
    generator = np.random.default_rng(seed)
    truth = 1 / (1 + np.exp(-generator.normal(-1, 1.2, num_rows)))
    return truth, (generator.random(num_rows) < truth).astype(np.int8)


def distort(truth: np.ndarray, slope: float, offset: float = 0.0) -> np.ndarray:
    return 1 / (1 + np.exp(-(slope * log_odds(truth) + offset)))


def test_temperature_and_platt_find_the_distortion() -> None:
    truth, labels = draw(40_000)
    assert fit_calibrator("temperature", distort(truth, 2.0), labels).parameters[0] == pytest.approx(0.5, abs=0.02)
    slope, offset = fit_calibrator("platt", distort(truth, 2.0, 1.0), labels).parameters
    assert (slope, offset) == (pytest.approx(0.5, abs=0.02), pytest.approx(-0.5, abs=0.03))


@pytest.mark.parametrize("kind", ["temperature", "platt", "isotonic"])
def test_calibration_brings_the_error_below_two_percent_and_keeps_the_order(kind: str) -> None:
    (truth, labels), (new_truth, new_labels) = draw(20_000), draw(20_000, seed=1)
    answers = distort(new_truth, 3.0)
    assert expected_calibration_error(new_labels, answers) > 0.1
    calibrated = fit_calibrator(kind, distort(truth, 3.0), labels).apply(answers)
    assert expected_calibration_error(new_labels, calibrated) < 0.02
    assert roc_auc(new_labels, calibrated) == pytest.approx(roc_auc(new_labels, answers), abs=1e-3)


def test_isotonic_pools_what_falls() -> None:
    calibrator = fit_calibrator("isotonic", np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1]))
    assert calibrator.parameters[1].tolist() == [0.1, 0.5, 0.9]
    assert calibrator.apply(np.array([0.01, 0.4])).tolist() == pytest.approx([0.1, 0.9])


def test_a_model_that_is_worse_than_a_guess_becomes_the_share() -> None:
    truth, labels = draw(4000)
    for kind in ("platt", "temperature"):
        answers = fit_calibrator(kind, 1 - truth, labels).apply(1 - truth)
        assert np.ptp(answers) == 0.0
    assert fit_calibrator("platt", 1 - truth, labels).apply(truth)[0] == pytest.approx(labels.mean(), abs=1e-3)


def test_the_choice_is_by_rows_that_were_not_fitted() -> None:
    truth, labels = draw(5000)
    calibration = choose_calibrator(distort(truth, 2.0, 1.0), labels)
    assert set(calibration.losses) == {"none", "temperature", "platt", "isotonic"}
    assert calibration.calibrator.kind == min(calibration.losses, key=lambda kind: calibration.losses[kind]) == "platt"
    assert log_loss_per_row(labels, calibration.out_of_fold_R).mean() == pytest.approx(calibration.losses["platt"])


def test_random_answers_gain_nothing_from_being_calibrated() -> None:
    generator = np.random.default_rng(3)
    labels = (generator.random(3000) < 0.3).astype(np.int8)
    assert choose_calibrator(np.full(3000, labels.mean()), labels).calibrator.kind == "none"


@pytest.mark.parametrize(("num_positive", "kinds"), [(19, 1), (20, 3), (199, 3), (200, 4)])
def test_few_rows_allow_stiff_kinds_only(num_positive: int, kinds: int) -> None:
    labels = np.arange(2000) < num_positive
    assert len(allowed_kinds(labels)) == kinds
    choose_calibrator(np.linspace(0.1, 0.9, 2000), labels.astype(np.int8))


def test_extreme_answers_stay_numbers() -> None:
    labels = np.array([0, 1] * 200)
    answers = np.where(labels == 1, 1.0, 0.0)
    for kind in ("none", "temperature", "platt", "isotonic"):
        calibrated = fit_calibrator(kind, answers, labels).apply(np.array([0.0, 0.5, 1.0]))
        assert np.isfinite(calibrated).all()
        assert calibrated[0] <= calibrated[2]


def test_weighting_of_classes_is_undone_exactly() -> None:
    truth = np.array([0.05, 0.5, 0.9])
    weighted = truth * 4 / (truth * 4 + 1 - truth)
    np.testing.assert_allclose(undo_weighting(weighted, 4.0), truth, rtol=1e-6)


def test_a_stored_calibrator_says_the_same() -> None:
    truth, labels = draw(1000)
    calibrator = fit_calibrator("isotonic", truth, labels)
    again = Calibrator.stored({"calibration": calibrator.kind}, {"calibration": calibrator.parameters})
    np.testing.assert_array_equal(again.apply(truth), calibrator.apply(truth))
    assert Calibrator.stored({}, {}).kind == "none"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigInvalid):
        fit_calibrator("magic", np.array([0.5]), np.array([1]))


def test_folds_share_both_classes() -> None:
    labels = np.arange(100) < 10
    folds = stratified_folds(labels, seed=0)
    assert [int(labels[folds == fold].sum()) for fold in range(5)] == [2] * 5


def test_bins_of_the_plot_hold_equal_mass_and_the_truth() -> None:
    truth, labels = draw(10_000)
    bins = calibration_bins(labels, truth)
    assert [point["num_rows"] for point in bins] == [1000] * 10
    assert all(point["low"] < point["observed"] < point["high"] for point in bins)
    assert sum(point["low"] <= point["predicted"] <= point["high"] for point in bins) >= 8


def test_wilson_interval_of_known_counts() -> None:
    assert wilson_interval(0.5, 100) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    assert wilson_interval(0.0, 10)[0] == 0.0
