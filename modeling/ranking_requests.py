"""One contact, many items, now: the exposures a ranker is asked about when recommendations are put in order.

Stage: prediction. Pure; gives the same numbers as training does for the same past (ranking_counts.py), tied by a test.
Shapes: R items asked about, T events of the contact before today (oldest first), L events a network reads, K acts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.histories import Int32Array, Int64Array
from modeling.rankers import Ranker, Reference
from modeling.ranking_acts import CODES, OPEN
from modeling.ranking_features import GROUPS, Counted, Counts, assemble
from modeling.ranking_inputs import Batch, bucket_gaps, facts_of, hours_of
from modeling.ranking_items import ItemFacts


@dataclass(frozen=True)
class Past:
    """What one contact did before today, oldest first: at most the last 200 events that histories hold."""

    item_keys_T: Int64Array
    codes_T: NDArray[np.int8]
    seconds_T: Int64Array


@dataclass(frozen=True)
class Catalogue:
    """Today's items as one ranker sees them; made once per version and catalogue."""

    items: ItemFacts
    """With the ranker's vocabulary."""
    ids_N1: Int32Array
    """Index in training; 0 for items that came later."""
    facts_N13: NDArray[np.int64]

    @classmethod
    def of(cls, items: ItemFacts, reference: Reference) -> Catalogue:
        """Match the items with those of the training."""
        return cls(items, np.append(0, reference.index(items.keys_N)).astype(np.int32), facts_of(items))


def describe(ranker: Ranker, catalogue: Catalogue, past: Past, items_R: Int32Array, now_seconds: int) -> Batch:
    """The batch for items (index in the catalogue) shown to one contact now; histories have one line for all."""
    reference, items = ranker.reference, catalogue.items
    events = catalogue.items.index(past.item_keys_T)
    counts = _count(reference, catalogue, past, events, items_R, now_seconds)
    features_RF = assemble(counts, items, reference.utc_offset_seconds)
    length = ranker.model.num_events_read
    recent = slice(max(len(events) - length, 0), None)
    padding = (length - len(events[recent]), 0)
    places_L = np.pad(events[recent], padding)
    gaps_T = bucket_gaps(now_seconds - past.seconds_T[recent])
    return Batch(
        items_R=catalogue.ids_N1[items_R],
        facts_R3=catalogue.facts_N13[items_R],
        hours_R=hours_of(features_RF, reference.acts),
        features_RF=features_RF,
        event_items_RL=catalogue.ids_N1[places_L][None],
        event_facts_RL3=catalogue.facts_N13[places_L][None],
        event_codes_RL=np.pad(past.codes_T[recent].astype(np.int64), padding)[None],
        event_gaps_RL=np.pad(gaps_T, padding)[None],
        is_event_RL=np.pad(np.ones(len(events[recent]), np.float32), padding)[None],
    )


def _count(
    reference: Reference, catalogue: Catalogue, past: Past, events: Int32Array, items_R: Int32Array, now_seconds: int
) -> Counts:
    """Counts of one contact against each item; scalars where they are the same for all."""
    items, num = catalogue.items, len(items_R)
    is_opening_T = past.codes_T == CODES[OPEN]
    acts_K = np.array([(past.codes_T == CODES[act]).sum() for act in reference.acts])
    last = float(past.seconds_T[-1]) if len(past.seconds_T) else np.nan
    at_R = {
        "item": catalogue.ids_N1[items_R],
        "author": items.authors_N1[items_R],
        "category": items.categories_N1[items_R],
    }
    return Counts(
        items_R=items_R,
        seconds_R=np.full(num, now_seconds),
        is_impression_R=np.full(num, reference.has_impressions),
        num_events_R=np.full(num, len(events)),
        num_openings_R=np.full(num, is_opening_T.sum()),
        contact_acts_RK=np.tile(acts_K, (num, 1)),
        last_seconds_R=np.full(num, last),
        same=_same(items, past, events, items_R, is_opening_T),
        groups={group: _lines(reference.groups[group], at_R[group]) for group in GROUPS},
        brand=reference.brand,
    )


def _lines(counted: Counted, places_R: Int32Array) -> Counted:
    return Counted(counted.shown_RK[places_R], counted.acts_RK[places_R])


def _same(
    items: ItemFacts, past: Past, events: Int32Array, items_R: Int32Array, is_opening_T: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """As ranking_counts._same, for one contact."""
    found = {}
    for name, of_N1 in (("category", items.categories_N1), ("author", items.authors_N1)):
        is_same_RT = (of_N1[items_R][:, None] == of_N1[events]) & (of_N1[events] > 0)
        found[f"{name}_openings"] = (is_same_RT @ is_opening_T.astype(np.float64)).astype(np.float64)
        found[f"{name}_acts"] = (is_same_RT @ (~is_opening_T).astype(np.float64)).astype(np.float64)
        if name == "category":
            last_R = np.where(is_same_RT, past.seconds_T, -np.inf).max(axis=1, initial=-np.inf)
            found["category_seconds"] = np.where(np.isfinite(last_R), last_R, np.nan)
    kinds = items.kinds_N1
    found["kind_events"] = ((kinds[items_R][:, None] == kinds[events]) & (kinds[events] > 0)).sum(axis=1) * 1.0
    found["item_events"] = ((items_R[:, None] == events) & (events > 0)).sum(axis=1) * 1.0
    return found
