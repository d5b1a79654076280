"""The trainer: learns, reports, resumes bit for bit, cancels, refuses NaN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling import training_next_item
from modeling.datasets import Dataset
from modeling.engagement_config import EngagementConfig
from modeling.errors import DatasetTooSmall, FileCorrupt, TrainingCancelled, TrainingDiverged
from modeling.pipeline_config import TrainerConfig
from modeling.progress import TrainingPoint
from modeling.sequence_configs import TransformerConfig
from modeling.splits import Split
from modeling.training_checkpoints import CHECKPOINT_FILE
from modeling.training_engagement import train_family
from modeling.training_next_item import TrainingResult, train_next_item
from tests.modeling.learning import ignore, make_dataset, make_engagement, never

NETWORK = TransformerConfig.debug()
CONFIG = TrainerConfig(
    max_epochs=2,
    batch_events=128,
    warmup_steps=5,
    refit_epochs=1,
    num_threads=1,
    checkpoint_seconds=0.0,
    report_seconds=0.0,
)


class Killed(BaseException):
    """Stands for kill -9: nothing in the trainer may catch it."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("data") / "ds")


@pytest.fixture(scope="module")
def unbroken(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    directory = tmp_path_factory.mktemp("unbroken")
    return train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, directory, ignore, never)


def test_the_net_learns_the_ring(dataset: Dataset, tmp_path: Path) -> None:
    quiet = replace(CONFIG, checkpoint_seconds=60.0, report_seconds=60.0)
    config = replace(quiet, max_epochs=20, learning_rate=0.02, patience=20, refit_epochs=0)
    network = replace(NETWORK, width=16, dropout=0.0)
    points: list[TrainingPoint] = []
    result = train_next_item(dataset, dataset.leave_one_out, network, config, tmp_path, points.append, never)
    assert result.curve[-1]["loss"] < 0.6 * result.curve[0]["loss"]
    assert result.best_ndcg > 0.5  # a random ranking of the 20 unmet items gives about 0.23
    assert result.served_weights.keys() == result.measured_weights.keys()


def test_progress_tells_loss_speed_time_metrics_and_sample_lists(dataset: Dataset, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, points.append, never)
    epoch_ends = [point for point in points if point.metrics]
    assert [point.epoch for point in epoch_ends] == [1, 2]
    assert {"hr_at_10", "ndcg_at_10", "mrr", "coverage_at_10"} <= epoch_ends[0].metrics.keys()
    assert len(epoch_ends[0].samples) == 5
    for sample in epoch_ends[-1].samples:
        user = dataset.user_keys_U.tolist().index(sample.user_key)
        seen = dataset.history(user, int(dataset.leave_one_out.valid_targets_U[user]))
        assert len(sample.item_keys) == 5
        assert not set(sample.item_keys) & set(dataset.item_keys_N[seen.items_T].tolist())
    steps = [point for point in points if point.samples_per_second]
    assert all(point.loss and point.eta_seconds is not None for point in steps)
    assert [point.elapsed_seconds for point in points] == sorted(point.elapsed_seconds for point in points)
    assert {point.stage for point in points} == {"transformer", "transformer_refit"}


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_steps_ends_with_the_same_weights(
    dataset: Dataset, unbroken: TrainingResult, tmp_path: Path, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    result = None
    while result is None:
        left = int(generator.integers(2, 9))

        def die_later(point: TrainingPoint) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        torch.manual_seed(int(generator.integers(10**6)))
        try:
            result = train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, die_later, never)
        except Killed:
            continue
    for name, expected in unbroken.served_weights.items():
        np.testing.assert_array_equal(result.served_weights[name], expected)
        np.testing.assert_array_equal(result.measured_weights[name], unbroken.measured_weights[name])
    assert [point["loss"] for point in result.curve] == pytest.approx(
        [point["loss"] for point in unbroken.curve], rel=1e-6
    )


def test_cancel_leaves_a_checkpoint_that_continues(dataset: Dataset, unbroken: TrainingResult, tmp_path: Path) -> None:
    answers = iter([False] * 7 + [True])
    with pytest.raises(TrainingCancelled):
        train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, ignore, lambda: next(answers))
    assert (tmp_path / CHECKPOINT_FILE).exists()
    steps: list[int] = []
    result = train_next_item(
        dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, lambda point: steps.append(point.step), never
    )
    assert steps[0] == 8
    np.testing.assert_array_equal(result.served_weights["items.weight"], unbroken.served_weights["items.weight"])


