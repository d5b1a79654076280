"""A deep model is promoted only when it truly beats the simple ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modeling.engagement_config import EngagementConfig, EngagementTrainerConfig
from modeling.engagement_pipeline import fit_engagement_models
from modeling.gate import judge
from modeling.pipeline import fit_next_item_models
from modeling.pipeline_config import PipelineConfig
from tests.modeling.learning import ignore, make_dataset, make_engagement, never


def test_clear_gain_is_promoted() -> None:
    generator = np.random.default_rng(0)
    simple = generator.random(500)
    verdict = judge("ndcg_at_10", ("transformer", simple + generator.normal(0.1, 0.2, 500)), ("item_knn", simple))
    assert verdict.promote
    assert verdict.code == "deep_is_better"
    assert verdict.serving_kind == "transformer"
    assert 0 < verdict.low < verdict.delta < verdict.high


@pytest.mark.parametrize("gain", [0.0, -0.05])
def test_no_gain_is_refused(gain: float) -> None:
    generator = np.random.default_rng(1)
    simple = generator.random(500)
    verdict = judge("ndcg_at_10", ("transformer", simple + gain + generator.normal(0, 0.2, 500)), ("item_knn", simple))
    assert not verdict.promote
    assert (verdict.code, verdict.serving_kind) == ("not_better", "item_knn")


def test_few_users_prove_nothing() -> None:
    verdict = judge("ndcg_at_10", ("transformer", np.ones(29)), ("item_knn", np.zeros(29)))
    assert (verdict.promote, verdict.code) == (False, "too_few_users")


def test_lower_loss_is_a_gain() -> None:
    losses = np.full(100, 0.7)
    verdict = judge("log_loss", ("engagement_dnn", losses - 0.1), ("logistic", losses), higher_is_better=False)
    assert verdict.promote
    assert verdict.delta == pytest.approx(0.1)


def test_deep_next_item_model_is_refused_on_shuffled_data(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "ds", num_users=150, num_items=60, is_shuffled=True)
    config = PipelineConfig.preset("debug")
    config = replace(config, trainer=replace(config.trainer, max_epochs=8, learning_rate=0.01))
    outcome = fit_next_item_models(dataset, config, tmp_path / "run", ignore, never)
    assert outcome.verdict is not None
    assert outcome.verdict.code == "not_better"
    assert outcome.serving_kind in ("popularity", "item_knn")


def fit_engagement(directory: Path, *, has_signal: bool) -> str:
    dataset = make_engagement(directory / "ds", num_rows=800, has_signal=has_signal)
    config = EngagementConfig(trainer=EngagementTrainerConfig(max_epochs=30, batch_rows=64, learning_rate=0.01))
    return fit_engagement_models(dataset, config, directory / "run", ignore, never).serving_kind


def test_engagement_network_is_refused_on_random_labels(tmp_path: Path) -> None:
    assert fit_engagement(tmp_path, has_signal=False) in ("majority", "logistic")


def test_engagement_network_wins_where_only_an_interaction_tells(tmp_path: Path) -> None:
    assert fit_engagement(tmp_path, has_signal=True) == "engagement_dnn"
