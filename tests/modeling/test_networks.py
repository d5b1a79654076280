"""Every next-item network: causal, deaf to padding, and scored in NumPy as in torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling.artifacts import write_artifact
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.event_inputs import EventInputs, bucket_gaps
from modeling.histories import History
from modeling.hstu_numpy import bucket_spans
from modeling.item_content import ItemContent
from modeling.nn.hstu import bucket_spans as torch_spans
from modeling.nn.next_item import EventBatch, NextItemNet
from modeling.nn.registry import NETS, make_net
from modeling.recommenders import RECOMMENDERS, load_recommender
from modeling.sequence_configs import CONFIGS, FAMILIES, SequenceConfig
from modeling.sequence_numpy import SequenceRecommender
from modeling.windows import PADDING_TARGET, TrainingWindows
from tests.modeling.learning import make_dataset

CODES = np.array([1, 3, 8], np.int16)
NUM_ITEMS = 20
# every configuration has debug()
DEBUG: dict[str, SequenceConfig] = {family: config.debug() for family, config in CONFIGS.items()}  # type: ignore[attr-defined]
CONTENT = ItemContent(np.arange(NUM_ITEMS) % 4, np.arange(NUM_ITEMS), 4, np.eye(NUM_ITEMS, 3, dtype=np.float32))
WIDE = {
    family: config.from_dict(
        {"width": 16, "num_blocks": 3, "max_events": 12, "week_parts": 168} | ({"num_heads": 4} if heads else {})
    )
    for family, config in CONFIGS.items()
    for heads in ["num_heads" in config.__dataclass_fields__]
}


def make_random(config: SequenceConfig) -> NextItemNet:
    torch.manual_seed(0)
    net = make_net(config, NUM_ITEMS, len(CODES), CONTENT).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    assert net.content is not None
    net.content.warm(np.arange(NUM_ITEMS) != 7)
    return net


def make_history(length: int, seed: int = 0) -> History:
    """Gaps of no time at all, of days and backwards; one action was never seen in training."""
    generator = np.random.default_rng(seed)
    actions = generator.choice([1, 3, 8, 9], length).astype(np.int16)
    times = 1_700_000_000 + np.cumsum(generator.choice([0, 5, 3_000, 10**6, -60], length))
    return History(generator.integers(0, NUM_ITEMS, length).astype(np.int32), actions, times)


def to_batch(history: History) -> EventBatch:
    inputs, positions = EventInputs.of(history, CODES), np.arange(len(history))[::-1].copy()
    arrays = (inputs.items_T, inputs.actions_T, inputs.gaps_T, positions, inputs.times_T)
    return EventBatch(*(torch.from_numpy(array.astype(np.int64))[None] for array in arrays))


def to_recommender(net: NextItemNet) -> SequenceRecommender:
    weights = net.serving_weights()
    keys, prior = np.arange(100, 100 + NUM_ITEMS), np.arange(NUM_ITEMS, dtype=np.float32)
    return DEEP_RECOMMENDERS[net.config.family](keys, weights, prior, CODES, net.config)


def test_every_family_can_be_configured_trained_and_served() -> None:
    assert tuple(NETS) == tuple(DEEP_RECOMMENDERS) == FAMILIES == ("transformer", "gru", "next_it_net", "hstu")
    assert RECOMMENDERS.keys() == {"popularity", "item_knn", *FAMILIES, *(f"{family}_knn" for family in FAMILIES)}


@pytest.mark.parametrize("family", FAMILIES)
def test_numpy_twin_scores_like_torch(family: str) -> None:
    config = WIDE[family]
    net = make_random(config)
    recommender = to_recommender(net)
    for length in (1, 2, 7, 12, 30):
        history = make_history(length, seed=length)
        newest = history.last(config.max_events)
        with torch.no_grad():
            expected = net.score_last(to_batch(newest), torch.tensor([len(newest)]))[0].numpy()
        np.testing.assert_allclose(recommender.scores(history), expected, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_histories_of_mixed_length_score_as_one_by_one(family: str) -> None:
    recommender = to_recommender(make_random(DEBUG[family]))
    histories = [make_history(length, seed) for seed, length in enumerate((3, 0, 20, 3, 1, 8))]
    together = recommender.scores_many(histories)
    for row, history in enumerate(histories):
        np.testing.assert_allclose(together[row], recommender.scores(history), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_empty_history_gets_the_prior(family: str) -> None:
    recommender = to_recommender(make_random(DEBUG[family]))
    assert recommender.scores(History.empty()).tolist() == list(range(NUM_ITEMS))


@pytest.mark.parametrize("family", FAMILIES)
def test_future_events_do_not_change_the_past(family: str) -> None:
    net = make_random(DEBUG[family])
    batch = to_batch(make_history(6))
    changed = batch._replace(items_BT=batch.items_BT.clone(), times_BT=batch.times_BT.clone())
    changed.items_BT[0, 4:] = 0
    changed.times_BT[0, 4:] += 10**7
    with torch.no_grad():
        before, after = net(batch, net.item_table()), net(changed, net.item_table())
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_on_the_right_changes_nothing(family: str) -> None:
    net = make_random(DEBUG[family])
    batch = to_batch(make_history(5))
    padded = EventBatch(*(torch.nn.functional.pad(tensor, (0, 3)) for tensor in batch))
    with torch.no_grad():
        alone, together = (net.score_last(events, torch.tensor([5])) for events in (batch, padded))
    torch.testing.assert_close(alone, together)


def test_time_between_events_matters_to_the_gated_units() -> None:
    recommender, history = to_recommender(make_random(DEBUG["hstu"])), make_history(6)
    slow = History(history.items_T, history.actions_T, history.times_T[0] + np.arange(6) * (2**19 + 10))
    # the same bucket for every gap, but three gaps together lie in another
    slower = History(history.items_T, history.actions_T, history.times_T[0] + np.arange(6) * (2**20 - 10))
    assert bucket_gaps(slow.times_T).tolist() == bucket_gaps(slower.times_T).tolist()
    assert not np.allclose(recommender.scores(slow), recommender.scores(slower), atol=1e-4)


def test_spans_have_the_same_buckets_in_torch() -> None:
    times = np.array([[0, 0, 1, 2, 6, 7, 2**24 - 1, 2**24, 10**12, 5]])
    assert bucket_spans(times)[0, 8].tolist() == [31] * 8 + [0, 31]
    assert bucket_spans(times)[0, 5].tolist() == [3, 3, 2, 2, 1, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(bucket_spans(times), torch_spans(torch.from_numpy(times)).numpy())


@pytest.mark.parametrize("family", FAMILIES)
def test_numpy_twin_predicts_the_act_like_torch(family: str) -> None:
    net, history, items = make_random(WIDE[family]), make_history(9), np.array([3, 7], np.int32)
    probabilities = to_recommender(net).action_probabilities(history, items)
    with torch.no_grad():
        table = net.item_table()
        user = net(to_batch(history), table)[0, -1:]
        expected = net.action_logits(user.expand(2, -1), table[torch.tensor([3, 7])]).softmax(-1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    np.testing.assert_allclose(to_recommender(net).action_probabilities(History.empty(), items), 1 / 3, atol=1e-6)


def test_an_item_nobody_met_is_known_by_its_content_alone() -> None:
    net = make_random(DEBUG["gru"])
    before = net.serving_weights()["items.weight"]
    with torch.no_grad():
        net.items.weight += 1.0
    after = net.serving_weights()["items.weight"]
    is_same = np.isclose(before, after).all(axis=1)
    assert is_same.tolist() == [item == 7 for item in range(NUM_ITEMS)]
    assert before[7].any()


def test_hidden_ids_are_drawn_anew_while_training_only() -> None:
    net = make_random(replace(DEBUG["gru"], id_dropout=0.5))
    with torch.no_grad():
        assert torch.equal(net.item_table(), net.item_table())
        net.train()
        assert not torch.equal(net.item_table(), net.item_table())


def test_contribution_is_the_exact_leave_one_out_difference() -> None:
    recommender = to_recommender(make_random(DEBUG["transformer"]))
    history = make_history(6)
    contributions = recommender.contributions(history, 4)
    full, without = recommender.log_probabilities_many([history, history.without(2)])[:, 4]
    assert contributions[2] == np.float32(full - without)
    assert contributions.shape == (6,)


@pytest.mark.parametrize("family", FAMILIES)
def test_published_network_scores_the_same(family: str, tmp_path: Path) -> None:
    recommender = to_recommender(make_random(DEBUG[family]))
    write_artifact(tmp_path / "v1", recommender.to_artifact())
    loaded = load_recommender(tmp_path / "v1")
    history = make_history(9)
    assert loaded.kind == family
    assert loaded.scores(history).tolist() == recommender.scores(history).tolist()


def test_gap_buckets_double() -> None:
    times = np.cumsum([0, 0, 1, 3, 7, 10**12])
    assert bucket_gaps(times).tolist() == [0, 1, 2, 3, 4, 31]


def test_each_epoch_teaches_every_target_exactly_once(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "ds", num_users=20)
    split = dataset.leave_one_out
    windows = TrainingWindows(dataset, split, np.unique(dataset.actions_E), max_events=4, batch_events=32)
    for epoch in (0, 1):
        taught = []
        for window in np.concatenate(windows.epoch(epoch, seed=5)):
            taught += list(range(window[0] + 1, window[0] + window[1] + 1))
        expected = [
            event
            for user in range(dataset.num_users)
            for event in range(int(dataset.offsets[user]) + 1, int(split.train_ends_U[user]))
        ]
        assert sorted(taught) == expected
    assert windows.num_targets == len(expected)


def test_windows_stop_before_validation_and_carry_their_targets(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "ds", num_users=5)
    windows = TrainingWindows(dataset, dataset.leave_one_out, np.unique(dataset.actions_E), 4, 32)
    start = int(dataset.offsets[2])
    batch = windows.batch(np.array([[start, 4], [start + 4, 2]]))
    items = dataset.items_E[start : start + 8]
    assert batch.items_BT[0].tolist() == items[:4].tolist()
    assert batch.targets_BT.tolist() == [items[1:5].tolist(), [*items[5:7].tolist(), PADDING_TARGET, PADDING_TARGET]]
    assert batch.positions_BT.tolist() == [[3, 2, 1, 0], [1, 0, 0, 0]]
    assert batch.gaps_BT[:, 0].tolist() == [0, 0]
    assert batch.weights_BT[1].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert (
        max(int(window.sum()) for window in np.concatenate(windows.epoch(0, 0)))
        < dataset.leave_one_out.train_ends_U.max()
    )
