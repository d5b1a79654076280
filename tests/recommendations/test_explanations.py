"""The fast explanations of a slate agree with the plain reference, item by item."""

import numpy as np
import pytest

from modeling.blending import BlendRecommender
from modeling.histories import History
from modeling.item_knn import ItemKnnRecommender
from modeling.sequence_configs import TransformerConfig
from modeling.transformer_numpy import TransformerRecommender
from recommendations.explanations import contributions

NUM_ITEMS = 60
ITEMS = np.array([3, 17, 40, 59], np.int32)


def make_transformer(num_items: int = NUM_ITEMS, config: TransformerConfig | None = None) -> TransformerRecommender:
    """Random weights (seed 0), as large as trained ones."""
    config = config or TransformerConfig.debug()
    generator, width, hidden = np.random.default_rng(0), config.width, config.width * config.hidden_factor

    def random(*shape: int) -> np.ndarray:
        return generator.normal(0, 0.3, shape).astype(np.float32)

    tables = {"items": num_items, "actions": 20, "gaps": 32, "positions": config.max_events}
    weights = {f"{name}.weight": random(size, width) for name, size in tables.items()}
    norms = ["final_norm"]
    for block in range(config.num_blocks):
        name = f"blocks.{block}"
        norms += [f"{name}.attention_norm", f"{name}.feed_norm"]
        layers = {"attention.qkv": (3 * width, width), "attention.out": (width, width)}
        layers |= {"feed_in": (hidden, width), "feed_out": (width, hidden)}
        for layer, shape in layers.items():
            weights |= {f"{name}.{layer}.weight": random(*shape), f"{name}.{layer}.bias": random(shape[0])}
    for name in norms:
        weights |= {f"{name}.weight": np.ones(width, np.float32), f"{name}.bias": np.zeros(width, np.float32)}
    keys, codes = np.arange(1, num_items + 1), np.arange(1, 17, dtype=np.int16)
    return TransformerRecommender(keys, weights, random(num_items), codes, config)


def make_knn(num_items: int = NUM_ITEMS, num_neighbours: int = 20) -> ItemKnnRecommender:
    generator = np.random.default_rng(1)
    neighbours = np.concatenate(
        [generator.choice(num_items, num_neighbours, replace=False) for _item in range(num_items)]
    )
    weights = generator.random(len(neighbours)).astype(np.float32)
    offsets = np.arange(num_items + 1) * num_neighbours
    return ItemKnnRecommender(np.arange(1, num_items + 1), offsets, neighbours.astype(np.int32), weights, 10, 0.8)


def make_history(num_events: int) -> History:
    generator = np.random.default_rng(2)
    items = generator.integers(0, NUM_ITEMS, num_events).astype(np.int32)
    times = np.sort(generator.integers(0, 10**6, num_events))
    return History(items, generator.integers(1, 16, num_events).astype(np.int16), times)


@pytest.mark.parametrize("num_events", [1, 4, 30])
def test_knn_contributions_are_the_reference_exactly(num_events: int) -> None:
    knn, history = make_knn(), make_history(num_events)
    expected = np.stack([knn.contributions(history, item) for item in ITEMS])
    assert expected.any()
    np.testing.assert_allclose(contributions(knn, history, ITEMS), expected, rtol=1e-6)


@pytest.mark.parametrize("num_events", [1, 2, 8])
def test_transformer_contributions_are_the_reference_in_a_small_catalogue(num_events: int) -> None:
    transformer, history = make_transformer(), make_history(num_events)
    expected = np.stack([transformer.contributions(history, item) for item in ITEMS])
    np.testing.assert_allclose(contributions(transformer, history, ITEMS), expected, atol=1e-5)


def test_a_long_history_is_explained_by_its_newest_acts() -> None:
    says = contributions(make_transformer(), make_history(50), ITEMS)
    assert says.shape == (4, 50)
    assert not says[:, :-8].any()
    assert says[:, -8:].any(axis=1).all()


def test_a_blend_lets_the_knn_speak_and_the_transformer_for_the_rest() -> None:
    transformer, knn, history = make_transformer(), make_knn(), make_history(4)
    blend = BlendRecommender(transformer, knn, 1.0, 0.01)
    every_item = np.arange(NUM_ITEMS, dtype=np.int32)
    says, by_knn = contributions(blend, history, every_item), contributions(knn, history, every_item)
    shares = by_knn.sum(axis=1) / knn.scores(history).sum()
    speaks = (shares + 0.01) / 0.01 >= 2  # the kNN at least doubles the odds
    assert 0 < speaks.sum() < by_knn.any(axis=1).sum() < NUM_ITEMS
    np.testing.assert_array_equal(says[speaks], by_knn[speaks])
    by_transformer = contributions(transformer, history, every_item)
    np.testing.assert_allclose(says[~speaks], by_transformer[~speaks], atol=1e-5)


def test_nothing_speaks_for_an_item_without_history() -> None:
    assert contributions(make_knn(), History.empty(), ITEMS).shape == (4, 0)
