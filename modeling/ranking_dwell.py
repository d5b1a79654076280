"""How long somebody stays, without favouring long items.

Seconds grow with the length of the item, so a model of seconds prefers what is long. Here items are put in buckets of
like kind and length, and what is learnt is the place of a stay among those of its bucket, 0 to 1 (D2Q: Zhan et al.,
"Deconfounding Duration Bias in Watch-time Prediction for Video Recommendation", KDD 2022).
Shapes: R rows, B buckets, Q quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.histories import FloatArray, Int32Array

BUCKETS_PER_KIND = 5
MIN_ROWS_PER_BUCKET = 50
NUM_QUANTILES = 101


@dataclass(frozen=True)
class DwellBuckets:
    """Where each bucket's stays lie. A bucket is a kind of items and a range of lengths; the last bucket is all."""

    kinds_B: Int32Array
    """Kind of the bucket's items; -1 for the bucket of everything."""
    longest_B: FloatArray
    """Up to which length (seconds) an item belongs to the bucket; infinite for the kind's last and unknown lengths."""
    seconds_BQ: FloatArray
    """Quantiles 0 to 1 of the bucket's stays."""

    @classmethod
    def fit(cls, kinds_R: NDArray[np.integer], lengths_R: FloatArray, dwells_R: FloatArray) -> Self:
        """Buckets of equal mass within each kind; rows without dwell (NaN) teach nothing.

        A kind with fewer than 50 stays shares the bucket of everything.
        """
        known = np.flatnonzero(~np.isnan(dwells_R))
        kinds_R, lengths_R, dwells_R = kinds_R[known], lengths_R[known], dwells_R[known]
        edges: list[tuple[int, float]] = []
        for kind in np.unique(kinds_R):
            edges += [(int(kind), cut) for cut in _cuts(lengths_R[kinds_R == kind])]
        edges.append((-1, np.inf))
        found = cls(
            np.array([kind for kind, _ in edges], np.int32),
            np.array([cut for _, cut in edges], np.float32),
            np.zeros((len(edges), NUM_QUANTILES), np.float32),
        )
        places_R = found.of(kinds_R, lengths_R)
        quantiles = np.linspace(0, 1, NUM_QUANTILES)
        for bucket in range(len(edges)):
            inside = dwells_R if bucket == len(edges) - 1 else dwells_R[places_R == bucket]
            found.seconds_BQ[bucket] = np.quantile(inside, quantiles) if len(inside) else 0
        return found

    def of(self, kinds_R: NDArray[np.integer], lengths_R: FloatArray) -> Int32Array:
        """buckets_R: the first bucket of the kind that is long enough, else the one of everything."""
        lengths_R = np.nan_to_num(lengths_R.astype(np.float32), nan=np.inf)
        places_R = np.full(len(kinds_R), len(self.kinds_B) - 1, np.int32)
        for bucket in reversed(range(len(self.kinds_B) - 1)):
            places_R[(kinds_R == self.kinds_B[bucket]) & (lengths_R <= self.longest_B[bucket])] = bucket
        return places_R

    def to_quantiles(self, buckets_R: Int32Array, dwells_R: FloatArray) -> FloatArray:
        """Place of each stay within its bucket, 0 to 1 (the middle of equal stays); NaN stays NaN."""
        places_R = np.full(len(dwells_R), np.nan, np.float32)
        for bucket in np.unique(buckets_R):
            rows = np.flatnonzero((buckets_R == bucket) & ~np.isnan(dwells_R))
            low = np.searchsorted(self.seconds_BQ[bucket], dwells_R[rows], "left")
            high = np.searchsorted(self.seconds_BQ[bucket], dwells_R[rows], "right")
            places_R[rows] = np.clip((low + high) / 2 / NUM_QUANTILES, 0, 1)
        return places_R

    def to_seconds(self, buckets_R: Int32Array, quantiles_R: FloatArray) -> FloatArray:
        """The stay at each place of its bucket."""
        places_R = np.clip(np.rint(quantiles_R * (NUM_QUANTILES - 1)), 0, NUM_QUANTILES - 1).astype(np.int64)
        return self.seconds_BQ[buckets_R, places_R]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        return {"kinds_B": self.kinds_B, "longest_B": self.longest_B, "seconds_BQ": self.seconds_BQ}


def agreement_within(
    buckets_R: Int32Array, said_R: FloatArray, true_R: FloatArray, min_rows: int = MIN_ROWS_PER_BUCKET
) -> float:
    """Mean rank correlation (Spearman) of said and true stays within buckets, weighted by rows; NaN when none is
    large enough. Lengths differ little within a bucket, so a model gains nothing by favouring long items."""
    sizes, values = [0.0], [0.0]
    for bucket in np.unique(buckets_R):
        rows = np.flatnonzero((buckets_R == bucket) & ~np.isnan(true_R))
        if len(rows) >= min_rows and np.ptp(said_R[rows]) > 0 and np.ptp(true_R[rows]) > 0:
            sizes.append(float(len(rows)))
            values.append(float(np.corrcoef(_ranks(said_R[rows]), _ranks(true_R[rows]))[0, 1]))
    return float(np.average(values, weights=sizes)) if sum(sizes) else float("nan")


def _cuts(lengths: FloatArray) -> list[float]:
    """Up to which length each bucket of one kind reaches; the last one is endless. None for too few stays."""
    known = lengths[~np.isnan(lengths)]
    num = min(BUCKETS_PER_KIND, len(known) // MIN_ROWS_PER_BUCKET)
    inner = np.unique(np.quantile(known, np.arange(1, num) / num)).tolist() if num > 1 else []
    return [*inner, np.inf] if len(lengths) >= MIN_ROWS_PER_BUCKET else []


def _ranks(values: FloatArray) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])
