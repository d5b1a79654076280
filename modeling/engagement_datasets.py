"""The versioned table for "will this person convert?" on disk.

Stage: training. Reads a frame with one row per contact and, where they are known, the acts of each contact before the
reference time; writes rows.parquet, acts.parquet and engagement.json into one directory. Shapes: R rows, F features.
The version is a SHA-256 over data and configuration: equal input, equal version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.configs import JsonConfig
from modeling.engagement_events import CODE_COLUMNS, EventSequences, encode_events
from modeling.errors import ConfigInvalid, DatasetInvalid, DatasetTooSmall, FileCorrupt, LabelHasOneClass
from modeling.histories import FloatArray, Int64Array
from modeling.metrics import roc_auc
from modeling.storage import publishing, write_durably

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
MIN_ROWS = 50
MIN_ROWS_PER_CLASS = 5
LEAK_AUC = 0.995
"""A single feature that orders the labels this well is taken for a trace of the label itself."""


@dataclass(frozen=True)
class EngagementDatasetConfig(JsonConfig):
    """How rows are split."""

    valid_share: float = 0.2
    """Share of each class used for early stopping."""
    test_share: float = 0.2
    """Share of each class used for the final figures."""
    seed: int = 0
    """Start of the random split."""
    max_events: int = 50
    """Newest acts kept per contact, for nets that read them in order."""

    def __post_init__(self) -> None:
        if not (self.valid_share > 0 and self.test_share > 0 and self.valid_share + self.test_share <= 0.8):
            raise ConfigInvalid("valid_share and test_share must be above 0 and leave at least a fifth to learn from.")
        if not 1 <= self.max_events <= 1000:
            raise ConfigInvalid("max_events must be from 1 to 1000.")


@dataclass(frozen=True)
class EngagementInfo(JsonConfig):
    """What engagement.json says."""

    version: str
    """SHA-256 over rows and configuration."""
    config: EngagementDatasetConfig
    """The configuration that made it."""
    feature_names: tuple[str, ...]
    """Columns the models see, in order."""
    label: str
    """Column the models predict."""
    num_rows: int
    """Rows kept."""
    num_positive: int
    """Rows with label 1."""
    num_rows_without_label: int
    """Rows dropped because the label is empty."""
    num_train: int
    """Rows that teach."""
    num_valid: int
    """Rows that choose."""
    num_test: int
    """Rows that judge."""
    num_events: int = 0
    """Acts kept, of all rows."""
    has_events: bool = False
    """Whether the acts before the reference time are known."""
    leaking_features: tuple[str, ...] = ()
    """Columns that alone tell the label (AUC or presence); models that use them say nothing about the future."""


@dataclass(frozen=True)
class EngagementDataset:
    """Rows with their part; a missing feature is NaN (the model puts the training mean in its place)."""

    info: EngagementInfo
    row_keys_R: Int64Array
    features_RF: FloatArray
    labels_R: NDArray[np.int8]
    parts_R: NDArray[np.int8]
    events: EventSequences | None = None
    """Acts of each row before the reference time; None where they are not known."""

    def part(self, name: Part) -> tuple[FloatArray, NDArray[np.int8]]:
        """features_RF and labels_R of one part."""
        is_part_R = self.parts_R == PARTS.index(name)
        return self.features_RF[is_part_R], self.labels_R[is_part_R]

    def events_of(self, name: Part) -> EventSequences | None:
        """The acts of the part's rows, if they are known."""
        return None if self.events is None else self.events.take(np.flatnonzero(self.parts_R == PARTS.index(name)))

    def check(self) -> None:
        """Raise DatasetTooSmall when a part lacks one of the classes, so nothing could be learnt or measured."""
        for number, name in enumerate(PARTS):
            labels = self.labels_R[self.parts_R == number]
            if not 0 < labels.sum() < len(labels):
                raise DatasetTooSmall(
                    "Part %(part)s needs followers who converted and others; %(num_positive)s of its %(num_rows)s did.",
                    part=name,
                    num_positive=int(labels.sum()),
                    num_rows=len(labels),
                )