def test_checkpoint_of_another_configuration_is_not_continued(dataset: Dataset, tmp_path: Path) -> None:
    answers = iter([False] * 3 + [True])
    with pytest.raises(TrainingCancelled):
        train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, ignore, lambda: next(answers))
    steps: list[int] = []
    other = replace(CONFIG, seed=1, max_epochs=1, refit_epochs=0)
    train_next_item(
        dataset, dataset.leave_one_out, NETWORK, other, tmp_path, lambda point: steps.append(point.step), never
    )
    assert steps[0] == 1


def test_damaged_checkpoint_is_named(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"\xff" * 40)
    with pytest.raises(FileCorrupt):
        train_next_item(dataset, dataset.leave_one_out, NETWORK, CONFIG, tmp_path, ignore, never)


def test_early_stopping_keeps_the_best_epoch(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, max_epochs=20, patience=2, refit_epochs=0)
    qualities = iter([0.2, 0.5, 0.4, 0.3])

    class Report:
        def __init__(self) -> None:
            self.metrics = {"ndcg_at_10": next(qualities)}

    monkeypatch.setattr(training_next_item, "evaluate", lambda *_: Report())
    result = train_next_item(dataset, dataset.leave_one_out, NETWORK, config, tmp_path, ignore, never)
    assert (result.num_epochs, result.best_epoch, result.best_ndcg) == (4, 2, 0.5)


def test_nan_stops_the_run(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(CONFIG, learning_rate=float("nan"))
    with pytest.raises(TrainingDiverged):
        train_next_item(dataset, dataset.leave_one_out, NETWORK, config, tmp_path, ignore, never)


def test_event_budget_shortens_the_plan(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(CONFIG, max_epochs=50, max_events_trained=2 * 60 * 9, refit_epochs=0)
    result = train_next_item(dataset, dataset.leave_one_out, NETWORK, config, tmp_path, ignore, never)
    assert result.num_epochs == 2


def test_nothing_to_learn_from_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    starts = dataset.offsets[:-1]
    with pytest.raises(DatasetTooSmall):
        train_next_item(dataset, Split("empty", starts, starts, starts), NETWORK, CONFIG, tmp_path, ignore, never)


@pytest.mark.parametrize("family", ["engagement_dnn", "event_rnn"])
def test_engagement_net_resumes_bit_for_bit(tmp_path: Path, family: str) -> None:
    dataset = make_engagement(tmp_path / "ds")
    config = EngagementConfig.preset("debug")
    expected = train_family(family, dataset, config, tmp_path / "a", ignore, never).classifier
    answers = iter([False, True, False, False])
    with pytest.raises(TrainingCancelled):
        train_family(family, dataset, config, tmp_path / "b", ignore, lambda: next(answers))
    torch.manual_seed(99)
    result = train_family(family, dataset, config, tmp_path / "b", ignore, lambda: next(answers)).classifier
    for name, array in expected.weights.items():
        np.testing.assert_array_equal(result.weights[name], array)


@pytest.mark.parametrize(("min_steps", "expected_steps"), [(1, 2), (1000, 3)])
def test_small_data_gets_smaller_batches(dataset: Dataset, tmp_path: Path, min_steps: int, expected_steps: int) -> None:
    # 540 inputs in rows of at most 8: one batch of 512 and a rest, or batches of 256
    config = replace(CONFIG, batch_events=512, min_steps_per_epoch=min_steps, max_epochs=1, refit_epochs=0)
    points: list[TrainingPoint] = []
    train_next_item(dataset, dataset.leave_one_out, NETWORK, config, tmp_path, points.append, never)
    assert points[-1].step == expected_steps


def test_time_limit_ends_the_fit_within_the_epoch(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(CONFIG, max_seconds=1e-9, max_epochs=50, refit_epochs=0)
    result = train_next_item(dataset, dataset.leave_one_out, NETWORK, config, tmp_path, ignore, never)
    assert result.num_epochs == 1
