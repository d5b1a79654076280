"""Ways to order items, one function each with one contract: (what is asked) -> Ranking, best first.

Stage: prediction. Reads opened models, the item table and trends; writes nothing. The chain that goes from one to the
next is in slates.py.
Shapes: N items of a model (or of the table), K ranked items.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray, History, Int32Array, Int64Array, index_of
from modeling.item_knn import ItemKnnRecommender
from modeling.item_likeness import ItemVectors
from modeling.models import ModelVersion
from recommendations import trends
from recommendations.item_tables import ItemTable
from recommendations.serving import ServedModel

if TYPE_CHECKING:
    from recommendations.ranking_scores import Expected

NEW_FOR = timedelta(days=14)
NEWEST_CONSIDERED = 100
LEAST_LIKENESS = 0.2
"""Items whose vectors are less alike than this have nothing to do with each other."""
_BLOCK = 128
_NEVER = np.float32(-np.inf)


@dataclass(frozen=True)
class Ask:
    """What a slate is asked for."""

    num_items: int
    kinds: tuple[str, ...]
    now: datetime
    banned: frozenset[int] = frozenset()
    """Items (ids) that must not appear."""
    who: int = 0
    """Contact id; 0 for anybody."""

    @cached_property
    def banned_K(self) -> Int64Array:
        """The banned ids as an array."""
        return np.fromiter(self.banned, np.int64, len(self.banned))

    @property
    def depth(self) -> int:
        """How many candidates a ranking gives, so that rules still find enough among them."""
        return max(50, 5 * self.num_items)


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first, and who ordered them."""

    source: str
    """A model's kind, or counts, newest, content, profile, habit, peers."""
    positions_K: Int32Array
    """In the item table."""
    scores_K: FloatArray
    served: ServedModel | None = None
    """The model, when one ordered them."""
    history: History | None = None
    """What the model was given."""
    is_personal: bool = False
    """Whether what is known of one contact made the order."""
    notes: Mapping[int, str | int] = field(default_factory=dict)
    """Position -> what the reason of a portrait's ranking mentions: a word of the profile, or how many people."""
    expected: Mapping[int, "Expected"] = field(default_factory=dict)
    """Position -> what the contact would do with the item, when a ranker put the candidates in order."""
    ordered_by: ModelVersion | None = None
    """That ranker's version."""

    def match(self, score: float) -> float | None:
        """0..1: where the score lies between the weakest and best candidate; None when no model weighed a contact."""
        if self.served is None or not self.is_personal:
            return None
        best, weakest = float(self.scores_K[0]), float(self.scores_K[-1])
        return (score - weakest) / (best - weakest) if best > weakest else 1.0


def by_model(served: ServedModel, history: History, ask: Ask, table: ItemTable) -> Ranking:
    """The model's best items for this history; simple models only rank items that somebody has met."""
    scores_N = served.recommender.scores(history) + served.mask_N(table, ask.kinds)
    indices, is_known = index_of(served.recommender.item_keys_N, ask.banned_K)
    scores_N[indices[is_known]] = _NEVER
    best_K = find_best(scores_N, ask.depth)
    is_signal_K = scores_N[best_K] > (0 if served.recommender.kind in ("item_knn", "popularity") else _NEVER)
    best_K = best_K[is_signal_K]
    kind, positions_K = served.recommender.kind, served.positions(table, best_K)
    return Ranking(kind, positions_K, scores_N[best_K], served, history, is_personal=kind != "popularity")


def by_counts(ask: Ask, table: ItemTable) -> Ranking:
    """What followers did most in the last four weeks, without a model."""
    heat = trends.current(ask.now).heat
    allowed_N = table.allowed(ask.kinds)
    ids = [item_id for item_id in heat if item_id not in ask.banned]
    positions, is_known = index_of(table.ids_N, np.array(ids, np.int64))
    keep = np.flatnonzero(is_known)
    keep = keep[allowed_N[positions[keep]]][: ask.depth] if len(table) else keep[:0]
    scores = np.array([heat[ids[place]] for place in keep], np.float32)
    return Ranking("counts", positions[keep], scores)


def by_age(ask: Ask, table: ItemTable) -> Ranking:
    """The newest items; the score is the negative age in days."""
    newest_K = not_banned(table.newest_first, ask, table)[: ask.depth]
    return Ranking("newest", newest_K.astype(np.int32), _negative_age_days(table, newest_K, ask.now))


def by_novelty(ask: Ask, table: ItemTable) -> Ranking:
    """Items of the last two weeks in an order that differs from person to person and from day to day.

    Everybody who is new explores other new items, so that each of them meets some people.
    """
    fresh = _new_items(ask, table)
    day = ask.now.date().isoformat()
    keys = [blake2b(f"{ask.who}:{day}:{table.ids_N[position]}".encode(), digest_size=8).digest() for position in fresh]
    shuffled = fresh[np.array([place for _key, place in sorted(zip(keys, range(len(keys)), strict=True))], np.int64)]
    return Ranking("newest", shuffled.astype(np.int32), _negative_age_days(table, shuffled, ask.now))


