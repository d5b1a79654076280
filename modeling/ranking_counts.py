"""What was known before each of many exposures, counted over all of them at once.

Stage: training. Reads frames of exposures and events; writes nothing. Rates of items, authors, categories and the brand
are those of the day before: an exposure counts from the first day that begins after its window has ended. What the
contact did counts up to the start of the day, in training as in serving, so it is the same for all that is shown to one
contact on one day and cannot tell the day's exposures apart by what came of them.
Shapes: R exposures, E events of histories (by contact and time), K acts, Q questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modeling.histories import Int32Array, Int64Array
from modeling.ranking_acts import CODES, IMPRESSION, OPEN
from modeling.ranking_exposures import MICROS
from modeling.ranking_features import DAY_SECONDS, GROUPS, Counted, Counts
from modeling.ranking_items import ItemFacts
from modeling.ranking_metrics import UNKNOWN

NUM_RECENT = 200
ENOUGH_RECENT = 20
RECENT_SECONDS = 90 * DAY_SECONDS
"""A history is the last 200 events of 90 days, or of all time when those are fewer than 20: as serving reads it."""
NOT_IN_HISTORY = (CODES[IMPRESSION], CODES["follow"])
_Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Histories:
    """Events of all contacts, and which of them each exposure's contact had done recently: [starts, ends)."""

    items_E: Int32Array
    codes_E: NDArray[np.int8]
    times_E: Int64Array
    """Microseconds."""
    users_E: Int32Array
    users_R: Int32Array
    starts_R: Int64Array
    ends_R: Int64Array

    @classmethod
    def of(cls, events: pl.DataFrame, rows: pl.DataFrame, items: ItemFacts, utc_offset_seconds: int) -> Histories:
        """The histories of checked events for exposures (user_key, shown_micros), up to the start of their days."""
        events = events.filter(~pl.col("code").is_in(NOT_IN_HISTORY))
        events = events.sort("user_key", "occurred_micros", "item_key", "code")
        keys = np.concatenate([events["user_key"].to_numpy(), rows["user_key"].to_numpy()])
        users = np.unique(keys, return_inverse=True)[1].astype(np.int32)
        users_E, users_R = users[: len(events)], users[len(events) :]
        times_E = events["occurred_micros"].to_numpy()
        mornings_R = day_start(rows["shown_micros"].to_numpy() // MICROS, utc_offset_seconds) * MICROS
        starts_R, ends_R = _recent(users_E, times_E, users_R, mornings_R)
        indices_E = items.index(events["item_key"].to_numpy())
        return cls(indices_E, events["code"].to_numpy(), times_E, users_E, users_R, starts_R, ends_R)


def day_start(seconds_R: Int64Array, utc_offset_seconds: int) -> Int64Array:
    """Unix seconds at which the brand's day began."""
    local_R = seconds_R + utc_offset_seconds
    return np.asarray(local_R - local_R % DAY_SECONDS - utc_offset_seconds, np.int64)


def _recent(users_E: _Ints, times_E: Int64Array, users_R: _Ints, until_R: Int64Array) -> tuple[Int64Array, Int64Array]:
    """[start, end) of what each exposure's contact had done recently, strictly before a moment."""
    moments = np.unique(times_E)
    keys_E = users_E.astype(np.int64) * (len(moments) + 1) + np.searchsorted(moments, times_E)
    base_R = users_R.astype(np.int64) * (len(moments) + 1)
    ends_R = np.searchsorted(keys_E, base_R + np.searchsorted(moments, until_R))
    lately_R = np.searchsorted(keys_E, base_R + np.searchsorted(moments, until_R - RECENT_SECONDS * MICROS))
    first_R = np.maximum(np.searchsorted(keys_E, base_R), ends_R - NUM_RECENT)
    starts_R = np.maximum(first_R, lately_R)
    return np.where(ends_R - starts_R < ENOUGH_RECENT, first_R, starts_R), ends_R


def count_all(
    rows: pl.DataFrame,
    histories: Histories,
    items: ItemFacts,
    acts: tuple[str, ...],
    window_seconds: int,
    utc_offset_seconds: int,
) -> Counts:
    """Counts of every exposure; `rows` holds item_index, shown_micros, is_impression and a column per act."""
    seconds_R = rows["shown_micros"].to_numpy() // MICROS
    items_R = rows["item_index"].to_numpy()
    labels_RK = rows.select(acts).to_numpy()
    days_R = (seconds_R + utc_offset_seconds) // DAY_SECONDS
    known_R = (seconds_R + window_seconds + utc_offset_seconds) // DAY_SECONDS + 1
    rates = DailyCounts(days_R, known_R, labels_RK)
    groups = {"item": items_R, "author": items.authors_N1[items_R], "category": items.categories_N1[items_R]}
    had_last_R = histories.ends_R > histories.starts_R
    last_R = histories.times_E[np.maximum(histories.ends_R - 1, 0)] / MICROS if len(histories.times_E) else 0.0
    return Counts(
        items_R=items_R,
        seconds_R=seconds_R,
        is_impression_R=rows["is_impression"].to_numpy(),
        num_events_R=histories.ends_R - histories.starts_R,
        num_openings_R=_in_range(histories, histories.codes_E == CODES[OPEN]),
        contact_acts_RK=np.column_stack([_in_range(histories, histories.codes_E == CODES[act]) for act in acts]),
        last_seconds_R=np.where(had_last_R, last_R, np.nan),
        same=_same(histories, items, items_R),
        groups={group: rates.before(groups[group]) for group in GROUPS},
        brand=rates.before(np.zeros(len(rows), np.int32)),
    )


@dataclass(frozen=True)
class DailyCounts:
    """Exposures by day, to ask what was known on each exposure's own day."""

    days_R: Int64Array
    known_R: Int64Array
    """The first day on which the exposure's acts are known."""
    labels_RK: NDArray[np.int8]

    def before(self, groups_R: _Ints) -> Counted:
        """Per exposure: what was known at the start of its day of exposures of its own group."""
        first = int(self.days_R.min(initial=0))
        span = int(self.known_R.max(initial=0)) - first + 2
        order = np.lexsort((self.known_R, groups_R))
        keys = groups_R[order].astype(np.int64) * span + (self.known_R[order] - first)
        base_R = groups_R.astype(np.int64) * span
        starts_R = np.searchsorted(keys, base_R)
        ends_R = np.searchsorted(keys, base_R + (self.days_R - first), "right")
        labels = self.labels_RK[order]
        return Counted(*(_between(table, starts_R, ends_R) for table in (labels != UNKNOWN, labels == 1)))


def _between(table_RK: NDArray[np.bool_], starts_R: _Ints, ends_R: _Ints) -> NDArray[np.int32]:
    """Sums of the table's lines [start, end)."""
    summed = np.zeros((len(table_RK) + 1, table_RK.shape[1]), np.int32)
    np.cumsum(table_RK, axis=0, out=summed[1:])
    return np.asarray(summed[ends_R] - summed[starts_R])


def _in_range(histories: Histories, is_it_E: NDArray[np.bool_]) -> Int64Array:
    """How many of the marked events each history holds."""
    summed = np.concatenate([[0], np.cumsum(is_it_E)])
    return np.asarray(summed[histories.ends_R] - summed[histories.starts_R], np.int64)


def _same(histories: Histories, items: ItemFacts, items_R: Int32Array) -> dict[str, NDArray[np.float64]]:
    """How often each history met what the item shown belongs to; unknown groups (0) are never the same."""
    is_opening_E = histories.codes_E == CODES[OPEN]
    every_E = np.ones(len(is_opening_E), np.bool_)
    found = {}
    for name, of_N1 in (("category", items.categories_N1), ("author", items.authors_N1)):
        for what, is_it_E in (("openings", is_opening_E), ("acts", ~is_opening_E)):
            found[f"{name}_{what}"] = _matching(histories, of_N1, items_R, is_it_E)[0]
    found["kind_events"] = _matching(histories, items.kinds_N1, items_R, every_E)[0]
    found["item_events"] = _matching(histories, np.arange(len(items.kinds_N1)), items_R, every_E)[0]
    found["category_seconds"] = _matching(histories, items.categories_N1, items_R, every_E)[1]
    return found


def _matching(
    histories: Histories, of_N1: _Ints, items_R: Int32Array, is_it_E: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many of the marked events of each history have an item of the same group, and when the last of them was."""
    size, num_groups = len(is_it_E) + 1, int(of_N1.max(initial=0)) + 1
    chosen = np.flatnonzero(is_it_E & (of_N1[histories.items_E] > 0))
    owner_E = histories.users_E[chosen].astype(np.int64) * num_groups + of_N1[histories.items_E[chosen]]
    keys = np.sort(owner_E * size + chosen)
    base_R = (histories.users_R.astype(np.int64) * num_groups + of_N1[items_R]) * size
    ends_R = np.searchsorted(keys, base_R + histories.ends_R)
    counts_R = ends_R - np.searchsorted(keys, base_R + histories.starts_R)
    counts_R[of_N1[items_R] == 0] = 0
    if not len(keys):
        return counts_R.astype(np.float64), np.full(len(counts_R), np.nan)
    last_R = histories.times_E[keys[np.maximum(ends_R - 1, 0)] % size] / MICROS
    return counts_R.astype(np.float64), np.where(counts_R > 0, last_R, np.nan)
