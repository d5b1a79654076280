"""Qini curve, normalised Qini and uplift@k, each with one fixed definition. Pure NumPy.

Definition (Radcliffe 2007, normalised as in scikit-uplift with negative effects allowed). Sort people by predicted
uplift, best first. After the first k: Y_t, Y_c are the summed outcomes and N_t, N_c the numbers of treated and of
controls among them; Qini(k) = Y_t - Y_c * N_t / N_c. The Qini coefficient is the area between that curve and the
straight line from (0, 0) to (R, Qini(R)), divided by the same area of a perfect ordering: treated responders first,
control responders last. 0 is a random order, 1 a perfect one. causalml and pylift normalise otherwise, so
their figures do not compare.

Shapes: R people.
"""

from __future__ import annotations

import numpy as np

from modeling.metrics import Float64Array
from modeling.uplift.trials import BoolArray, UnusableTrial


class Ranking:
    """People in the order of their predicted uplift; people with equal scores enter together, so ties gain nothing."""

    def __init__(self, outcome_R: Float64Array, uplift_R: Float64Array, treated_R: BoolArray) -> None:
        self._order = np.argsort(-uplift_R, kind="stable")
        self._ends = np.append(np.flatnonzero(np.diff(uplift_R[self._order])), len(uplift_R) - 1)
        self._treated = treated_R[self._order].astype(np.float64)
        self._outcome = outcome_R[self._order]

    def curve(self, weights_R: Float64Array | None = None) -> tuple[Float64Array, Float64Array]:
        """Points (people so far, extra outcomes among the treated), from (0, 0); weights repeat people."""
        weights = np.ones(len(self._order)) if weights_R is None else weights_R[self._order]
        treated, control = self._sum(weights * self._treated), self._sum(weights * (1 - self._treated))
        gained = self._sum(weights * self._treated * self._outcome)
        would = self._sum(weights * (1 - self._treated) * self._outcome)
        scaled = would * np.divide(treated, control, out=np.zeros_like(treated), where=control > 0)
        return np.append(0.0, treated + control), np.append(0.0, gained - scaled)

    def area(self, weights_R: Float64Array | None = None) -> float:
        """Area between the curve and the straight line to its end, in people x outcomes."""
        num_people, gain = self.curve(weights_R)
        return float(np.trapezoid(gain, num_people) - num_people[-1] * gain[-1] / 2)

    def _sum(self, values: Float64Array) -> Float64Array:
        return np.asarray(np.cumsum(values)[self._ends], np.float64)


def perfect_ranking(outcome_R: Float64Array, treated_R: BoolArray) -> Ranking:
    """The best order hindsight can give: treated responders first, control responders last."""
    return Ranking(outcome_R, np.where(treated_R, outcome_R, -outcome_R), treated_R)


def qini(outcome_R: Float64Array, uplift_R: Float64Array, treated_R: BoolArray) -> float:
    """The normalised Qini coefficient; NaN when no order can gain anything (nobody responded)."""
    best = perfect_ranking(outcome_R, treated_R).area()
    return Ranking(outcome_R, uplift_R, treated_R).area() / best if best > 0 else float("nan")


def uplift_at(share: float, outcome_R: Float64Array, uplift_R: Float64Array, treated_R: BoolArray) -> float:
    """Mean outcome of treated minus that of controls among the best `share` (0 to 1] of the order.

    Raises `UnusableTrial` when that group lacks one of the arms.
    """
    chosen = np.argsort(-uplift_R, kind="stable")[: max(1, int(len(uplift_R) * share))]
    treated, outcome = treated_R[chosen], outcome_R[chosen]
    if treated.all() or not treated.any():
        raise UnusableTrial("The best-scored group holds only one arm. Use a larger share or more people.")
    return float(outcome[treated].mean() - outcome[~treated].mean())