def write_engagement_dataset(
    directory: Path,
    frame: pl.DataFrame,
    feature_names: Sequence[str],
    label: str,
    config: EngagementDatasetConfig | None = None,
    acts: pl.DataFrame | None = None,
) -> EngagementInfo:
    """Check, split (stratified, seeded) and store one table; `directory` appears whole or not at all.

    A user_key column is kept as the row's key; `acts` (columns of engagement_events.SCHEMA) are joined by it. Raises
    DatasetInvalid, DatasetTooSmall, LabelHasOneClass.
    """
    config = config or EngagementDatasetConfig()
    rows = _read_rows(frame, feature_names, label)
    num_rows_without_label = frame.height - rows.height
    labels_R = rows["label"].to_numpy()
    _check_size(labels_R)
    parts_R = _split(labels_R, config)
    rows = rows.with_columns(pl.Series("part", parts_R))
    events = None if acts is None else encode_events(acts, rows["row_key"].to_numpy(), config.max_events)
    counts = np.bincount(parts_R, minlength=3)
    info = EngagementInfo(
        version=_hash_rows(rows, config, events),
        config=config,
        feature_names=tuple(feature_names),
        label=label,
        num_rows=rows.height,
        num_positive=int(labels_R.sum()),
        num_rows_without_label=num_rows_without_label,
        num_train=int(counts[0]),
        num_valid=int(counts[1]),
        num_test=int(counts[2]),
        num_events=0 if events is None else len(events.codes_EC),
        has_events=events is not None,
        leaking_features=find_leaks(rows.select(feature_names).to_numpy(), labels_R, feature_names),
    )
    with publishing(directory) as scratch:
        rows.write_parquet(scratch / "rows.parquet")
        if events is not None:
            codes = {name: events.codes_EC[:, place] for place, name in enumerate(CODE_COLUMNS)}
            pl.DataFrame({"row": events.rows_E, **codes}).write_parquet(scratch / "acts.parquet")
        write_durably(scratch / "engagement.json", json.dumps(info.to_dict(), indent=2, sort_keys=True).encode())
    return info


def load_engagement_dataset(directory: Path) -> EngagementDataset:
    """Read a table back and check it against its own version; raises FileCorrupt."""
    info = EngagementInfo.from_json((directory / "engagement.json").read_text())
    rows = pl.read_parquet(directory / "rows.parquet", memory_map=False)
    events = _read_events(directory / "acts.parquet", rows.height) if info.has_events else None
    if _hash_rows(rows, info.config, events) != info.version:
        raise FileCorrupt("Dataset %(version)s does not match its checksum; build it again.", version=info.version[:12])
    return EngagementDataset(
        info=info,
        row_keys_R=rows["row_key"].to_numpy(),
        features_RF=rows.select(info.feature_names).to_numpy().astype(np.float32),
        labels_R=rows["label"].to_numpy(),
        parts_R=rows["part"].to_numpy(),
        events=events,
    )


def find_leaks(
    features_RF: NDArray[np.float32], labels_R: NDArray[np.int8], feature_names: Sequence[str]
) -> tuple[str, ...]:
    """The features whose values, or whose being there at all, order the labels almost perfectly."""
    found = []
    for name, values_R in zip(feature_names, features_RF.T, strict=True):
        is_missing_R = np.isnan(values_R)
        filled_R = np.where(is_missing_R, np.nanmin(values_R) if not is_missing_R.all() else 0.0, values_R)
        aucs = (roc_auc(labels_R, filled_R), roc_auc(labels_R, is_missing_R))
        if max(max(auc, 1 - auc) for auc in aucs) >= LEAK_AUC:
            found.append(name)
    return tuple(found)


