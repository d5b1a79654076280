"""Every servable next-item model behind one contract.

Stage: prediction. Reads a model version's directory; writes nothing. Imports no torch.
Shapes: N items (ascending database id, `item_keys_N`), B users, T history events.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from modeling.artifacts import read_description
from modeling.blending import BLENDED, BlendRecommender
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray, History, Int64Array
from modeling.item_knn import ItemKnnRecommender
from modeling.popularity import PopularityRecommender


class Recommender(Protocol):
    """Scores every item for one history; excluding items already met is the caller's business."""

    @property
    def kind(self) -> str:
        """Registry name."""
        ...

    @property
    def item_keys_N(self) -> Int64Array:
        """Database id of each item index, ascending."""
        ...

    def scores(self, history: History) -> FloatArray:
        """scores_N float32, higher is better; the history may be empty."""
        ...

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN."""
        ...

    def contributions(self, history: History, item_index: int) -> FloatArray:
        """contributions_T: how much each history event speaks for the item (0 = nothing), aligned with the history."""
        ...


class RecommenderClass(Protocol):
    """How a recommender is opened."""

    def load(self, directory: Path) -> Recommender:
        """Open a published version."""
        ...


RECOMMENDERS: dict[str, RecommenderClass] = {
    "popularity": PopularityRecommender,
    "item_knn": ItemKnnRecommender,
    **DEEP_RECOMMENDERS,
    **{family + BLENDED: BlendRecommender for family in DEEP_RECOMMENDERS},
}


def load_recommender(directory: Path) -> Recommender:
    """Open a model version of any kind; raises ConfigInvalid for a kind this build does not know."""
    kind = read_description(directory)["kind"]
    if kind not in RECOMMENDERS:
        raise ConfigInvalid(
            "Unknown model kind %(kind)s; known: %(known)s.", kind=kind, known=", ".join(sorted(RECOMMENDERS))
        )
    return RECOMMENDERS[kind].load(directory)
