"""One contract for every servable model, and its files on disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modeling.artifacts import WEIGHTS_FILE, Artifact, load_artifact, write_artifact
from modeling.errors import ConfigInvalid, FileCorrupt
from modeling.histories import History
from modeling.popularity import PopularityRecommender
from modeling.recommenders import load_recommender

KEYS = np.array([10, 20, 30])
DAY = 86_400


def fit_popularity() -> PopularityRecommender:
    items, times = np.array([0, 0, 1, 2], np.int32), np.array([0, 0, 2 * DAY, DAY])
    return PopularityRecommender.fit(KEYS, items, times, np.array([1, 1, 1, 4], np.float32), half_life_days=1.0)


def test_popularity_halves_each_half_life() -> None:
    assert fit_popularity().scores(History.empty()).tolist() == [0.5, 1.0, 2.0]


def test_registry_opens_what_was_published(tmp_path: Path) -> None:
    write_artifact(tmp_path / "v1", fit_popularity().to_artifact())
    recommender = load_recommender(tmp_path / "v1")
    assert recommender.kind == "popularity"
    assert recommender.item_keys_N.tolist() == [10, 20, 30]
    assert recommender.scores(History.empty()).tolist() == [0.5, 1.0, 2.0]
    assert recommender.contributions(History.from_events(KEYS, [10], [1], [5]), 2).tolist() == [0.0]


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path / "v1", fit_popularity().to_artifact())
    path = tmp_path / "v1" / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileCorrupt):
        load_recommender(tmp_path / "v1")


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path / "v1", Artifact("oracle", {}, {"item_keys_N": KEYS}))
    with pytest.raises(ConfigInvalid, match="oracle"):
        load_recommender(tmp_path / "v1")


def test_arrays_of_every_type_come_back_mapped(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([1, -2], np.int64),
        "c": np.array([True, False]),
        "d": np.empty((0, 4), np.int32),
    }
    write_artifact(tmp_path / "v1", Artifact("x", {"depth": 2}, arrays, metrics={"test": {"ndcg_at_10": 0.5}}))
    loaded = load_artifact(tmp_path / "v1")
    assert loaded.config == {"depth": 2}
    assert loaded.metrics == {"test": {"ndcg_at_10": 0.5}}
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].dtype == array.dtype
    assert not loaded.arrays["a"].flags.writeable


def test_publishing_again_replaces_the_version_whole(tmp_path: Path) -> None:
    for value in (1, 2):
        write_artifact(tmp_path / "v1", Artifact("x", {"value": value}, {"a": np.array([value])}))
    assert load_artifact(tmp_path / "v1").config == {"value": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_live_events_become_a_history_as_in_the_dataset() -> None:
    history = History.from_events(
        KEYS, [10, 10, 99, 30, 20, 20], [1, 4, 1, 1, 2, 1], [5, 6, 7, 8, 9, 10], [1, 2, 1, 1, 3, 1]
    )
    assert history.items_T.tolist() == [0, 2, 1]
    assert history.actions_T.tolist() == [4, 1, 2]
    assert history.times_T.tolist() == [5, 8, 9]


def test_serving_never_imports_torch() -> None:
    code = "import sys, modeling.recommenders; sys.exit('torch' in sys.modules or 'django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
