"""Would more data help? Quality against the number of contacts, fitted by a power law and carried on.

Stage: training (optimisation). Reads the qualities of small fits; writes nothing. Pure NumPy.
Model: quality(n) = a - b n^-c with b >= 0 and a <= 1 (Hestness et al. 2017; Viering and Loog 2022). The interval is a
parametric bootstrap: every size's mean is moved by the noise seen between seeds and the curve is fitted again.
Shapes: P fits, S sizes, C exponents, D bootstrap draws, T sizes asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from modeling.errors import DatasetTooSmall
from modeling.metrics import Float64Array

EXPONENTS_C = np.geomspace(0.05, 2.0, 40)
MIN_SIZES = 3
SMALL_GAIN = 0.005
"""Half a point: less than this is hardly worth collecting data for."""
Answer = Literal["more_helps", "hardly", "cannot_tell"]


@dataclass(frozen=True)
class Estimate:
    """A quality or a gain with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """What the curve says about all the data there is and about twice as much."""

    at_full: Estimate
    at_double: Estimate
    gain: Estimate
    """at_double minus at_full, from the same draws."""
    answer: Answer
    sizes: list[float]
    """Where the curve is drawn, in contacts."""
    values: list[float]
    lows: list[float]
    highs: list[float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def forecast(qualities: Mapping[int, Sequence[float]], num_full: int, num_draws: int = 2000, seed: int = 0) -> Forecast:
    """Carry on the curve of qualities (0 to 1, higher is better; contacts -> one per seed) to `num_full` and twice it.

    Raises DatasetTooSmall with fewer than three sizes or without a repeated one, because then there is no interval.
    """
    sizes_S = np.array(sorted(qualities), np.float64)
    noise = _noise_between_seeds(qualities)
    means_S = np.array([np.mean(qualities[int(size)]) for size in sizes_S])
    errors_S = np.array([noise / np.sqrt(len(qualities[int(size)])) for size in sizes_S])
    generator = np.random.default_rng(seed)
    degrees = max(sum(len(one) - 1 for one in qualities.values()), 1)
    moved_DS = means_S + errors_S * generator.standard_t(degrees, (num_draws, len(sizes_S)))
    grid_T = np.geomspace(sizes_S[0], 2 * num_full, 40)
    wanted_T = np.concatenate([grid_T, [num_full, 2 * num_full]])
    best_T = predict(sizes_S, means_S[None], wanted_T)[0]
    draws_DT = predict(sizes_S, moved_DS, wanted_T)
    low_T, high_T = np.percentile(draws_DT, [2.5, 97.5], axis=0)
    gain = _estimate(best_T[-1] - best_T[-2], draws_DT[:, -1] - draws_DT[:, -2])
    return Forecast(
        at_full=Estimate(float(best_T[-2]), float(low_T[-2]), float(high_T[-2])),
        at_double=Estimate(float(best_T[-1]), float(low_T[-1]), float(high_T[-1])),
        gain=gain,
        answer=_answer(gain),
        sizes=grid_T.tolist(),
        values=best_T[:-2].tolist(),
        lows=low_T[:-2].tolist(),
        highs=high_T[:-2].tolist(),
    )


def predict(sizes_S: Float64Array, qualities_DS: Float64Array, wanted_T: Float64Array) -> Float64Array:
    """predictions_DT of the power law that fits each row of qualities best by least squares."""
    best_D = np.full(len(qualities_DS), np.inf)
    predictions_DT = np.empty((len(qualities_DS), len(wanted_T)))
    for exponent in EXPONENTS_C:
        terms_S = (sizes_S / sizes_S[0]) ** -exponent
        ceiling_D, drop_D = _fit_line(terms_S, qualities_DS)
        errors_D = ((ceiling_D[:, None] - drop_D[:, None] * terms_S - qualities_DS) ** 2).sum(axis=1)
        is_better_D = errors_D < best_D
        best_D = np.where(is_better_D, errors_D, best_D)
        terms_T = (wanted_T / sizes_S[0]) ** -exponent
        carried_DT = ceiling_D[:, None] - drop_D[:, None] * terms_T
        predictions_DT = np.where(is_better_D[:, None], carried_DT, predictions_DT)
    return predictions_DT


def _fit_line(terms_S: Float64Array, qualities_DS: Float64Array) -> tuple[Float64Array, Float64Array]:
    """a and b of a - b * term by least squares under b >= 0 and a <= 1."""
    centred_S = terms_S - terms_S.mean()
    drop_D = np.maximum(-(qualities_DS @ centred_S) / (centred_S @ centred_S), 0.0)
    ceiling_D = qualities_DS.mean(axis=1) + drop_D * terms_S.mean()
    at_one_D = np.maximum((1.0 - qualities_DS) @ terms_S / (terms_S @ terms_S), 0.0)
    is_above_D = ceiling_D > 1.0
    return np.where(is_above_D, 1.0, ceiling_D), np.where(is_above_D, at_one_D, drop_D)


def _noise_between_seeds(qualities: Mapping[int, Sequence[float]]) -> float:
    """Pooled standard deviation between fits of one size."""
    repeated = [one for one in qualities.values() if len(one) > 1]
    if len(qualities) < MIN_SIZES or not repeated:
        raise DatasetTooSmall(
            "A learning curve needs fits on at least %(needed)s sizes, one of them repeated; upload more behaviour.",
            needed=MIN_SIZES,
        )
    squares = sum(float(np.var(one)) * len(one) for one in repeated)
    return float(np.sqrt(squares / sum(len(one) - 1 for one in repeated)))


def _estimate(value: float, draws_D: Float64Array) -> Estimate:
    low, high = np.percentile(draws_D, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))


def _answer(gain: Estimate) -> Answer:
    """Certain gain, hardly any gain, or an interval too wide to say."""
    if gain.high < SMALL_GAIN:
        return "hardly"
    return "more_helps" if gain.low >= SMALL_GAIN / 10 else "cannot_tell"
