"""Directed item-kNN against a slow reference and hand-made sequences."""

from pathlib import Path

import numpy as np
import pytest

from modeling import item_knn
from modeling.artifacts import write_artifact
from modeling.histories import History
from modeling.item_knn import ItemKnnConfig, ItemKnnRecommender, count_pairs

KEYS = np.arange(100, 105)


def make_history(items: list[int]) -> History:
    return History(np.array(items, np.int32), np.ones(len(items), np.int16), np.arange(len(items)))


def count_slowly(sequences: list[list[int]], weights: list[list[float]], config: ItemKnnConfig) -> np.ndarray:
    pairs = np.zeros((5, 5))
    for sequence, weight in zip(sequences, weights, strict=True):
        for later in range(len(sequence)):
            for lag in range(1, min(config.window, later) + 1):
                if sequence[later - lag] != sequence[later]:
                    pairs[sequence[later - lag], sequence[later]] += config.decay ** (lag - 1) * weight[later]
    return pairs


@pytest.mark.parametrize("chunk_events", [3, 1000])
def test_pair_counts_equal_the_slow_reference(monkeypatch: pytest.MonkeyPatch, chunk_events: int) -> None:
    monkeypatch.setattr(item_knn, "CHUNK_EVENTS", chunk_events)
    generator = np.random.default_rng(3)
    sequences = [generator.integers(0, 5, size).tolist() for size in (9, 1, 4, 6, 2)]
    weights = [generator.random(len(sequence)).astype(np.float32).tolist() for sequence in sequences]
    config = ItemKnnConfig(window=3, decay=0.7)
    offsets = np.concatenate([[0], np.cumsum([len(sequence) for sequence in sequences])])
    pairs = count_pairs(
        offsets, np.concatenate(sequences).astype(np.int32), np.concatenate(weights).astype(np.float32), 5, config
    )
    dense = np.zeros((5, 5))
    dense[pairs.rows_P, pairs.columns_P] = pairs.weights_P
    np.testing.assert_allclose(dense, count_slowly(sequences, weights, config), rtol=1e-6)


def fit(sequence: list[int], config: ItemKnnConfig) -> ItemKnnRecommender:
    items = np.array(sequence, np.int32)
    pairs = count_pairs(np.array([0, len(items)]), items, np.ones(len(items), np.float32), 5, config)
    return ItemKnnRecommender.from_pairs(KEYS, pairs.strongest(config.num_neighbours), config)


def test_direction_matters() -> None:
    model = fit([0, 1], ItemKnnConfig())
    assert model.scores(make_history([0])).tolist() == [0, 1, 0, 0, 0]
    assert model.scores(make_history([1])).tolist() == [0, 0, 0, 0, 0]


def test_older_events_count_less() -> None:
    model = fit([0, 1, 2], ItemKnnConfig(decay=0.5))
    # 0 -> 1 (lag 1), 1 -> 2 (lag 1), 0 -> 2 (lag 2, half)
    assert model.scores(make_history([0, 1])).tolist() == [0, 0.5, 1 + 0.25, 0, 0]


def test_contributions_add_up_to_the_score() -> None:
    model = fit([0, 1, 2, 3, 4, 2, 0, 3], ItemKnnConfig(window=3))
    history = make_history([4, 0, 1, 2])
    contributions = model.contributions(history, 3)
    assert contributions.sum() == pytest.approx(model.scores(history)[3])
    assert contributions[0] == 0.0  # beyond the window
    assert contributions.argmax() == 3


def test_empty_history_scores_zero() -> None:
    assert fit([0, 1, 2], ItemKnnConfig()).scores(History.empty()).tolist() == [0] * 5


def test_only_the_strongest_neighbours_stay() -> None:
    model = fit([0, 1, 0, 1, 0, 2], ItemKnnConfig(window=1, num_neighbours=1))
    rows = slice(model.offsets_N1[0], model.offsets_N1[1])
    assert (model.neighbours_P[rows].tolist(), model.weights_P[rows].tolist()) == ([1], [2.0])


def test_normalisation_divides_by_powers_of_totals() -> None:
    items = np.array([0, 1, 0, 1, 0, 2], np.int32)
    pairs = count_pairs(np.array([0, 6]), items, np.ones(6, np.float32), 5, ItemKnnConfig(window=1)).normalised(
        1.0, 0.5
    )
    weights = {(int(r), int(c)): w for r, c, w in zip(pairs.rows_P, pairs.columns_P, pairs.weights_P, strict=True)}
    assert weights[0, 1] == pytest.approx(2 / 3 / np.sqrt(2))
    assert weights[0, 2] == pytest.approx(1 / 3)


def test_published_model_scores_the_same(tmp_path: Path) -> None:
    model = fit([0, 1, 2, 3, 4, 2, 0, 3], ItemKnnConfig(window=3))
    write_artifact(tmp_path / "knn", model.to_artifact())
    loaded = ItemKnnRecommender.load(tmp_path / "knn")
    history = make_history([4, 0, 1])
    assert loaded.scores(history).tolist() == model.scores(history).tolist()
