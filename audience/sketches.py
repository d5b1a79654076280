"""Answers about a whole file of any length from counters of fixed size.

Stage: clean. Reads: cleaned events, chunk by chunk. Writes: nothing.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

_SMALLEST = 0.01
_GROWTH = 1.02
_NUM_BINS = 900  # 0.01 s * 1.02 ** 900 is more than six days
_NUM_BITS = 22
_MULTIPLIERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_MIXER = np.uint64(0xFF51AFD7ED558CCD)


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
    """How often each contact acts within one minute, never underestimated (count-min with two rows)."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, 1 << _NUM_BITS), np.int32)
        self.highest = 0

    def add(self, contact_codes: npt.NDArray[np.int64], minutes: npt.NDArray[np.int64]) -> None:
        """Count acts; both arrays have one entry per act."""
        estimates = []
        for row, multiplier in zip(self._counts, _MULTIPLIERS, strict=True):
            mixed = (contact_codes.astype(np.uint64) * multiplier) ^ (minutes.astype(np.uint64) * _MIXER)
            cells = ((mixed * multiplier) >> np.uint64(64 - _NUM_BITS)).astype(np.int64)
            np.add.at(row, cells, 1)
            estimates.append(row[cells])
        if len(minutes):
            self.highest = max(self.highest, int(np.minimum(*estimates).max()))
