"""What a ranking network reads: batches of exposures with their histories, and how its experts are laid out.

Stage: training and prediction. Reads a ranking dataset; writes nothing. Free of torch: arrays become tensors in the
trainer and stay arrays where the model answers.
Shapes: R exposures, L events of a history, F features, E experts, G gates, T towers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray
from modeling.ranking_acts import EVENTS
from modeling.ranking_config import RankingNetConfig
from modeling.ranking_datasets import RankingDataset
from modeling.ranking_exposures import MICROS
from modeling.ranking_features import feature_names
from modeling.ranking_items import ItemFacts

NUM_CODES = len(EVENTS)
NUM_GAPS = 24
HOUR_WIDTH = 8
"""Numbers that describe an hour of the week."""


@dataclass(frozen=True)
class Sizes:
    """What decides the shapes of a network, besides its configuration."""

    num_items: int
    num_facts: tuple[int, int, int]
    """Kinds, categories, authors."""
    num_features: int
    num_towers: int

    @classmethod
    def of(cls, dataset: RankingDataset) -> Sizes:
        """Of a network for this dataset."""
        words, info = dataset.info.vocabulary, dataset.info
        num_facts = (len(words.kinds), len(words.categories), len(words.authors))
        return cls(len(dataset.items.keys_N), num_facts, len(info.feature_names), len(info.acts) + 1)


@dataclass(frozen=True)
class Batch:
    """Some exposures; arrays or tensors alike."""

    items_R: Any
    facts_R3: Any
    """Kind, category, author."""
    hours_R: Any
    """Hour of the week, 0 = Monday 0:00."""
    features_RF: Any
    """Standardised."""
    event_items_RL: Any
    event_facts_RL3: Any
    event_codes_RL: Any
    event_gaps_RL: Any
    is_event_RL: Any
    """1 for an event, 0 for padding in front."""


def facts_of(items: ItemFacts) -> NDArray[np.int64]:
    """facts_N13: kind, category and author of each item."""
    return np.column_stack([items.kinds_N1, items.categories_N1, items.authors_N1]).astype(np.int64)


def hours_of(features_RF: FloatArray, acts: tuple[str, ...]) -> NDArray[np.int64]:
    """Hour of the week, out of the features before they are standardised."""
    names = feature_names(acts)
    hour_R, weekday_R = features_RF[:, names.index("hour")], features_RF[:, names.index("weekday")]
    return (weekday_R * 24 + hour_R).astype(np.int64)


def bucket_gaps(seconds: NDArray[Any]) -> NDArray[np.int64]:
    """How long ago an event was, as a power of two of seconds, 0 to 23 (97 days and more)."""
    return np.minimum(np.log2(np.maximum(seconds, 0) + 1), NUM_GAPS - 1).astype(np.int64)


class BatchReader:
    """Gathers exposures of a dataset, with standardised features, into batches."""

    def __init__(self, dataset: RankingDataset, features_RF: FloatArray, length: int) -> None:
        self.dataset, self.features_RF, self.length = dataset, features_RF, length
        self.facts_N13 = facts_of(dataset.items)
        self.hours_R = hours_of(dataset.features_RF, dataset.info.acts)

    def read(self, rows: NDArray[np.integer]) -> Batch:
        """The exposures with these numbers."""
        data = self.dataset
        places_RL = data.ends_R[rows, None] - self.length + np.arange(self.length)
        is_event_RL = places_RL >= data.starts_R[rows, None]
        places_RL = np.maximum(places_RL, 0)
        items_R = data.items_R[rows].astype(np.int64)
        shown_R = data.shown_micros_R[rows] // MICROS
        if not len(data.event_items_E):
            empty_RL = np.zeros(places_RL.shape, np.int64)
            items_RL = codes_RL = gaps_RL = empty_RL
        else:
            items_RL = data.event_items_E[places_RL] * is_event_RL.astype(np.int64)
            codes_RL = data.event_codes_E[places_RL].astype(np.int64) * is_event_RL
            gaps_RL = bucket_gaps(shown_R[:, None] - data.event_seconds_E[places_RL]) * is_event_RL
        return Batch(
            items_R=items_R,
            facts_R3=self.facts_N13[items_R],
            hours_R=self.hours_R[rows],
            features_RF=self.features_RF[rows],
            event_items_RL=items_RL,
            event_facts_RL3=self.facts_N13[items_RL],
            event_codes_RL=codes_RL,
            event_gaps_RL=gaps_RL,
            is_event_RL=is_event_RL.astype(np.float32),
        )


def expert_layout(
    family: str, config: RankingNetConfig, num_towers: int
) -> Sequence[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    """Per level: may_use_GE (which gate may use which expert) and input_E (whose representation each expert reads).

    One gate and one expert for a shared bottom; a gate per tower over all experts for mmoe; for ple the shared experts
    come first, then each tower's own, and levels before the last have one more gate, for the shared ones.
    """
    if family in ("shared_bottom", "din"):
        return [(np.ones((1, 1), np.bool_), np.zeros(1, np.int64))]
    if family == "mmoe":
        return [(np.ones((num_towers, config.num_experts), np.bool_), np.zeros(config.num_experts, np.int64))]
    own_E = np.repeat(np.arange(num_towers), config.num_own_experts)
    owner_E = np.concatenate([np.full(config.num_experts, num_towers), own_E])
    may_use_GE = (owner_E[None] == np.arange(num_towers)[:, None]) | (owner_E == num_towers)[None]
    shared_too_GE = np.concatenate([may_use_GE, np.ones((1, len(owner_E)), np.bool_)])
    return [(shared_too_GE, owner_E)] * (config.num_levels - 1) + [(may_use_GE, owner_E)]
