"""Ranking networks, their NumPy twins, trees, and the way from a dataset to judged versions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from modeling.errors import ConfigInvalid, FileCorrupt, TrainingCancelled, TrainingDiverged
from modeling.rankers import Ranker, Reference, load_ranker
from modeling.ranking_config import FAMILIES, RankingConfig, RankingNetConfig
from modeling.ranking_counts import Histories, count_all
from modeling.ranking_datasets import RankingDataset
from modeling.ranking_exposures import check_events, find_exposures
from modeling.ranking_features import assemble
from modeling.ranking_inputs import BatchReader, Sizes
from modeling.ranking_items import ItemFacts
from modeling.ranking_models import NetModel, RatesModel
from modeling.ranking_pipeline import answer, fit_ranking_models
from modeling.ranking_requests import Catalogue, Past, describe
from modeling.ranking_trees import fit_trees
from modeling.training_ranking import (
    RankingNet,
    Standardiser,
    act_loss,
    group_rows,
    pairwise_loss,
    stays_of,
    to_tensors,
    train_family,
    visits_of,
)
from tests.modeling.exposures import DAY, event, frame_of, make_items, make_ranking, make_user_action, to_events
from tests.modeling.learning import ignore, never

DEBUG = RankingConfig.preset("debug")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RankingDataset:
    return make_ranking(tmp_path_factory.mktemp("ranking") / "ds", num_users=120)


def net_ranker(dataset: RankingDataset, family: str, network: RankingNetConfig) -> tuple[RankingNet, Ranker]:
    """A network with random weights and the ranker that serves it."""
    torch.manual_seed(1)
    net = RankingNet(family, network, Sizes.of(dataset)).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    weights = {name: tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    standardiser = Standardiser.fit(dataset.features_RF)
    model = NetModel(family, network, len(dataset.info.acts) + 1, standardiser, weights)
    return net, Ranker(family, Reference.of(dataset), model, (), stays_of(dataset)[0])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("num_levels", [1, 2])
def test_numpy_answers_as_torch_does(dataset: RankingDataset, family: str, num_levels: int) -> None:
    network = replace(DEBUG.network, num_levels=num_levels)
    net, ranker = net_ranker(dataset, family, network)
    rows = dataset.rows("test")[:200]
    reader = BatchReader(dataset, ranker.model.standardiser.apply(dataset.features_RF), network.history_length)
    with torch.no_grad():
        expected = torch.sigmoid(net(to_tensors(reader.read(rows)))).numpy()
    said, stays = answer(ranker, BatchReader(dataset, dataset.features_RF, network.history_length), rows)
    np.testing.assert_allclose(np.column_stack([said, stays]), expected, atol=1e-5)
    assert expected.std() > 0.01


def test_numpy_trees_answer_as_scikit_learn_does(dataset: RankingDataset) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from modeling import ranking_trees

    forest, num = ranking_trees._boost(dataset, 0, DEBUG)
    assert isinstance(forest, HistGradientBoostingClassifier)
    rows = dataset.rows("test")
    staged = list(forest.staged_predict_proba(np.nan_to_num(dataset.features_RF[rows], nan=np.nan)))
    model = fit_trees(dataset, DEBUG)
    said = model.answers(BatchReader(dataset, dataset.features_RF, 1).read(rows))
    known = ~np.isnan(dataset.features_RF[dataset.rows("train")]).all(axis=0)
    assert not known.all()
    np.testing.assert_allclose(said[:, 0], staged[num - 1][:, 1], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_request_is_described_as_training_would_describe_it(family: str, dataset: RankingDataset) -> None:
    """An exposure weeks later, appended to the data, has the features that a request for it gets."""
    _net, ranker = net_ranker(dataset, family, DEBUG.network)
    items, info = make_items(), dataset.info
    facts = ItemFacts.of(items, info.vocabulary)
    events, probed = check_events(to_events(make_user_action(num_users=120))), 12 * DAY + 5000
    probes = [event(7, item, "open", probed) for item in range(1, 40)]
    later = check_events(frame_of(*probes, event(99, 1, "rate", 20 * DAY)))
    every = pl.concat([events, later])
    rows = find_exposures(every, DAY).rows
    rows = rows.with_columns(pl.Series("item_index", facts.index(rows["item_key"].to_numpy())))
    offset = info.config.utc_offset_seconds
    histories = Histories.of(every, rows, facts, offset)
    features_RF = assemble(count_all(rows, histories, facts, info.acts, DAY, offset), facts, offset)
    own = events.filter(pl.col("user_key") == 7).sort("occurred_micros", "item_key", "code")
    past = Past(
        own["item_key"].to_numpy()[-200:],
        own["code"].to_numpy()[-200:],
        (own["occurred_micros"] // 1_000_000).to_numpy()[-200:],
    )
    now = int(rows["shown_micros"][-1] // 1_000_000)
    places = facts.index(rows["item_key"].to_numpy()[-39:])
    asked = describe(ranker, Catalogue.of(facts, ranker.reference), past, places, now)
    finished = dataset.info.num_rows
    assert len(rows) == finished + dataset.info.num_unfinished + 39
    unlike = [
        name
        for place, name in enumerate(info.feature_names)
        if not np.allclose(asked.features_RF[:, place], features_RF[-39:, place], atol=1e-5, equal_nan=True)
        and not any(word in name for word in ("rate_", "_shown"))
    ]
    assert unlike == []
    assert np.isfinite(ranker.probabilities(asked)).all()


def test_rates_of_a_request_are_those_of_the_whole_data(dataset: RankingDataset) -> None:
    reference = Reference.of(dataset)
    item = dataset.items_R[0]
    is_it = dataset.items_R == item
    assert reference.groups["item"].shown_RK[item].tolist() == [is_it.sum()] * len(reference.acts)
    assert reference.groups["item"].acts_RK[item].tolist() == dataset.labels_RK[is_it].sum(axis=0).tolist()
    assert reference.brand.shown_RK.tolist() == [[dataset.info.num_rows] * len(reference.acts)]


def test_new_items_and_new_contacts_get_an_answer(dataset: RankingDataset) -> None:
    _net, ranker = net_ranker(dataset, "mmoe", DEBUG.network)
    items = pl.concat([make_items(), make_items(1).with_columns(item_key=pl.lit(500, pl.Int64), author=pl.lit("?"))])
    catalogue = Catalogue.of(ItemFacts.of(items, ranker.reference.vocabulary), ranker.reference)
    nobody = Past(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, np.int64))
    said = ranker.probabilities(describe(ranker, catalogue, nobody, np.array([1, 61], np.int32), 1_780_000_000))
    assert said.shape == (2, len(ranker.acts))
    assert np.isfinite(said).all()


def test_unknown_labels_cost_nothing_and_pairs_stay_within_a_visit() -> None:
    logits = torch.zeros(4, 2, requires_grad=True)
    labels = torch.tensor([[1, -1], [0, -1], [1, 0], [0, 1]], dtype=torch.int8)
    loss = act_loss(logits, labels)
    assert float(loss.detach()) == pytest.approx(2 * np.log(2))
    loss.backward()
    assert logits.grad[:2, 1].tolist() == [0, 0]
    scores = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    term = pairwise_loss(scores, labels, torch.tensor([0, 0, 1, 1]))
    assert float(term) == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(3))) / 2 + np.log(2))


def test_batches_keep_visits_together(dataset: RankingDataset) -> None:
    visits, rows = visits_of(dataset), dataset.rows("train")
    order, groups = group_rows(visits, rows, [0, 0])
    assert sorted(order) == rows.tolist()
    assert len(np.unique(np.column_stack([groups, visits[order]]), axis=0)) == len(np.unique(groups))
    assert (np.diff(groups) >= 0).all()


def test_a_run_leaves_measured_calibrated_and_judged_versions(dataset: RankingDataset, tmp_path: Path) -> None:
    points = []
    outcome = fit_ranking_models(dataset, DEBUG, tmp_path, points.append, never)
    assert [version.kind for version in outcome.versions] == ["act_rates", "act_trees", "din", "mmoe"]
    test = {version.kind: version.metrics["test"] for version in outcome.versions}
    assert max(test["mmoe"]["weighted_uauc"], test["din"]["weighted_uauc"]) > 0.65
    assert test["mmoe"]["stay"] > 0.2
    assert set(test["mmoe"]["acts"]) == set(dataset.info.acts)
    assert outcome.verdict.metric == "weighted_uauc"
    steps = [point.step for point in points if point.stage in ("din", "mmoe")]
    assert steps == sorted(steps)
    ranker = load_ranker(tmp_path / "versions" / "mmoe")
    said, _stays = answer(ranker, BatchReader(dataset, dataset.features_RF, 10), dataset.rows("test"))
    again = outcome.versions[-1].metrics["test"]["log_loss"]
    labels = dataset.labels_RK[dataset.rows("test")]
    assert again == pytest.approx(-np.mean(np.where(labels == 1, np.log(said), np.log1p(-said))), rel=1e-4)


def test_a_cancelled_run_goes_on_to_the_same_weights(dataset: RankingDataset, tmp_path: Path) -> None:
    whole = train_family("mmoe", dataset, DEBUG, tmp_path / "whole", ignore, never)
    num_asked = iter(range(10_000))
    steps_each = -(-dataset.info.num_train // DEBUG.trainer.batch_rows)
    with pytest.raises(TrainingCancelled):
        train_family("mmoe", dataset, DEBUG, tmp_path / "cut", ignore, lambda: next(num_asked) == steps_each + 3)
    rest = train_family("mmoe", dataset, DEBUG, tmp_path / "cut", ignore, never)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(array, rest.weights[name], err_msg=name)


def test_a_loss_that_is_no_number_publishes_nothing(dataset: RankingDataset, tmp_path: Path) -> None:
    broken = replace(DEBUG, trainer=replace(DEBUG.trainer, learning_rate=1e30))
    with pytest.raises(TrainingDiverged):
        train_family("mmoe", dataset, broken, tmp_path, ignore, never)


def test_a_tampered_version_and_an_unknown_family_are_refused(dataset: RankingDataset, tmp_path: Path) -> None:
    from modeling.artifacts import write_artifact

    model = RatesModel.fit(dataset.info.acts, dataset.features_RF)
    ranker = Ranker("act_rates", Reference.of(dataset), model, (), stays_of(dataset)[0])
    write_artifact(tmp_path / "v", ranker.to_artifact())
    path = tmp_path / "v" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(FileCorrupt):
        load_ranker(tmp_path / "v")
    with pytest.raises(ConfigInvalid):
        RankingConfig(families=("transformer",))
