"""Servable answers to "what will this contact do with what is shown?": smoothed rates, trees, networks.

Stage: training wraps, prediction asks. Reads a model version; writes nothing. NumPy alone.
Shapes: R exposures, K acts, T towers (the acts, then the stay), F features, N items of the training, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays, Artifact, load_artifact, read_description
from modeling.calibration import Calibrator
from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray, Int32Array, Int64Array, index_of
from modeling.ranking_config import FAMILIES
from modeling.ranking_datasets import RankingDataset
from modeling.ranking_dwell import DwellBuckets
from modeling.ranking_features import GROUPS, Counted
from modeling.ranking_inputs import Batch
from modeling.ranking_items import Vocabulary
from modeling.ranking_metrics import UNKNOWN
from modeling.ranking_models import NetModel, RatesModel, TreesModel


class ActModel(Protocol):
    """Raw features and histories in, uncalibrated probabilities out."""

    @property
    def num_events_read(self) -> int:
        """Events of a history that it looks at."""
        ...

    def answers(self, batch: Batch) -> FloatArray:
        """answers_RT: a probability per act and, where the model knows stays, their place (T = K + 1)."""
        ...

    def config(self) -> dict[str, Any]:
        """What is needed to open it, besides the arrays."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        ...


class ActModelClass(Protocol):
    """How a model is opened."""

    def stored(self, config: Mapping[str, Any], arrays: Arrays) -> ActModel:
        """Wrap what an artifact holds."""
        ...


MODELS: dict[str, ActModelClass] = {
    "act_rates": RatesModel,
    "act_trees": TreesModel,
    **dict.fromkeys(FAMILIES, NetModel),
}
"""The registry of kinds."""


