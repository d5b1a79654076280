"""The numbers that describe one exposure, made of what was known before it.

Stage: training and prediction. Pure. Both sides count in their own way (training over all exposures at once, prediction
for one contact and many items) and hand their counts to `assemble`, so a feature cannot mean two things.
Shapes: R exposures, K acts, F features.

Rates are smoothed: (acts + s x rate of all) / (shown + s), with s = PRIOR_EXPOSURES (the mean of a Beta posterior whose
prior has the brand's own rate as mean and s as weight). Rates enter as log-odds, counts as log(1 + n).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray, Int32Array
from modeling.ranking_items import ItemFacts

PRIOR_EXPOSURES = 20.0
START_RATE, START_EXPOSURES = 0.02, 50.0
"""What a brand's rate is taken for before anything is known."""
GROUPS = ("item", "author", "category")
"""What rates are kept of, besides the contact and the whole brand."""
DAY_SECONDS = 86_400
_NUMBERS = NDArray[np.float64]

CONTEXT = ("is_impression", "hour", "weekday")
ITEM = ("item_age", "price", "length", "kind", "item_shown", "author_shown", "category_shown")
CONTACT = ("acts", "openings", "days_since_act")
AFFINITY = (
    "same_category_openings",
    "same_category_share",
    "same_category_acts",
    "same_author_openings",
    "same_author_acts",
    "same_kind_share",
    "same_item_events",
    "days_since_category",
)


def feature_names(acts: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that `assemble` gives, in order."""
    rates = tuple(f"{of}_rate_{act}" for of in ("contact", *GROUPS) for act in acts)
    return (*CONTEXT, *ITEM, *CONTACT, *AFFINITY, *rates)


@dataclass(frozen=True)
class Counted:
    """How often something was shown and how often each act followed; lines may be one for all exposures."""

    shown_RK: NDArray[Any]
    """Exposures for which it is known whether the act followed."""
    acts_RK: NDArray[Any]

    def rates(self, prior_RK: _NUMBERS, weight: float = PRIOR_EXPOSURES) -> _NUMBERS:
        """Smoothed share of exposures with the act."""
        return np.asarray((self.acts_RK + weight * prior_RK) / (self.shown_RK + weight), np.float64)


@dataclass(frozen=True)
class Counts:
    """Everything counted before each exposure."""

    items_R: Int32Array
    seconds_R: NDArray[Any]
    """Unix seconds of the exposure."""
    is_impression_R: NDArray[Any]
    num_events_R: NDArray[Any]
    num_openings_R: NDArray[Any]
    contact_acts_RK: NDArray[Any]
    last_seconds_R: _NUMBERS
    """Unix seconds of the contact's last event; NaN without one."""
    same: Mapping[str, NDArray[Any]]
    """category_openings, category_acts, author_openings, author_acts, kind_events, item_events: the contact's events on
    items that share it with the one shown; category_seconds: the last of them (NaN without one)."""
    groups: Mapping[str, Counted]
    """By GROUPS."""
    brand: Counted


def assemble(counts: Counts, items: ItemFacts, utc_offset_seconds: int) -> FloatArray:
    """features_RF in the order of `feature_names`; NaN where something is not known."""
    local_R = counts.seconds_R + utc_offset_seconds
    index_R = counts.items_R
    prior_RK = counts.brand.rates(np.float64(START_RATE), START_EXPOSURES)  # type: ignore[arg-type]  # a scalar serves
    openings_R = counts.num_openings_R[:, None]
    contact = Counted(np.maximum(openings_R, counts.contact_acts_RK), counts.contact_acts_RK)
    same = counts.same
    columns = [
        counts.is_impression_R,
        local_R // 3600 % 24,
        (local_R // DAY_SECONDS + 3) % 7,  # 0 = Monday
        _log_days(counts.seconds_R - items.born_N1[index_R]),
        np.log1p(items.prices_N1[index_R] / 100),
        np.log1p(items.lengths_N1[index_R]),
        items.kinds_N1[index_R],
        *(np.log1p(counts.groups[group].shown_RK.max(axis=1)) for group in GROUPS),
        np.log1p(counts.num_events_R),
        np.log1p(counts.num_openings_R),
        _log_days(counts.seconds_R - counts.last_seconds_R),
        np.log1p(same["category_openings"]),
        same["category_openings"] / (counts.num_openings_R + 5),
        np.log1p(same["category_acts"]),
        np.log1p(same["author_openings"]),
        np.log1p(same["author_acts"]),
        same["kind_events"] / (counts.num_events_R + 5),
        np.log1p(same["item_events"]),
        _log_days(counts.seconds_R - same["category_seconds"]),
    ]
    rates = [contact.rates(prior_RK), *(counts.groups[group].rates(prior_RK) for group in GROUPS)]
    table = np.column_stack([*(np.asarray(column, np.float32) for column in columns), *map(log_odds, rates)])
    return table.astype(np.float32)


def _log_days(seconds_R: _NUMBERS) -> _NUMBERS:
    """log(1 + days), 0 for times that lie ahead."""
    return np.asarray(np.log1p(np.maximum(seconds_R, 0) / DAY_SECONDS))


def log_odds(rates: _NUMBERS) -> FloatArray:
    """log(p / (1 - p)), kept between -9 and 9 or so."""
    safe = np.clip(rates, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(safe) - np.log1p(-safe), np.float32)
