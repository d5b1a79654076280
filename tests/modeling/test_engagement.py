"""The engagement table and its classifiers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modeling.classifiers import LogisticClassifier, MajorityClassifier, Standardiser, load_classifier
from modeling.engagement_config import CHOICES, EngagementConfig
from modeling.engagement_datasets import EngagementDatasetConfig, load_engagement_dataset, write_engagement_dataset
from modeling.engagement_events import SCHEMA
from modeling.engagement_pipeline import fit_engagement_models
from modeling.errors import ConfigInvalid, DatasetInvalid, DatasetTooSmall, FileCorrupt, LabelHasOneClass
from tests.modeling.learning import ignore, never


def make_frame(num_rows: int = 100, num_positive: int = 30) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_key": range(1000, 1000 + num_rows),
            "likes": [float(row % 7) for row in range(num_rows)],
            "dwell": [None if row % 10 == 0 else row * 1.5 for row in range(num_rows)],
            "label": [int(row < num_positive) for row in range(num_rows)],
        }
    )


def test_split_is_60_20_20_in_each_class(tmp_path: Path) -> None:
    info = write_engagement_dataset(tmp_path / "ds", make_frame(), ["likes", "dwell"], "label")
    dataset = load_engagement_dataset(tmp_path / "ds")
    assert (info.num_rows, info.num_positive) == (100, 30)
    assert (info.num_train, info.num_valid, info.num_test) == (60, 20, 20)
    assert [int(dataset.part(name)[1].sum()) for name in ("train", "valid", "test")] == [18, 6, 6]
    assert dataset.row_keys_R.tolist() == list(range(1000, 1100))
    assert np.isnan(dataset.features_RF[:, 1]).sum() == 10


def test_split_depends_on_the_seed_and_version_on_the_content(tmp_path: Path) -> None:
    first, same = (write_engagement_dataset(tmp_path / name, make_frame(), ["likes"], "label") for name in "ab")
    other = write_engagement_dataset(tmp_path / "c", make_frame(), ["likes"], "label", EngagementDatasetConfig(seed=1))
    assert first.version == same.version != other.version
    parts = [load_engagement_dataset(tmp_path / name).parts_R.tolist() for name in "abc"]
    assert parts[0] == parts[1] != parts[2]


def test_rows_without_label_are_dropped_and_counted(tmp_path: Path) -> None:
    frame = pl.concat([make_frame(), make_frame(5).with_columns(label=pl.lit(None, pl.Int64))])
    info = write_engagement_dataset(tmp_path / "ds", frame, ["likes"], "label")
    assert (info.num_rows, info.num_rows_without_label) == (100, 5)


@pytest.mark.parametrize(
    ("frame", "features", "error"),
    [
        (make_frame(100, 0), ["likes"], LabelHasOneClass),
        (make_frame(100, 100), ["likes"], LabelHasOneClass),
        (make_frame(49, 20), ["likes"], DatasetTooSmall),
        (make_frame(100, 4), ["likes"], DatasetTooSmall),
        (make_frame(), ["likes", "shares"], DatasetInvalid),
        (make_frame(), ["likes", "label"], DatasetInvalid),
        (make_frame(), [], DatasetInvalid),
        (make_frame().with_columns(label=pl.col("label") * 2), ["likes"], DatasetInvalid),
        (make_frame().with_columns(user_key=pl.lit(5)), ["likes"], DatasetInvalid),
    ],
)
def test_unusable_tables_are_refused(tmp_path: Path, frame: pl.DataFrame, features: list[str], error: type) -> None:
    with pytest.raises(error):
        write_engagement_dataset(tmp_path / "ds", frame, features, "label")
    assert list(tmp_path.iterdir()) == []


def test_changed_table_is_refused(tmp_path: Path) -> None:
    write_engagement_dataset(tmp_path / "ds", make_frame(), ["likes"], "label")
    path = tmp_path / "ds" / "rows.parquet"
    pl.read_parquet(path, memory_map=False).with_columns(likes=pl.lit(1.0, pl.Float32)).write_parquet(path)
    with pytest.raises(FileCorrupt):
        load_engagement_dataset(tmp_path / "ds")


def test_standardiser_centres_fills_and_limits() -> None:
    features = np.array([[1, 5, np.nan], [3, 5, np.nan], [np.nan, 5, np.nan]], np.float32)
    standardiser = Standardiser.fit(features)
    assert standardiser.apply(features).tolist() == [[-1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert standardiser.apply(np.array([[1e6, 5, 0]], np.float32))[0, 0] == 10.0


def test_logistic_regression_finds_the_penalised_optimum() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(500, 3)).astype(np.float32)
    labels = (generator.random(500) < 1 / (1 + np.exp(-(features @ [2.0, -1.0, 0.0] + 0.5)))).astype(np.int8)
    model = LogisticClassifier.fit(("a", "b", "c"), features, labels, penalty=2.0)
    inputs = model.standardiser.apply(features)
    errors = model.probabilities(features) - labels
    np.testing.assert_allclose(inputs.T @ errors + 2.0 * model.weights_F, 0, atol=1e-2)
    assert errors.sum() == pytest.approx(0, abs=1e-2)


def test_logistic_regression_survives_separable_and_constant_columns() -> None:
    features = np.column_stack([np.arange(100), np.ones(100)]).astype(np.float32)
    labels = (np.arange(100) >= 50).astype(np.int8)
    model = LogisticClassifier.fit(("a", "b"), features, labels, penalty=0.1)
    assert ((model.probabilities(features) >= 0.5) == labels).all()
    assert np.isfinite(model.weights_F).all()


def test_majority_answers_the_share() -> None:
    model = MajorityClassifier.fit(("a",), np.array([1, 0, 0, 0], np.int8))
    assert model.probabilities(np.zeros((2, 1), np.float32)).tolist() == [0.25, 0.25]


def test_shares_that_leave_nothing_to_learn_from_are_refused() -> None:
    for changes in ({"valid_share": 0.5, "test_share": 0.4}, {"test_share": 0.0}, {"max_events": 0}):
        with pytest.raises(ConfigInvalid):
            EngagementDatasetConfig(**changes)


def test_a_part_without_one_of_the_classes_is_refused(tmp_path: Path) -> None:
    write_engagement_dataset(tmp_path / "ds", make_frame(), ["likes"], "label")
    dataset = load_engagement_dataset(tmp_path / "ds")
    dataset.check()
    with pytest.raises(DatasetTooSmall):
        replace(dataset, parts_R=np.zeros_like(dataset.parts_R)).check()
    with pytest.raises(DatasetTooSmall):
        replace(dataset, parts_R=np.where(dataset.labels_R == 1, 0, dataset.parts_R)).check()


def test_columns_that_tell_the_label_are_named(tmp_path: Path) -> None:
    frame = make_frame().with_columns(
        paid=pl.col("label") * 3.0,
        refund_reason=pl.when(pl.col("label") == 1).then(1.0),
        constant=pl.lit(1.0),
        empty=pl.lit(None, pl.Float64),
    )
    features = ["likes", "paid", "refund_reason", "constant", "empty"]
    info = write_engagement_dataset(tmp_path / "ds", frame, features, "label")
    assert info.leaking_features == ("paid", "refund_reason")


@pytest.mark.parametrize("families", [("engagement_dnn",), CHOICES])
def test_constant_missing_and_infinite_features_give_the_share(tmp_path: Path, families: tuple[str, ...]) -> None:
    frame = make_frame(150, 60).with_columns(likes=1.0, dwell=pl.Series([float("inf"), float("nan"), None] * 50))
    acts = pl.DataFrame(schema=SCHEMA)
    write_engagement_dataset(tmp_path / "ds", frame, ["likes", "dwell"], "label", acts=acts)
    dataset = load_engagement_dataset(tmp_path / "ds")
    config = replace(EngagementConfig.preset("debug"), families=families)
    outcome = fit_engagement_models(dataset, config, tmp_path / "run", ignore, never)
    features = dataset.part("test")[0]
    for version in outcome.versions:
        answers = load_classifier(version.directory).probabilities(features, dataset.events_of("test"))
        assert np.ptp(answers) == 0.0
        assert answers[0] == pytest.approx(0.4, abs=0.15)
    assert outcome.verdict is not None
    assert not outcome.verdict.promote


def test_the_smallest_table_that_is_taken_can_be_learnt(tmp_path: Path) -> None:
    write_engagement_dataset(tmp_path / "ds", make_frame(50, 5), ["likes", "dwell"], "label")
    config = replace(EngagementConfig.preset("debug"), families=("engagement_dnn", "trees", "engagement_ensemble"))
    outcome = fit_engagement_models(load_engagement_dataset(tmp_path / "ds"), config, tmp_path, ignore, never)
    assert outcome.verdict is not None
    assert outcome.verdict.code == "too_few_users"


def test_acts_are_stored_with_the_table_and_part_of_its_version(tmp_path: Path) -> None:
    acts = pl.DataFrame([(1000, 4, "护肤", 60.0, None), (1099, 2, "", 5.0, 3.0)], schema=SCHEMA, orient="row")
    with_acts = write_engagement_dataset(tmp_path / "a", make_frame(), ["likes"], "label", acts=acts)
    without = write_engagement_dataset(tmp_path / "b", make_frame(), ["likes"], "label")
    assert (with_acts.num_events, with_acts.has_events, without.has_events) == (2, True, False)
    assert with_acts.version != without.version
    events = load_engagement_dataset(tmp_path / "a").events
    assert events is not None
    assert np.diff(events.offsets).tolist() == [1, *[0] * 98, 1]
    assert load_engagement_dataset(tmp_path / "b").events is None
