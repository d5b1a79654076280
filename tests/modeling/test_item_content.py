"""What is known of items teaches networks to rank items nobody has met, and what they do with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modeling.datasets import Dataset, load_dataset, write_dataset
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.evaluation import evaluate, mask_seen, measured_users
from modeling.histories import History
from modeling.item_content import read_item_content
from modeling.pipeline_config import TrainerConfig
from modeling.sequence_configs import CONFIGS
from modeling.sequence_numpy import SequenceRecommender
from modeling.training_next_item import train_next_item
from tests.modeling.learning import ignore, make_dataset, never

NUM_ITEMS, NUM_TOPICS = 60, 4
COLD = np.arange(NUM_ITEMS - 8, NUM_ITEMS)
"""Two items of each topic that nobody met."""
TRAINER = TrainerConfig(max_epochs=20, patience=20, learning_rate=0.02, warmup_steps=5, refit_epochs=0, num_threads=1)


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Users stay with one topic; they like items of even topics and share items of odd ones."""
    generator = np.random.default_rng(5)
    rows = []
    for user in range(120):
        topic = user % NUM_TOPICS
        items = generator.permutation(np.arange(topic, NUM_ITEMS - 8, NUM_TOPICS))[:9]
        act = 4 if topic % 2 == 0 else 5
        rows += [(user + 1, int(item) + 1, act, 1_700_000_000 + user * 50 + place) for place, item in enumerate(items)]
    directory = tmp_path_factory.mktemp("topics") / "ds"
    keys = np.arange(1, NUM_ITEMS + 1)
    words = [f"topic{item % NUM_TOPICS},all" for item in range(NUM_ITEMS)]
    write_dataset(
        directory,
        pl.DataFrame(rows, schema=["user_key", "item_key", "action", "occurred_at"], orient="row"),
        pl.DataFrame({"item_key": keys, "tags": words}),
        pl.DataFrame({"user_key": np.arange(1, 121)}),
    )
    return load_dataset(directory)


def train(dataset: Dataset, directory: Path, family: str, config: TrainerConfig = TRAINER) -> SequenceRecommender:
    # every configuration has debug()
    network = replace(CONFIGS[family].debug(), width=16, id_dropout=0.3, action_weight=1.0)  # type: ignore[attr-defined]
    trained = train_next_item(dataset, dataset.leave_one_out, network, config, directory, ignore, never)
    prior = np.zeros(dataset.num_items, np.float32)
    return DEEP_RECOMMENDERS[family](
        dataset.item_keys_N, trained.measured_weights, prior, trained.action_codes, network
    )


@pytest.fixture(scope="module")
def recommender(topics: Dataset, tmp_path_factory: pytest.TempPathFactory) -> SequenceRecommender:
    return train(topics, tmp_path_factory.mktemp("run"), "transformer")


def test_cold_items_of_the_right_topic_come_first(topics: Dataset, recommender: SequenceRecommender) -> None:
    test = measured_users(topics, topics.leave_one_out, "test")
    scores = recommender.scores_many(test.histories)
    is_right = (test.users_B % NUM_TOPICS)[:, None] == COLD % NUM_TOPICS
    chosen = scores[:, COLD].argmax(axis=1)
    assert is_right[np.arange(len(chosen)), chosen].mean() > 0.6  # a guess is right in 0.25
    mask_seen(scores, test.histories)
    ranks = np.array(
        [(row[:, None] > row[COLD[right]]).sum(axis=0).mean() for row, right in zip(scores, is_right, strict=True)]
    )
    assert ranks.mean() < 15  # a guess among the 52 unmet items: 26


def test_the_act_that_goes_with_the_item_is_predicted(topics: Dataset, recommender: SequenceRecommender) -> None:
    history = topics.history(0, int(topics.offsets[1]))
    odd = topics.history(1, int(topics.offsets[2]))
    assert recommender.action_codes.tolist() == [4, 5]
    assert recommender.action_probabilities(history, np.array([0], np.int32))[0, 0] > 0.8
    assert recommender.action_probabilities(odd, np.array([1], np.int32))[0, 1] > 0.8