@dataclass(frozen=True)
class Reference:
    """What every ranker knows of the data it learnt from, so that new exposures can be described in the same way."""

    acts: tuple[str, ...]
    vocabulary: Vocabulary
    keys_N: Int64Array
    """Items of the training, ascending; the item at place n has the index n + 1."""
    utc_offset_seconds: int
    has_impressions: bool
    """Whether showings themselves were on record, so that probabilities are those of an item merely shown."""
    groups: Mapping[str, Counted]
    """Counts by GROUPS up to the end of the data; line 0 for unknown items, authors or categories."""
    brand: Counted
    """One line."""

    @classmethod
    def of(cls, dataset: RankingDataset) -> Reference:
        """Counted over all exposures of a dataset."""
        info, items, items_R = dataset.info, dataset.items, dataset.items_R
        of_group = {"item": None, "author": items.authors_N1, "category": items.categories_N1}
        groups = {}
        for group in GROUPS:
            of_N1 = of_group[group]
            places_R = items_R if of_N1 is None else of_N1[items_R]
            size = len(items.kinds_N1) if of_N1 is None else int(of_N1.max(initial=0)) + 1
            groups[group] = _count(places_R, dataset.labels_RK, size)
        return cls(
            acts=info.acts,
            vocabulary=info.vocabulary,
            keys_N=items.keys_N,
            utc_offset_seconds=info.config.utc_offset_seconds,
            has_impressions=bool(dataset.is_impression_R.any()),
            groups=groups,
            brand=_count(np.zeros(len(items_R), np.int32), dataset.labels_RK, 1),
        )

    @classmethod
    def stored(cls, config: Mapping[str, Any], arrays: Arrays) -> Reference:
        """Out of an artifact."""
        counted = {name: Counted(arrays[f"{name}_shown"], arrays[f"{name}_acts"]) for name in (*GROUPS, "brand")}
        brand = counted.pop("brand")
        return cls(
            acts=tuple(config["acts"]),
            vocabulary=Vocabulary.from_dict(config["vocabulary"]),
            keys_N=np.asarray(arrays["item_keys_N"]),
            utc_offset_seconds=config["utc_offset_seconds"],
            has_impressions=config["has_impressions"],
            groups=counted,
            brand=brand,
        )

    def config(self) -> dict[str, Any]:
        """The plain part, for the artifact."""
        return {
            "acts": list(self.acts),
            "vocabulary": self.vocabulary.to_dict(),
            "utc_offset_seconds": self.utc_offset_seconds,
            "has_impressions": self.has_impressions,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The counts, for the artifact."""
        counted = {**self.groups, "brand": self.brand}
        shown = {f"{name}_shown": one.shown_RK for name, one in counted.items()}
        return {"item_keys_N": self.keys_N, **shown, **{f"{name}_acts": one.acts_RK for name, one in counted.items()}}

    def index(self, keys: Int64Array) -> Int32Array:
        """Index of each item in the training, 0 for items that came later."""
        places, is_known = index_of(self.keys_N, keys)
        return np.where(is_known, places + 1, 0).astype(np.int32)


def _count(groups_R: NDArray[np.integer], labels_RK: NDArray[np.int8], size: int) -> Counted:
    def total(flags_RK: NDArray[np.bool_]) -> NDArray[np.int32]:
        columns = [np.bincount(groups_R, column, size) for column in flags_RK.T]
        return np.column_stack(columns).astype(np.int32)

    return Counted(total(labels_RK != UNKNOWN), total(labels_RK == 1))


@dataclass(frozen=True)
class Ranker:
    """A model with its calibration and what it knows of the data."""

    kind: str
    reference: Reference
    model: ActModel
    calibrators: tuple[Calibrator, ...]
    """One per act; none at all: as the model says."""
    buckets: DwellBuckets

    @property
    def acts(self) -> tuple[str, ...]:
        """What is predicted, in order."""
        return self.reference.acts

    def probabilities(self, batch: Batch) -> FloatArray:
        """Calibrated probabilities_RK."""
        return self.split(batch)[0]

    def split(self, batch: Batch) -> tuple[FloatArray, FloatArray | None]:
        """(probabilities_RK, stays_R): the place of each stay among stays with items of like length, if known."""
        answers_RT = self.model.answers(batch)
        num_acts = len(self.acts)
        columns = [
            calibrator.apply(answers_RT[:, k])
            for k, calibrator in enumerate(self.calibrators or [Calibrator.none()] * num_acts)
        ]
        stays_R = answers_RT[:, num_acts] if answers_RT.shape[1] > num_acts else None
        return np.column_stack(columns), stays_R

    def to_artifact(self) -> Artifact:
        """Config and arrays, ready to publish."""
        config = {**self.reference.config(), **self.model.config()}
        config["calibration"] = [calibrator.kind for calibrator in self.calibrators]
        arrays = {**self.reference.arrays(), **self.buckets.arrays(), **self.model.arrays()}
        for act, calibrator in zip(self.acts, self.calibrators, strict=False):
            arrays[f"calibration_{act}"] = calibrator.parameters
        return Artifact(self.kind, config, arrays)

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Wrap an opened artifact."""
        config, arrays = artifact.config, artifact.arrays
        reference = Reference.stored(config, arrays)
        kinds = zip(reference.acts, config["calibration"], strict=False)
        calibrators = tuple(
            Calibrator(kind, np.asarray(arrays[f"calibration_{act}"], np.float64)) for act, kind in kinds
        )
        buckets = DwellBuckets(arrays["kinds_B"], arrays["longest_B"], arrays["seconds_BQ"])
        return cls(artifact.kind, reference, MODELS[artifact.kind].stored(config, arrays), calibrators, buckets)


def load_ranker(directory: Path) -> Ranker:
    """Open a model version of any kind; raises ConfigInvalid for a kind this build does not know."""
    kind = read_description(directory)["kind"]
    if kind not in MODELS:
        raise ConfigInvalid(
            "Unknown model kind %(kind)s; known: %(known)s.", kind=kind, known=", ".join(sorted(MODELS))
        )
    return Ranker.from_artifact(load_artifact(directory))