def _read_events(path: Path, num_rows: int) -> EventSequences:
    acts = pl.read_parquet(path, memory_map=False)
    return EventSequences.join(acts["row"].to_numpy(), acts.select(CODE_COLUMNS).to_numpy(), num_rows)


def _read_rows(frame: pl.DataFrame, feature_names: Sequence[str], label: str) -> pl.DataFrame:
    """row_key, float32 features (missing and infinite become NaN) and int8 label, rows without label dropped."""
    missing = sorted({*feature_names, label} - set(frame.columns))
    if missing:
        raise DatasetInvalid("The table lacks the columns %(columns)s.", columns=", ".join(missing))
    if not feature_names:
        raise DatasetInvalid("The table has no columns to learn from.")
    if label in feature_names:
        raise DatasetInvalid("%(column)s is the label and cannot be a feature too.", column=label)
    frame = frame.with_columns(pl.col(label).cast(pl.Float64, strict=False)).filter(pl.col(label).is_not_null())
    if not frame[label].is_in([0.0, 1.0]).all():
        raise DatasetInvalid("%(column)s must hold 0 or 1 only.", column=label)
    key = pl.col("user_key").cast(pl.Int64) if "user_key" in frame.columns else pl.int_range(pl.len(), dtype=pl.Int64)
    features = [pl.col(name).cast(pl.Float32, strict=False).fill_null(float("nan")) for name in feature_names]
    features = [pl.when(feature.is_infinite()).then(float("nan")).otherwise(feature).alias(name)
                for feature, name in zip(features, feature_names, strict=True)]  # fmt: skip
    rows = frame.select(key.alias("row_key"), *features, pl.col(label).cast(pl.Int8).alias("label"))
    num_repeated = rows.height - rows["row_key"].n_unique()
    if num_repeated:
        raise DatasetInvalid(
            "%(num_rows)s rows repeat a follower, who would teach and judge at once; keep one row per follower.",
            num_rows=num_repeated,
        )
    return rows


def _check_size(labels_R: NDArray[np.int8]) -> None:
    num_positive = int(labels_R.sum())
    rarer = min(num_positive, len(labels_R) - num_positive)
    if len(labels_R) < MIN_ROWS:
        raise DatasetTooSmall(
            "%(num_rows)s labelled rows are too few; at least %(needed)s are needed.",
            num_rows=len(labels_R),
            needed=MIN_ROWS,
        )
    if rarer == 0:
        value = int(labels_R[0])
        raise LabelHasOneClass("Every row has the label %(value)s; add rows with the other one.", value=value)
    if rarer < MIN_ROWS_PER_CLASS:
        raise DatasetTooSmall(
            "Only %(num_rows)s rows have the rarer label; at least %(needed)s are needed.",
            num_rows=rarer,
            needed=MIN_ROWS_PER_CLASS,
        )


def _split(labels_R: NDArray[np.int8], config: EngagementDatasetConfig) -> NDArray[np.int8]:
    """Part of each row; every part gets its share of each class (at least one row)."""
    generator = np.random.default_rng(config.seed)
    parts_R = np.zeros(len(labels_R), np.int8)
    for value in (0, 1):
        rows = generator.permutation(np.flatnonzero(labels_R == value))
        num_valid = max(round(len(rows) * config.valid_share), 1)
        num_test = max(round(len(rows) * config.test_share), 1)
        parts_R[rows[:num_valid]] = 1
        parts_R[rows[num_valid : num_valid + num_test]] = 2
    return parts_R


def _hash_rows(rows: pl.DataFrame, config: EngagementDatasetConfig, events: EventSequences | None) -> str:
    digest = hashlib.sha256(config.to_json().encode())
    for name in rows.columns:
        digest.update(f"{name}:{rows.schema[name]}:{rows.height};".encode())
        digest.update(np.ascontiguousarray(rows[name].to_numpy()).tobytes())
    if events is not None:
        digest.update(events.offsets.tobytes() + np.ascontiguousarray(events.codes_EC).tobytes())
    return digest.hexdigest()