def test_the_sampled_loss_learns_as_well_as_the_full_one(tmp_path: Path) -> None:
    """NDCG@10 within .05 at a fixed seed."""
    dataset = make_dataset(tmp_path / "ds")
    qualities = {}
    for loss in ("full", "sampled"):
        config = replace(TRAINER, loss=loss, num_negatives=24, max_epochs=15)
        test = measured_users(dataset, dataset.leave_one_out, "test")
        qualities[loss] = evaluate(train(dataset, tmp_path / loss, "transformer", config), test).mean_ndcg
    assert qualities["full"] > 0.4
    assert qualities["sampled"] == pytest.approx(qualities["full"], abs=0.05)


def test_content_is_read_from_words_tags_prices_and_vectors() -> None:
    items = pl.DataFrame(
        {
            "item_key": [1, 2, 3, 4],
            "kind": ["video", "video", "article", ""],
            "tags": ["a,b", "b", None, "a,only once"],
            "price_fen": [100, 199, None, 100_000],
            "vector": [[3.0, 4.0], None, [0.0, 0.0], [1.0, 0.0]],
        },
        schema_overrides={"vector": pl.List(pl.Float32)},
    )
    content = read_item_content(items)
    bags = [bag.tolist() for bag in np.split(content.features_P, content.offsets_N[1:])]
    # kind=video 0, price of 1 to 3 yuan 1, tag a 2, tag b 3
    assert bags == [[0, 1, 2, 3], [0, 1, 3], [], [2]]
    assert content.num_features == 4
    np.testing.assert_allclose(content.vectors_NV, [[0.6, 0.8], [0, 0], [0, 0], [1, 0]], atol=1e-6)


def test_items_without_any_description_have_no_content() -> None:
    assert read_item_content(pl.DataFrame({"item_key": [1, 2]})).is_empty
    assert read_item_content(pl.DataFrame({"item_key": [1, 2], "author": ["x", "y"]})).is_empty


def test_one_long_user_is_taught_whole_and_served_by_the_newest_acts(tmp_path: Path) -> None:
    """100,000 events of one person, some at the same second, the clock going back now and then, an item met once."""
    generator = np.random.default_rng(0)
    num_events = 100_000
    items = np.append(generator.integers(1, 40, num_events - 1), 40)
    times = 1_700_000_000 + np.arange(num_events) // 3 - (generator.random(num_events) < 0.01) * 50
    long = pl.DataFrame({"user_key": 1, "item_key": items, "action": 1, "occurred_at": times})
    short = [(user, item, 1, 1_700_000_000 + item) for user in (2, 3, 4) for item in (3, 4, 5, 6)]
    rows = pl.concat([long, pl.DataFrame(short, schema=long.schema, orient="row")])
    keys, users = pl.DataFrame({"item_key": np.arange(1, 42)}), pl.DataFrame({"user_key": [1, 2, 3, 4]})
    write_dataset(tmp_path / "ds", rows, keys, users)
    dataset = load_dataset(tmp_path / "ds")
    assert (np.diff(dataset.times_E[: dataset.offsets[1]]) >= 0).all()
    history = dataset.history(0, int(dataset.offsets[1]))
    network = CONFIGS["transformer"].debug()  # type: ignore[attr-defined]  # every one of them has it
    recommender = train_once(dataset, tmp_path, network)
    assert np.isfinite(recommender.scores(history)).all()
    np.testing.assert_array_equal(recommender.scores(history), recommender.scores(history.last(8)))
    back = History(history.items_T[-8:], history.actions_T[-8:], history.times_T[-8:][::-1].copy())
    assert np.isfinite(recommender.scores(back)).all()


def train_once(dataset: Dataset, directory: Path, network: object) -> SequenceRecommender:
    """One epoch over every window of a split in which the long user teaches."""
    from modeling.splits import Split
    from modeling.windows import TrainingWindows

    ends = dataset.offsets[1:] - 2
    split = Split("all but two", ends, ends, ends + 1)
    windows = TrainingWindows(dataset, split, np.unique(dataset.actions_E), 8, 4096)
    assert windows.num_targets == int((ends - dataset.offsets[:-1] - 1).sum()) > 90_000
    config = replace(TRAINER, max_epochs=1, batch_events=16_384)
    # the configuration is of one family of several
    trained = train_next_item(dataset, split, network, config, directory / "run", ignore, never)  # type: ignore[arg-type]
    prior = np.zeros(dataset.num_items, np.float32)
    return DEEP_RECOMMENDERS["transformer"](
        dataset.item_keys_N,
        trained.served_weights,
        prior,
        trained.action_codes,
        network,  # type: ignore[arg-type]  # the test gives plain values
    )
