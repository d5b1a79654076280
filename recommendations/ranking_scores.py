"""What a contact would do with items: the live ranker's probability of each act, and the order that follows from them.

Stage: prediction. Reads the ranker's files, the catalogue and the contact's acts; writes nothing. Retrieval chooses the
candidates; here they are put in order of value = sum over acts of worth (ranking_acts.VALUES) x probability. What the
contact does today counts from tomorrow on, as in training.
Shapes: R items asked about, K acts, T events of the contact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.utils import timezone

from audience.models import Contact
from catalog.models import Item
from modeling.histories import FloatArray, Int64Array
from modeling.ranking_acts import VALUES
from modeling.ranking_counts import day_start
from modeling.ranking_extract import CODE_BY_KIND
from modeling.ranking_requests import Past, describe
from recommendations import histories, serving
from recommendations.histories import Behaviour
from recommendations.item_tables import ItemTable
from recommendations.rankings import Ranking
from recommendations.serving import ServedRanker


@dataclass(frozen=True)
class Expected:
    """What is expected to follow when one item is shown to one contact."""

    acts: dict[str, float]
    """Probability of each act the ranker knows."""
    value: float
    """Sum of worth x probability."""
    stay: float | None
    """Place of the stay among stays with items of like length, 0 to 1; None where the ranker knows no stays."""

    @property
    def parts(self) -> list[tuple[str, float, float]]:
        """(act, probability, what it adds to the value), the greatest first."""
        return sorted(((act, p, VALUES[act] * p) for act, p in self.acts.items()), key=lambda part: -part[2])

    def to_dict(self) -> dict[str, object]:
        """JSON of the API."""
        acts = {act: {"probability": round(p, 5), "adds": round(adds, 5)} for act, p, adds in self.parts}
        return {"value": round(self.value, 5), "acts": acts, "stay": None if self.stay is None else round(self.stay, 4)}


def expect(served: ServedRanker, behaviour: Behaviour, item_ids_R: Int64Array, now: datetime) -> list[Expected]:
    """What the contact with this behaviour would do with each item now."""
    ranker, catalogue = served.ranker, served.catalogue
    now_seconds = int(now.timestamp())
    past = _past(behaviour, int(day_start(np.array([now_seconds]), ranker.reference.utc_offset_seconds)[0]))
    batch = describe(ranker, catalogue, past, catalogue.items.index(item_ids_R), now_seconds)
    probabilities_RK, stays_R = ranker.split(batch)
    values_R = probabilities_RK @ np.array([VALUES[act] for act in ranker.acts], np.float32)
    stays = stays_R.tolist() if stays_R is not None else [None] * len(item_ids_R)
    rows = zip(probabilities_RK.tolist(), values_R.tolist(), stays, strict=True)
    return [Expected(dict(zip(ranker.acts, row, strict=True)), value, stay) for row, value, stay in rows]


def _past(behaviour: Behaviour, until_seconds: int) -> Past:
    """The acts before a moment, oldest first."""
    acts = zip(behaviour.item_ids, behaviour.kinds, behaviour.times_micros, strict=True)
    earlier = [(item, CODE_BY_KIND[kind], at) for item, kind, at in acts if at < until_seconds * 1_000_000][::-1]
    items, codes, times = zip(*earlier, strict=True) if earlier else ((), (), ())
    return Past(np.array(items, np.int64), np.array(codes, np.int8), np.array(times, np.int64) // 1_000_000)


def reorder(ranking: Ranking, served: ServedRanker, behaviour: Behaviour, table: ItemTable, now: datetime) -> Ranking:
    """The same candidates, the most valuable first; of equals the one that retrieval had first."""
    if not len(ranking.positions_K):
        return ranking
    expected = expect(served, behaviour, table.ids_N[ranking.positions_K], now)
    values_K: FloatArray = np.array([one.value for one in expected], np.float32)
    order_K = np.argsort(-values_K, kind="stable")
    by_position = {int(ranking.positions_K[place]): expected[place] for place in order_K}
    return replace(
        ranking,
        positions_K=ranking.positions_K[order_K],
        scores_K=values_K[order_K],
        expected=by_position,
        ordered_by=served.version,
    )


def score_exposures(contact: Contact, items: Sequence[Item], now: datetime | None = None) -> list[Expected]:
    """What the contact would do with each item, by the live ranker; empty without one, and for contacts who switched
    personalisation off."""
    showroom = serving.enter()
    served = serving.open_ranker(showroom)
    if served is None or contact.is_personalisation_off:
        return []
    now = now or timezone.now()
    ids = np.array([item.pk for item in items], np.int64)
    return expect(served, histories.read(contact.pk, now, showroom.acts_since), ids, now)
