"""Every engagement family: NumPy says what torch or scikit-learn said, and all of them learn, serve and combine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from modeling.artifacts import write_artifact
from modeling.calibration import Calibrator, fit_calibrator
from modeling.classifiers import (
    CalibratedClassifier,
    LogisticClassifier,
    NetClassifier,
    load_classifier,
)
from modeling.engagement_config import (
    CHOICES,
    FAMILIES,
    EngagementConfig,
    EngagementTrainerConfig,
    EnsembleConfig,
    TreesConfig,
)
from modeling.engagement_datasets import EngagementDataset
from modeling.engagement_events import CODE_COLUMNS, SCHEMA, EventSequences, encode_events
from modeling.engagement_features import Bucketiser, FeatureEncoder
from modeling.engagement_numpy import EVENT_KINDS
from modeling.engagement_pipeline import fit_engagement_models
from modeling.errors import ConfigInvalid, DatasetInvalid, TrainingCancelled, TrainingDiverged
from modeling.metrics import roc_auc
from modeling.nn.engagement_inputs import RowInputs
from modeling.stacking import average, stack, stacking_weights
from modeling.training_engagement import NETS, learning_rate, train_family
from modeling.training_trees import export_trees, fit_trees
from tests.modeling.learning import ignore, make_engagement, never

DEBUG = EngagementConfig.preset("debug")
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> EngagementDataset:
    return make_engagement(tmp_path_factory.mktemp("engagement") / "ds")


def draw_rows(num_rows: int = 60) -> tuple[np.ndarray, EventSequences]:
    """Features with gaps and acts; some rows have none."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(num_rows, len(NAMES))).astype(np.float32)
    features[generator.random(features.shape) < 0.1] = np.nan
    row_of_E = np.sort(generator.integers(0, num_rows // 2, 300)) * 2
    codes = np.column_stack([generator.integers(0, 12, 300) for _ in CODE_COLUMNS])
    return features, EventSequences.join(row_of_E, codes.astype(np.int16), num_rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_numpy_net_equals_torch(family: str) -> None:
    torch.manual_seed(0)
    features, events = draw_rows()
    net = NETS[family](DEBUG, len(NAMES)).eval()
    with torch.no_grad():
        for parameter in net.parameters():  # away from the zeros that some begin with
            parameter.add_(torch.randn_like(parameter) * 0.1)
        encoder = FeatureEncoder.fit(features)
        logits = net(RowInputs.of(encoder.encode(features, events)))
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    model = NetClassifier(family, NAMES, encoder, weights)
    np.testing.assert_allclose(model.probabilities(features, events), torch.sigmoid(logits).numpy(), atol=2e-5)
    assert np.ptp(logits.numpy()) > 0.1


@pytest.mark.parametrize("family", sorted(EVENT_KINDS))
def test_a_net_over_acts_learns_from_their_order_and_demands_them(family: str, tmp_path: Path) -> None:
    dataset = make_engagement(tmp_path / "ds", has_signal=False)
    trainer = EngagementTrainerConfig(max_epochs=25, batch_rows=32, learning_rate=0.01)
    result = train_family(family, dataset, replace(DEBUG, trainer=trainer), tmp_path, ignore, never)
    features, labels = dataset.part("test")
    assert roc_auc(labels, result.classifier.probabilities(features, dataset.events_of("test"))) > 0.9
    with pytest.raises(ConfigInvalid):
        result.classifier.probabilities(features)
    with pytest.raises(DatasetInvalid):
        train_family(family, replace(dataset, events=None), DEBUG, tmp_path, ignore, never)


def test_trees_answer_exactly_as_scikit_learn(dataset: EngagementDataset) -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(1500, 4)).astype(np.float32)
    features[generator.random(features.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(features[:, 0]) * np.nan_to_num(features[:, 1], nan=1.0) > 0).astype(np.int8)
    model = HistGradientBoostingClassifier(max_iter=25, random_state=0).fit(features, labels)
    trees = export_trees(model, ("a", "b", "c", "d"), 25)
    unseen = generator.normal(size=(500, 4)).astype(np.float32)
    unseen[::3, 2] = np.nan
    np.testing.assert_allclose(trees.log_odds(unseen), model.decision_function(unseen), atol=1e-12)
    first = export_trees(model, trees.feature_names, 1)
    expected = next(model.staged_predict_proba(unseen))[:, 1]
    np.testing.assert_allclose(first.probabilities(unseen), expected, atol=1e-7)


def test_covers_of_trees_add_up(dataset: EngagementDataset) -> None:
    trees = fit_trees(dataset, TreesConfig(leaf_counts=(8,), learning_rates=(0.1,)), seed=0).classifier
    inner = ~trees.is_leaf_M
    children = trees.covers_M[trees.lefts_M[inner]] + trees.covers_M[trees.rights_M[inner]]
    np.testing.assert_array_equal(trees.covers_M[inner], children)
    assert (trees.covers_M[trees.roots_K] == dataset.info.num_train).all()


def test_acts_are_coded_oldest_first_and_cut_to_the_newest() -> None:
    rows = [
        (7, 4, "护肤", 10.0, 3.0),
        (7, 1, "", 3610.0, None),
        (9, 2, "护肤", 0.0, 0.0),
        (7, 12, "护肤", -5.0, None),  # after the reference time
        (8, 3, "护肤", 1.0, None),  # nobody asked for
        (7, 99, "母婴", 90_000.0, 1e9),
    ]
    events = encode_events(pl.DataFrame(rows, schema=SCHEMA, orient="row"), np.array([9, 5, 7]), max_events=2)
    assert events.offsets.tolist() == [0, 1, 1, 3]
    skin = int(events.codes_EC[0, 1])
    assert skin > 0
    assert events.codes_EC.tolist() == [[2, skin, 0, 23, 1], [1, 0, 2, 23, 0], [4, skin, 0, 11, 3]]
    codes, lengths = events.take(np.array([2, 1])).padded()
    assert (lengths.tolist(), codes.shape, codes[1].sum()) == ([2, 0], (2, 2, 5), 0)


def test_buckets_are_equally_full_and_missing_has_its_own() -> None:
    features = np.column_stack([np.arange(150), np.ones(150), np.full(150, np.nan)]).astype(np.float32)
    features[0, 0] = np.nan
    buckets = Bucketiser.fit(features).apply(features)
    assert buckets[0].tolist() == [0, 1, 0]
    assert set(np.bincount(buckets[1:, 0])[1:]) <= {9, 10, 11}
    assert buckets[1:, 0].max() == 15
    assert (buckets[:, 1] == 1).all()


def test_learning_rate_rises_and_falls_along_a_cosine() -> None:
    config = replace(DEBUG, trainer=EngagementTrainerConfig(learning_rate=0.1, warmup_steps=10, final_rate_share=0.2))
    rates = [learning_rate(step, 100, config) for step in (0, 9, 50, 100, 500)]
    assert rates == pytest.approx([0.01, 0.1 * (0.2 + 0.8 * 0.98), 0.06, 0.02, 0.02], abs=1e-3)


@pytest.mark.parametrize("changes", [{"positive_weight": 0.0}, {"kept_negatives": 0.3}])
def test_weights_of_classes_and_left_out_rows_do_not_move_probabilities(tmp_path: Path, changes: dict) -> None:
    dataset = make_engagement(tmp_path / "ds", num_rows=3000, has_signal=False)
    trainer = EngagementTrainerConfig(max_epochs=6, batch_rows=64, **changes)
    result = train_family("engagement_dnn", dataset, replace(DEBUG, trainer=trainer), tmp_path, ignore, never)
    features, labels = dataset.part("test")
    assert result.classifier.probabilities(features).mean() == pytest.approx(labels.mean(), abs=0.05)


def test_a_loss_that_is_no_number_stops_the_run(dataset: EngagementDataset, tmp_path: Path) -> None:
    trainer = EngagementTrainerConfig(learning_rate=1e30, warmup_steps=1)
    with pytest.raises(TrainingDiverged):
        train_family("deep_fm", dataset, replace(DEBUG, trainer=trainer), tmp_path, ignore, never)


def test_stacking_weights_never_fall_below_zero_and_find_the_useful_member() -> None:
    generator = np.random.default_rng(4)
    truth = generator.normal(size=4000)
    labels = (generator.random(4000) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    noise = generator.normal(size=4000) / 2
    logits = np.column_stack([truth + noise, np.zeros(4000), noise])  # taking the noise off would take a weight of -1
    weights, offset = stacking_weights(logits, labels, penalty=1.0)
    assert weights[0] == pytest.approx(0.8, abs=0.1)
    assert weights[1] == pytest.approx(1 / 2, abs=0.2)
    assert weights[2] == 0
    assert offset == pytest.approx(0, abs=0.1)


def test_stacking_of_members_worse_than_a_guess_answers_the_share() -> None:
    generator = np.random.default_rng(4)
    truth = generator.normal(size=4000)
    labels = (generator.random(4000) < 1 / (1 + np.exp(truth))).astype(np.int8)
    weights, _ = stacking_weights(np.column_stack([truth, 2 * truth]), labels, penalty=1.0)
    assert weights.max() < 1e-6


def test_seeds_are_averaged_on_the_log_odds() -> None:
    encoder = FeatureEncoder.fit(np.zeros((2, 1), np.float32))
    members = [LogisticClassifier(("a",), encoder.standardiser, np.zeros(1, np.float32), bias) for bias in (1.0, 3.0)]
    answer = average(members).probabilities(np.zeros((1, 1), np.float32))
    assert answer[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert average(members[:1]) is members[0]


def test_an_ensemble_of_calibrated_members_serves_as_published(dataset: EngagementDataset, tmp_path: Path) -> None:
    features, labels = dataset.part("test")
    events = dataset.events_of("test")
    nets = [train_family(name, dataset, DEBUG, tmp_path, ignore, never).classifier for name in ("dcn_v2", "event_cnn")]
    trees = train_family("trees", dataset, DEBUG, tmp_path, ignore, never).classifier
    platt = fit_calibrator("platt", trees.probabilities(features), labels)
    members = [average(nets), CalibratedClassifier(trees, platt)]
    answers = [member.probabilities(features, events) for member in members]
    ensemble, weights, _ = stack(members, answers, labels, penalty=1.0, seed=0)
    assert len(ensemble.members) == (weights > 0).sum()
    write_artifact(
        tmp_path / "v1", CalibratedClassifier(ensemble, Calibrator("temperature", np.array([0.5]))).to_artifact()
    )
    again = load_classifier(tmp_path / "v1")
    assert (again.kind, again.needs_events) == ("engagement_ensemble", any(m.needs_events for m in ensemble.members))
    expected = 1 / (1 + np.exp(-0.5 * np.log(1 / (1 / ensemble.probabilities(features, events).astype(float) - 1))))
    np.testing.assert_allclose(again.probabilities(features, events), expected, atol=1e-5)


def test_all_families_in_one_run_are_calibrated_compared_and_judged(dataset: EngagementDataset, tmp_path: Path) -> None:
    config = replace(DEBUG, families=CHOICES, ensemble=EnsembleConfig(num_seeds=2))
    points = []
    outcome = fit_engagement_models(dataset, config, tmp_path, points.append, never)
    kinds = [version.kind for version in outcome.versions]
    assert kinds == ["majority", "logistic", "trees", *FAMILIES, "engagement_ensemble"]
    assert outcome.verdict is not None
    assert outcome.verdict.deep_kind not in ("majority", "logistic", "trees")
    assert outcome.verdict.simple_kind == "trees"
    features, labels = dataset.part("test")
    for version in outcome.versions:
        answers = load_classifier(version.directory).probabilities(features, dataset.events_of("test"))
        assert ((answers >= 0.5) == (labels == 1)).mean() == pytest.approx(version.metrics["test"]["accuracy"])
        assert version.metrics["intervals"]["auc"][0] <= version.metrics["test"]["auc"]
        assert sum(point["num_rows"] for point in version.metrics["calibration"]["bins"]) == len(labels)
    steps = [point.step for point in points if point.loss is not None]
    assert steps == sorted(set(steps))
    assert (points[-2].share, points[-1].stage) == (1.0, "compare")


def test_an_ensemble_alone_and_unknown_families_are_refused() -> None:
    for families in (("engagement_ensemble",), (), ("magic",), ("trees", "trees")):
        with pytest.raises(ConfigInvalid):
            EngagementConfig(families=families)


def test_without_a_net_there_is_no_verdict_and_the_best_simple_one_serves(
    dataset: EngagementDataset, tmp_path: Path
) -> None:
    outcome = fit_engagement_models(dataset, replace(DEBUG, families=("trees",)), tmp_path, ignore, never)
    assert (outcome.verdict, outcome.serving_kind) == (None, "trees")


def test_a_run_that_was_cancelled_goes_on_with_the_net_it_was_at(dataset: EngagementDataset, tmp_path: Path) -> None:
    config = replace(DEBUG, families=("engagement_dnn", "dcn_v2"))
    whole = fit_engagement_models(dataset, config, tmp_path / "a", ignore, never)
    answers = iter([False] * 4 + [True])
    with pytest.raises(TrainingCancelled):
        fit_engagement_models(dataset, config, tmp_path / "b", ignore, lambda: next(answers))
    points = []
    again = fit_engagement_models(dataset, config, tmp_path / "b", points.append, never)
    assert {point.stage for point in points if point.loss is not None} == {"dcn_v2"}
    for version in whole.versions:
        assert again.version(version.kind).metrics == version.metrics
