"""The reason of each item of a slate, from what ordered it.

Stage: recommendation. Reads trends when popular items are shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from catalog.models import Item
from modeling.histories import index_of
from recommendations import reasons, trends
from recommendations.drafts import Draft, Pick
from recommendations.explanations import contributions
from recommendations.rankings import NEW_FOR, Ranking
from recommendations.reasons import Reason

LEAST_SHARE = 0.2
"""An act is named as the reason when it makes up this much of all that speaks for the item."""


@dataclass(frozen=True)
class Cause:
    """The past act that speaks most for an item."""

    item_id: int
    kind: int


def find_causes(draft: Draft) -> dict[int, Cause]:
    """Item id -> the contact's act with the largest contribution, for items that a model chose by acts."""
    causes: dict[int, Cause] = {}
    for ranking in {id(pick.ranking): pick.ranking for pick in draft.picks if pick.ranking.is_personal}.values():
        positions = [pick.position for pick in draft.picks if pick.ranking is ranking]
        causes |= _causes_of(ranking, draft.table.ids_N[positions])
    return causes


def _causes_of(ranking: Ranking, item_ids_K: np.ndarray) -> dict[int, Cause]:
    if ranking.served is None or ranking.history is None:
        return {}
    recommender, history = ranking.served.recommender, ranking.history
    says_KT = contributions(recommender, history, index_of(recommender.item_keys_N, item_ids_K)[0])
    strongest_K = says_KT.argmax(axis=1)
    said_K = np.maximum(says_KT, 0).sum(axis=1)
    is_said_K = (said_K > 0) & (says_KT.max(axis=1) >= LEAST_SHARE * said_K)
    acts = [Cause(int(recommender.item_keys_N[history.items_T[t]]), int(history.actions_T[t])) for t in strongest_K]
    return {int(item_id): act for item_id, act, is_said in zip(item_ids_K, acts, is_said_K, strict=True) if is_said}


@dataclass(frozen=True)
class Grounds:
    """Everything reasons are made of."""

    now: datetime
    items: Mapping[int, Item]
    """By id; those of the causes among others."""
    causes: Mapping[int, Cause]
    about: Item | None = None
    """The item that the others go with, for similar items."""

    def reason_of(self, pick: Pick, item_id: int, born_seconds: int) -> Reason:
        """Why this item is in the slate."""
        ranking = pick.ranking
        if pick.position in ranking.notes:
            return _noted(ranking.source, ranking.notes[pick.position])
        if ranking.is_personal:
            return self._personal(ranking, item_id)
        if self.about is not None:
            code = reasons.SIMILAR_CONTENT if ranking.source == "content" else reasons.SIMILAR_TO
            return reasons.about(code, str(self.about), self.about.external_id)
        if ranking.source == "newest":
            is_new = born_seconds > (self.now - NEW_FOR).timestamp()
            return reasons.plain(reasons.NEW if is_new else reasons.LATEST)
        return reasons.popular(self._people_week.get(item_id, 0))

    def _personal(self, ranking: Ranking, item_id: int) -> Reason:
        if ranking.source == "content":
            return reasons.plain(reasons.NEW_FOR_YOU)
        cause = self.causes.get(item_id)
        item = self.items.get(cause.item_id) if cause else None
        if cause is None or item is None:
            return reasons.plain(reasons.FOR_YOU)
        return reasons.because(cause.kind, str(item), item.external_id)

    @cached_property
    def _people_week(self) -> dict[int, int]:
        return trends.current(self.now).people_week


def _noted(source: str, note: str | int) -> Reason:
    """The reason of an item that a portrait brought in."""
    if source == "profile":
        return reasons.matches(str(note))
    return reasons.peers(int(note)) if source == "peers" else reasons.habit(source, int(note))
