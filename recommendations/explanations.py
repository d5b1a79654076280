"""Which past act speaks for which recommended item, for a whole slate at once.

Stage: prediction. Reads an opened model and one history; writes nothing. `Recommender.contributions` is the plain
reference, one item at a time; these ways give the same order in a fraction of the time (a test compares them).
Shapes: K items of the slate, T history events, S items that matter here, N items of the model, D width.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from modeling.blending import BLENDED, BlendRecommender
from modeling.deep_recommenders import DEEP_RECOMMENDERS
from modeling.histories import FloatArray, History, Int32Array
from modeling.item_knn import ItemKnnRecommender
from modeling.recommenders import Recommender
from modeling.sequence_numpy import SequenceRecommender

EXPLAINED_EVENTS = 8
"""The newest acts that may be named as a reason."""
READ_EVENTS = 12
"""The newest acts that a network reads when it explains itself."""
LEAST_LIFT = float(np.log(2))
"""The kNN member explains a blended item when it at least doubles the item's odds."""
SAMPLE_ITEMS = 256
"""Items that stand for the whole catalogue when a probability is normalised."""


def contributions(recommender: Recommender, history: History, indices_K: Int32Array) -> FloatArray:
    """contributions_KT: how much each event speaks for each item; 0 where it says nothing or the model cannot tell."""
    explain = EXPLAINERS.get(recommender.kind)
    if explain is None or not len(history) or not len(indices_K):
        return np.zeros((len(indices_K), len(history)), np.float32)
    return explain(recommender, history, indices_K)


def explain_item_knn(recommender: ItemKnnRecommender, history: History, indices_K: Int32Array) -> FloatArray:
    """The summands of each item's score, exactly."""
    contributions_KT = np.zeros((len(indices_K), len(history)), np.float32)
    newest = range(len(history) - 1, max(len(history) - recommender.window, 0) - 1, -1)
    for lag, position in enumerate(newest):
        item = history.items_T[position]
        rows = slice(recommender.offsets_N1[item], recommender.offsets_N1[item + 1])
        is_item_KP = recommender.neighbours_P[rows] == indices_K[:, None]
        contributions_KT[:, position] = recommender.decay**lag * (is_item_KP @ recommender.weights_P[rows])
    return contributions_KT


def explain_network(recommender: SequenceRecommender, history: History, indices_K: Int32Array) -> FloatArray:
    """Leave one out: the item's log-probability minus the same without the event.

    Normalised over at most 256 items taken evenly from the catalogue, so the cost does not grow with it.
    """
    contributions_KT = np.zeros((len(indices_K), len(history)), np.float32)
    recent = history.last(READ_EVENTS)
    removed = range(max(len(recent) - EXPLAINED_EVENTS, 0), len(recent))
    sample = np.unique(np.linspace(0, len(recommender.item_keys_N) - 1, SAMPLE_ITEMS).astype(np.int32))
    items_S = np.unique(np.concatenate([recent.items_T, indices_K, sample]))
    recent = replace(recent, items_T=np.searchsorted(items_S, recent.items_T).astype(np.int32))
    variants = [recent, *(recent.without(place) for place in removed)]
    scores_BS = recommender.with_items(items_S).scores_many(variants)
    totals_B1 = _log_sum_exp(scores_BS[:, np.searchsorted(items_S, sample)])
    log_probabilities_BK = scores_BS[:, np.searchsorted(items_S, indices_K)] - totals_B1
    first = len(history) - len(removed)
    contributions_KT[:, first:] = (log_probabilities_BK[0] - log_probabilities_BK[1:]).T
    return contributions_KT


def _log_sum_exp(scores_BS: FloatArray) -> FloatArray:
    peaks_B1 = scores_BS.max(-1, keepdims=True)
    return np.asarray(peaks_B1 + np.log(np.exp(scores_BS - peaks_B1).sum(-1, keepdims=True)))


def explain_blend(recommender: BlendRecommender, history: History, indices_K: Int32Array) -> FloatArray:
    """What the kNN member says, and the network's word on items that the kNN (hardly) knows from this
    history."""
    contributions_KT = explain_item_knn(recommender.item_knn, history, indices_K)
    total = max(float(recommender.item_knn.scores(history).sum()), 1e-12)
    lift_K = recommender.weight * np.log1p(contributions_KT.sum(axis=1) / total / recommender.floor)
    is_silent_K = lift_K < LEAST_LIFT
    if is_silent_K.any():
        contributions_KT[is_silent_K] = explain_network(recommender.deep, history, indices_K[is_silent_K])
    return contributions_KT


EXPLAINERS: dict[str, Callable[..., FloatArray]] = {
    "item_knn": explain_item_knn,
    **dict.fromkeys(DEEP_RECOMMENDERS, explain_network),
    **{family + BLENDED: explain_blend for family in DEEP_RECOMMENDERS},
}