def by_words(words: Mapping[int, str], ask: Ask, table: ItemTable) -> Ranking:
    """Items with most of these words (by their hash) among tags and category; the newer of equals."""
    among = not_banned(table.newest_first, ask, table)
    counts = table.num_matching(np.fromiter(words, np.int64, len(words)))[among]
    best = np.argsort(-counts, kind="stable")[: ask.depth]
    best = best[counts[best] > 0]
    positions = among[best].astype(np.int32)
    notes = {int(place): next(words[word] for word in table.words_of(place) if word in words) for place in positions}
    return Ranking("profile", positions, counts[best].astype(np.float32), is_personal=True, notes=notes)


def by_people(source: str, people: Mapping[int, int], ask: Ask, table: ItemTable) -> Ranking:
    """Items in the order of how many people (by item id, most first) of one crowd acted on them."""
    ids = np.fromiter(people, np.int64, len(people))
    positions, is_known = index_of(table.ids_N, ids)
    allowed = not_banned(positions[is_known].astype(np.int64), ask, table)[: ask.depth]
    notes = {int(place): people[int(table.ids_N[place])] for place in allowed}
    scores = np.fromiter(notes.values(), np.float32, len(notes))
    return Ranking(source, allowed.astype(np.int32), scores, is_personal=True, notes=notes)


def by_content(likes_K: Int32Array, among: Int64Array, ask: Ask, table: ItemTable) -> Ranking:
    """Of the items `among`, those that share most tags and the category with the given ones; the newer of equals."""
    if not len(among):
        return Ranking("content", np.empty(0, np.int32), np.empty(0, np.float32))
    overlap = table.overlap(likes_K, among)
    order = np.lexsort((-table.born_N[among], -overlap))
    best = order[overlap[order] > 0][: ask.depth]
    return Ranking("content", among[best].astype(np.int32), overlap[best].astype(np.float32))


def by_likeness(vectors: ItemVectors, item_id: int, among: Int64Array, ask: Ask, table: ItemTable) -> Ranking:
    """Of the items `among`, those whose text, picture and features are most like the item's, by vectors' cosine."""
    cosines = vectors.likeness(item_id, table.ids_N[among])
    order = np.argsort(-cosines, kind="stable")
    best = order[cosines[order] >= LEAST_LIKENESS][: ask.depth]
    return Ranking("content", among[best].astype(np.int32), cosines[best].astype(np.float32))


def unknown_new_items(served: ServedModel | None, ask: Ask, table: ItemTable) -> Int64Array:
    """Positions of new items that the model cannot rank because they came after its training."""
    fresh = _new_items(ask, table)
    if served is None or not len(fresh):
        return fresh
    return fresh[~index_of(served.recommender.item_keys_N, table.ids_N[fresh])[1]]


def by_neighbours(served: ServedModel, knn: ItemKnnRecommender, item_id: int, ask: Ask, table: ItemTable) -> Ranking:
    """What people turn to after the item, and from which items they come to it: the sum of both weights of `knn`,
    which is the served model or its member."""
    places, is_known = index_of(knn.item_keys_N, np.array([item_id], np.int64))
    if not is_known[0]:
        return Ranking("item_knn", np.empty(0, np.int32), np.empty(0, np.float32), served)
    after = slice(knn.offsets_N1[places[0]], knn.offsets_N1[places[0] + 1])
    scores_N = np.zeros(len(knn.item_keys_N), np.float32)
    scores_N[knn.neighbours_P[after]] = knn.weights_P[after]
    pairs = np.flatnonzero(knn.neighbours_P == places[0])
    before = np.searchsorted(knn.offsets_N1, pairs, side="right") - 1
    scores_N[before] += knn.weights_P[pairs]
    scores_N += served.mask_N(table, ask.kinds)
    best_K = find_best(scores_N, ask.depth)
    best_K = best_K[scores_N[best_K] > 0]
    return Ranking("item_knn", served.positions(table, best_K), scores_N[best_K], served)


def find_best(scores_N: FloatArray, k: int) -> Int32Array:
    """Indices of the k best scores, best first; of equals the lower index.

    The k-th best of all block maxima is a lower bound of the k-th best score, so only few scores are sorted.
    """
    num_whole = len(scores_N) // _BLOCK * _BLOCK
    few = scores_N[:num_whole].reshape(-1, _BLOCK).max(axis=1) if num_whole // _BLOCK > 2 * k else scores_N
    place = max(len(few) - k, 0)
    bound = np.partition(few, place)[place] if len(few) else _NEVER
    candidates = np.flatnonzero(scores_N >= bound)
    order = np.lexsort((candidates, -scores_N[candidates]))[:k]
    return candidates[order].astype(np.int32)


def _new_items(ask: Ask, table: ItemTable) -> Int64Array:
    new = table.born_after((ask.now - NEW_FOR).timestamp())
    return not_banned(new, ask, table)[:NEWEST_CONSIDERED] if len(new) else new


def not_banned(positions: Int64Array, ask: Ask, table: ItemTable) -> Int64Array:
    """Those of the positions whose items may be shown."""
    return positions[table.allowed(ask.kinds)[positions] & ~np.isin(table.ids_N[positions], ask.banned_K)]


def _negative_age_days(table: ItemTable, positions: NDArray[np.integer], now: datetime) -> FloatArray:
    return ((table.born_N[positions] - now.timestamp()) / 86_400).astype(np.float32)
