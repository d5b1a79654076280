"""Which events teach, which choose, which judge.

Stage: training. Reads a dataset's sequences; writes nothing.
Shapes: U users, E events. A split names, per user, where training ends and which event is the target of each stage.

A target is always the user's first meeting with its item, because seen items are not candidates. On data without
repeats (MovieLens, Amazon) this is exactly the published leave-one-out protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modeling.histories import BoolArray, Int32Array, Int64Array

Stage = Literal["valid", "test"]
NO_TARGET = -1
FOLD_NAME = re.compile(r"fold_(\d{1,2})_of_(\d{1,2})")
FIRST_FOLD_QUANTILE = 0.4
"""The first fold of a walk through time learns from this share of the events."""


@dataclass(frozen=True)
class Split:
    """Training events of user u are offsets[u]:train_ends_U[u]; targets are event indices or -1 for "not measured"."""

    name: str
    train_ends_U: Int64Array
    valid_targets_U: Int64Array
    test_targets_U: Int64Array

    def targets_U(self, stage: Stage) -> Int64Array:
        """The target event of each user in one stage."""
        return self.valid_targets_U if stage == "valid" else self.test_targets_U

    def counts(self) -> dict[str, int]:
        """How many users each stage measures."""
        return {
            "valid_users": int((self.valid_targets_U >= 0).sum()),
            "test_users": int((self.test_targets_U >= 0).sum()),
        }


def find_first_meetings(users_E: Int32Array, items_E: Int32Array, num_items: int) -> BoolArray:
    """True where the user meets the item for the first time."""
    pairs_E = users_E.astype(np.int64) * num_items + items_E
    is_new_E = np.zeros(len(pairs_E), np.bool_)
    is_new_E[np.unique(pairs_E, return_index=True)[1]] = True
    return is_new_E


def split_leave_one_out(offsets: Int64Array, is_new_E: BoolArray) -> Split:
    """Last new item of each user = test, last but one = validation, everything before it = training.

    Every user must have at least three new items (the dataset writer drops the others).
    """
    new_events = np.flatnonzero(is_new_E)
    ends_U = np.searchsorted(new_events, offsets[1:])
    valid_U = new_events[ends_U - 2].astype(np.int64)
    return Split("leave_one_out", valid_U, valid_U, new_events[ends_U - 1].astype(np.int64))


def split_by_time(
    offsets: Int64Array, times_E: Int64Array, is_new_E: BoolArray, valid_quantile: float, test_quantile: float
) -> Split:
    """Events before the first cut-off teach; each user's first new item in (valid, test) cut-off windows is a target.

    The history of a target is everything before it; users without history or without a new item there are skipped.
    """
    valid_cut = np.quantile(times_E, valid_quantile, method="higher")
    test_cut = np.quantile(times_E, test_quantile, method="higher")
    starts_U = _count_before(offsets, times_E < valid_cut)
    middles_U = _count_before(offsets, times_E < test_cut)
    return Split(
        "time",
        starts_U,
        _find_first_new(offsets, starts_U, middles_U, is_new_E),
        _find_first_new(offsets, middles_U, offsets[1:], is_new_E),
    )


def split_expanding(
    offsets: Int64Array, times_E: Int64Array, is_new_E: BoolArray, fold: int, num_folds: int, end_quantile: float
) -> Split:
    """Fold 0, 1, ... of a walk through time: each teaches on all before its windows, so later folds teach on more.

    The time from FIRST_FOLD_QUANTILE to `end_quantile` is cut into num_folds + 1 windows of equally many events; fold i
    chooses in window i and judges in window i + 1. What comes later is nobody's.
    """
    cuts = np.linspace(FIRST_FOLD_QUANTILE, end_quantile, num_folds + 2)[fold : fold + 3]
    train_cut, valid_cut, end = np.quantile(times_E, cuts, method="higher")
    starts_U, middles_U, ends_U = (_count_before(offsets, times_E < cut) for cut in (train_cut, valid_cut, end))
    return Split(
        f"fold_{fold + 1}_of_{num_folds}",
        starts_U,
        _find_first_new(offsets, starts_U, middles_U, is_new_E),
        _find_first_new(offsets, middles_U, ends_U, is_new_E),
    )


def read_fold(name: str) -> tuple[int, int] | None:
    """(fold from 0, number of folds) of a split's name like "fold_2_of_5"; None for other names."""
    found = FOLD_NAME.fullmatch(name)
    return (int(found[1]) - 1, int(found[2])) if found and 1 <= int(found[1]) <= int(found[2]) else None


def _count_before(offsets: Int64Array, is_before_E: BoolArray) -> Int64Array:
    """End of each user's leading block of True (events of a user are in time order)."""
    totals = np.concatenate([[0], np.cumsum(is_before_E)])
    return np.asarray(offsets[:-1] + totals[offsets[1:]] - totals[offsets[:-1]], np.int64)


def _find_first_new(offsets: Int64Array, from_U: Int64Array, to_U: Int64Array, is_new_E: BoolArray) -> Int64Array:
    """First new event in [from, to) of each user that has history before `from`, else -1."""
    new_events = np.append(np.flatnonzero(is_new_E), np.iinfo(np.int64).max)
    found_U = new_events[np.searchsorted(new_events[:-1], from_U)]
    is_measured_U = (found_U < to_U) & (from_U > offsets[:-1])
    return np.where(is_measured_U, found_U, NO_TARGET).astype(np.int64)
