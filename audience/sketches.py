"""Answers about a whole file of any length from counters of fixed size.

Stage: clean. Reads: cleaned events, chunk by chunk. Writes: nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

_SMALLEST = 0.01
_GROWTH = 1.02
_NUM_BINS = 900  # 0.01 s * 1.02 ** 900 is more than six days
_NUM_BITS = 22
_CONTACT_FACTOR, _MINUTE_FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class DwellSketch:
    """A histogram of dwell times whose bins grow by 2 %, so a quantile is at most 2 % above the exact one."""

    def __init__(self) -> None:
        self._counts = np.zeros(_NUM_BINS + 1, np.int64)

    def add(self, dwell_seconds: pl.Series) -> None:
        """Count the non-null values."""
        values = dwell_seconds.drop_nulls().to_numpy()
        bins = np.ceil(np.log(np.maximum(values, _SMALLEST) / _SMALLEST) / np.log(_GROWTH))
        self._counts += np.bincount(np.minimum(bins, _NUM_BINS).astype(np.int64), minlength=_NUM_BINS + 1)

    @property
    def num_values(self) -> int:
        """Values counted so far."""
        return int(self._counts.sum())

    def cap(self, quantile: float) -> tuple[float, int]:
        """(upper edge of the bin that holds the quantile, values beyond it)."""
        reached = np.cumsum(self._counts)
        index = int(np.searchsorted(reached, quantile * reached[-1]))
        return float(_SMALLEST * _GROWTH**index), int(reached[-1] - reached[index])


class RateSketch:
    """How often each contact acts within one minute, never underestimated: acts counted in hashed cells.

    Ten million acts put two or three in a cell on average, far from what a robot does.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(1 << _NUM_BITS, np.int32)
        self.highest = 0

    def add(self, contacts: npt.NDArray[Any], minutes: npt.NDArray[np.int64]) -> None:
        """Count acts; both arrays have one entry per act, contacts as numbers."""
        if not len(minutes):
            return
        cells, counts = np.unique(_cells(contacts, minutes), return_counts=True)
        self._counts[cells] += counts.astype(np.int32)
        self.highest = max(self.highest, int(self._counts[cells].max()))

    def estimates(self, contacts: npt.NDArray[Any], minutes: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The count of each act's contact and minute, or somewhat more."""
        counts: npt.NDArray[np.int32] = self._counts[_cells(contacts, minutes)]
        return counts


def _cells(contacts: npt.NDArray[Any], minutes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    mixed = (contacts.astype(np.uint64) * _CONTACT_FACTOR) ^ (minutes.astype(np.uint64) * _MINUTE_FACTOR)
    return (mixed * _CONTACT_FACTOR) >> np.uint64(64 - _NUM_BITS)


class KeyFilter:
    """Tells keys that were certainly not seen from those that may have been: a bitmap of 32 MB.

    Of ten million keys 4 % look seen although they are new; none that was seen ever looks new.
    """

    _NUM_BITS = 28

    def __init__(self) -> None:
        self._bits = np.zeros(1 << (self._NUM_BITS - 3), np.uint8)

    def add(self, keys: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        """Remember 16-byte keys; True for each that was certainly new, and is alone among these."""
        heads = keys.view(np.uint64)[::2]  # the keys are digests, so any 28 bits of them are random
        cells = (heads >> np.uint64(64 - self._NUM_BITS)).astype(np.uint32)
        places, masks = (cells >> 3).astype(np.int64), np.left_shift(1, cells & 7).astype(np.uint8)
        before = self._bits[places]
        self._bits[places] = before | masks
        is_lost = (self._bits[places] & masks) == 0  # of several in one byte only the last was kept
        np.bitwise_or.at(self._bits, places[is_lost], masks[is_lost])
        is_new: npt.NDArray[np.bool_] = _is_alone(cells) & ((before & masks) == 0)
        return is_new


def _is_alone(cells: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """False for numbers that occur more than once."""
    ordered = np.sort(cells)
    twins = ordered[1:][ordered[1:] == ordered[:-1]]
    return ~np.isin(cells, twins) if len(twins) else np.ones(len(cells), np.bool_)
