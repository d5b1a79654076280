"""A whole run: every model on the same split, published, comparable, repeatable."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modeling.artifacts import read_description, write_artifact
from modeling.blending import BlendConfig, BlendRecommender, choose_blend, combine, combine_sparse, popularity_bias
from modeling.classifiers import load_classifier
from modeling.datasets import Dataset
from modeling.engagement_config import EngagementConfig
from modeling.engagement_pipeline import fit_engagement_models
from modeling.errors import ConfigInvalid, TrainingCancelled
from modeling.evaluation import evaluate, measured_users
from modeling.histories import History
from modeling.pipeline import fit_next_item_models
from modeling.pipeline_config import PRESETS, PipelineConfig
from modeling.progress import TrainingPoint
from modeling.recommenders import load_recommender
from modeling.sequence_configs import FAMILIES
from modeling.simple_models import NextItemOutcome, fit_simple_models
from tests.modeling.learning import ignore, make_dataset, make_engagement, never

KINDS = ["popularity", "item_knn", "transformer", "transformer_knn"]
CONFIG = replace(PipelineConfig.preset("debug"), refit=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("data") / "ds")


@pytest.fixture(scope="module")
def outcome(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> NextItemOutcome:
    return fit_next_item_models(dataset, CONFIG, tmp_path_factory.mktemp("run"), ignore, never)


def test_every_model_is_published_with_its_metrics(dataset: Dataset, outcome: NextItemOutcome) -> None:
    assert [version.kind for version in outcome.versions] == KINDS
    for version in outcome.versions:
        description = read_description(version.directory)
        assert description["metrics"] == version.metrics
        assert description["dataset_version"] == dataset.info.version
        assert version.metrics["test"]["num_users"] == 60


def test_what_is_measured_is_what_serves(dataset: Dataset, outcome: NextItemOutcome) -> None:
    test = measured_users(dataset, dataset.leave_one_out, "test")
    for version in outcome.versions:
        again = evaluate(load_recommender(version.directory), test).metrics
        assert again == pytest.approx(version.metrics["test"], rel=1e-6)


def test_the_knn_knows_the_ring(outcome: NextItemOutcome) -> None:
    assert outcome.version("item_knn").metrics["test"]["ndcg_at_10"] > 0.6
    assert outcome.version("popularity").metrics["test"]["ndcg_at_10"] < 0.4


def test_every_recommender_keeps_the_contract(dataset: Dataset, outcome: NextItemOutcome) -> None:
    history = dataset.history(3, int(dataset.offsets[3]) + 6)
    for version in outcome.versions:
        recommender = load_recommender(version.directory)
        assert recommender.item_keys_N.tolist() == dataset.item_keys_N.tolist()
        for one in (history, History.empty()):
            scores = recommender.scores(one)
            assert (scores.dtype, scores.shape) == (np.float32, (30,))
            assert np.isfinite(scores).all()
            assert recommender.contributions(one, 5).shape == (len(one),)
        np.testing.assert_allclose(recommender.scores_many([history])[0], recommender.scores(history), atol=1e-5)


def test_refit_serves_all_events_but_reports_the_measured_model(
    dataset: Dataset, outcome: NextItemOutcome, tmp_path: Path
) -> None:
    refitted = fit_next_item_models(dataset, replace(CONFIG, refit=True), tmp_path, ignore, never)
    for kind in KINDS:
        assert refitted.version(kind).metrics["test"] == pytest.approx(outcome.version(kind).metrics["test"])
        assert refitted.version(kind).notes["is_refit"]
    history = dataset.history(0, int(dataset.offsets[1]))
    for kind in ("item_knn", "transformer"):
        served, measured = (load_recommender(one.version(kind).directory) for one in (refitted, outcome))
        assert not np.allclose(served.scores(history), measured.scores(history))


def test_cancelled_run_continues_to_the_same_versions(
    dataset: Dataset, outcome: NextItemOutcome, tmp_path: Path
) -> None:
    answers = iter([False] * 3 + [True])
    with pytest.raises(TrainingCancelled):
        fit_next_item_models(dataset, CONFIG, tmp_path, ignore, lambda: next(answers))
    assert not (tmp_path / "versions").exists()
    again = fit_next_item_models(dataset, CONFIG, tmp_path, ignore, never)
    for kind in KINDS:
        files, expected = (read_description(one.version(kind).directory)["files"] for one in (again, outcome))
        assert files == expected


def test_several_families_compete_and_the_best_is_blended(dataset: Dataset, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    config = replace(CONFIG, families=FAMILIES)
    outcome = fit_next_item_models(dataset, config, tmp_path, points.append, never)
    qualities = {family: outcome.version(family).notes["best_ndcg"] for family in FAMILIES}
    best = max(qualities, key=lambda family: qualities[family])
    assert [version.kind for version in outcome.versions] == ["popularity", "item_knn", *FAMILIES, f"{best}_knn"]
    blend = load_recommender(outcome.versions[-1].directory)
    assert isinstance(blend, BlendRecommender)
    assert blend.deep.kind == best
    history = dataset.history(3, int(dataset.offsets[3]) + 6)
    alone = load_recommender(outcome.version(best).directory)
    np.testing.assert_array_equal(blend.deep.scores(history), alone.scores(history))


def test_the_curve_of_several_networks_goes_on_from_one_to_the_next(dataset: Dataset, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    config = replace(CONFIG, families=("transformer", "gru"))
    fit_next_item_models(dataset, config, tmp_path, points.append, never)
    learning = [point for point in points if point.num_steps]
    for name in ("step", "epoch", "elapsed_seconds", "share"):
        values = [getattr(point, name) for point in learning]
        assert values == sorted(values), name
    ends = [point for point in learning if point.metrics]
    assert [(point.stage, point.epoch) for point in ends] == [
        ("transformer", 1), ("transformer", 2), ("gru", 3), ("gru", 4)
    ]  # fmt: skip
    assert ends[-1].share == 1.0
    assert ends[1].share == 0.5


def test_a_run_killed_in_its_second_network_keeps_the_first(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(CONFIG, families=("transformer", "gru"))
    unbroken = fit_next_item_models(dataset, config, tmp_path / "unbroken", ignore, never)
    stages: list[str] = []
    stop = iter([False] * 9 + [True])  # four steps an epoch: the tenth belongs to the second network
    with pytest.raises(TrainingCancelled):
        fit_next_item_models(dataset, config, tmp_path / "run", ignore, lambda: next(stop))
    again = fit_next_item_models(dataset, config, tmp_path / "run", lambda point: stages.append(point.stage), never)
    assert "transformer" not in stages
    assert "gru" in stages
    for one, other in zip(again.versions, unbroken.versions, strict=True):
        assert read_description(one.directory)["files"] == read_description(other.directory)["files"]


def test_simple_models_alone_come_without_a_verdict(dataset: Dataset, tmp_path: Path) -> None:
    points: list[TrainingPoint] = []
    outcome = fit_simple_models(dataset, CONFIG, tmp_path, points.append)
    assert [version.kind for version in outcome.versions] == ["popularity", "item_knn"]
    assert (outcome.verdict, outcome.serving_kind) == (None, "item_knn")
    assert [point.stage for point in points] == ["popularity", "item_knn"]


def test_time_split_runs_end_to_end(dataset: Dataset, tmp_path: Path) -> None:
    outcome = fit_next_item_models(dataset, replace(CONFIG, split="time", refit=True), tmp_path, ignore, never)
    assert outcome.version("transformer").metrics["test"]["num_users"] == dataset.info.time_test_users


def test_blend_is_the_best_setting_of_the_grid_on_validation(dataset: Dataset, outcome: NextItemOutcome) -> None:
    blend = load_recommender(outcome.version("transformer_knn").directory)
    popularity = load_recommender(outcome.version("popularity").directory)
    assert isinstance(blend, BlendRecommender)
    popularity_N = popularity.scores(History.empty())
    validation = measured_users(dataset, dataset.leave_one_out, "valid")
    config = BlendConfig(weights=(0.0, 1.0), floors=(1e-3,), popularity_weights=(0.0, 2.0))
    qualities = {
        (weight, pull): evaluate(
            replace(blend, weight=weight, floor=1e-3, bias_N=popularity_bias(popularity_N, pull)), validation
        ).mean_ndcg
        for weight in config.weights
        for pull in config.popularity_weights
    }
    chosen = choose_blend(blend.deep, blend.item_knn, popularity_N, validation, config)
    best = max(qualities, key=lambda setting: qualities[setting])
    assert (chosen.weight, chosen.popularity_weight) == best
    assert len(set(qualities.values())) == 4
    assert qualities[0.0, 0.0] == pytest.approx(evaluate(blend.deep, validation).mean_ndcg)


def test_blend_with_popularity_serves_as_published(outcome: NextItemOutcome, tmp_path: Path) -> None:
    blend = load_recommender(outcome.version("transformer_knn").directory)
    assert isinstance(blend, BlendRecommender)
    biased = replace(blend, bias_N=popularity_bias(np.arange(30, dtype=np.float32), 0.5))
    write_artifact(tmp_path / "v1", biased.to_artifact())
    np.testing.assert_array_equal(
        load_recommender(tmp_path / "v1").scores(History.empty()), biased.scores(History.empty())
    )
    assert biased.scores(History.empty()).argmax() == 29


def test_popularity_bias_is_the_weighted_log_share() -> None:
    bias = popularity_bias(np.array([3.0, 1.0, 0.0], np.float32), 2.0)
    total = 4 + 0.04
    expected = [2 * np.log((count + 4 / 300) / total) for count in (3, 1, 0)]
    np.testing.assert_allclose(bias, expected, rtol=1e-5)
    assert popularity_bias(np.ones(3, np.float32), 0.0) is None


@pytest.mark.parametrize("num_known", [0, 1, 40])
def test_combine_sparse_says_what_combine_says(num_known: int) -> None:
    generator = np.random.default_rng(num_known)
    logits_N, knn_N = generator.normal(size=200).astype(np.float32), np.zeros(200, np.float32)
    knn_N[generator.choice(200, num_known, replace=False)] = generator.random(num_known) + 0.1
    before_N = logits_N.copy()
    sparse_N = combine_sparse(logits_N, knn_N, 2.0, 1e-4)
    np.testing.assert_allclose(sparse_N, combine(logits_N, knn_N, 2.0, 1e-4), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(logits_N, before_N)


def test_combine_adds_logs() -> None:
    combined = combine(np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 1.0]], np.float32), 2.0, 0.25)
    np.testing.assert_allclose(combined, [[1.0 + 2 * np.log(1.0), 2.0 + 2 * np.log(0.5)]], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_round_trip_through_json(name: str) -> None:
    config = PipelineConfig.preset(name)
    again = PipelineConfig.from_json(config.to_json())
    assert again == config
    assert again.config_hash == config.config_hash
    assert replace(config, refit=not config.refit).config_hash != config.config_hash


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigInvalid):
        PipelineConfig.preset("magic")
    with pytest.raises(ConfigInvalid):
        PipelineConfig(split="random")
    for families in ((), ("transformer", "transformer"), ("rnn",)):
        with pytest.raises(ConfigInvalid, match="transformer, gru, next_it_net, hstu"):
            PipelineConfig(families=families)
    with pytest.raises(ConfigInvalid):
        PipelineConfig.from_dict({"trainer": {"learning_rate": "fast"}})


def test_engagement_versions_serve_what_was_measured(tmp_path: Path) -> None:
    dataset = make_engagement(tmp_path / "ds")
    outcome = fit_engagement_models(dataset, EngagementConfig.preset("debug"), tmp_path / "run", ignore, never)
    assert [version.kind for version in outcome.versions] == ["majority", "logistic", "engagement_dnn"]
    features, labels = dataset.part("test")
    for version in outcome.versions:
        classifier = load_classifier(version.directory)
        assert classifier.feature_names == ("num_likes", "dwell_seconds")
        accuracy = ((classifier.probabilities(features) >= 0.5) == (labels == 1)).mean()
        assert accuracy == pytest.approx(version.metrics["test"]["accuracy"])
