"""A randomised trial as arrays, checked before anything is fitted.

Shapes: R people, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import NotEnoughData
from modeling.metrics import Float64Array

BoolArray = NDArray[np.bool_]
MIN_PER_ARM = 100
MIN_RESPONSES_PER_ARM = 10


class UnusableTrial(NotEnoughData):
    """The trial cannot say whom a message changes; the message names the cause and the fix."""

    code = "unusable_trial"


@dataclass(frozen=True)
class Trial:
    """Who was treated at random, what they did, and what was known of them before."""

    features_RF: Float64Array
    treated_R: BoolArray
    outcome_R: Float64Array
    """0/1 for a response, or an amount."""

    def __post_init__(self) -> None:
        if not (len(self.features_RF) == len(self.treated_R) == len(self.outcome_R)):
            raise ValueError("features, treatment and outcome differ in length")
        if not (np.isfinite(self.features_RF).all() and np.isfinite(self.outcome_R).all()):
            raise UnusableTrial("A feature or outcome is missing or infinite. Fill or drop those rows.")

    @property
    def num_people(self) -> int:
        """People of both arms."""
        return len(self.treated_R)

    @property
    def propensity(self) -> float:
        """Share treated: the known probability of treatment, as people were drawn at random."""
        return float(self.treated_R.mean())

    def rows(self, chosen: NDArray[np.int64] | BoolArray) -> Trial:
        """The same trial for some of its people."""
        return Trial(self.features_RF[chosen], self.treated_R[chosen], self.outcome_R[chosen])

    def check(self) -> None:
        """Raise `UnusableTrial` when an arm is too small or nobody in it responded."""
        for name, members in (("treated", self.treated_R), ("control", ~self.treated_R)):
            if members.sum() < MIN_PER_ARM:
                raise UnusableTrial(
                    "The %(arm)s group has %(count)s people; at least %(needed)s are needed. Run the trial longer.",
                    arm=name,
                    count=int(members.sum()),
                    needed=MIN_PER_ARM,
                )
            if np.count_nonzero(self.outcome_R[members]) < MIN_RESPONSES_PER_ARM:
                raise UnusableTrial(
                    "The %(arm)s group has fewer than %(needed)s responses. Choose a more frequent outcome or wait.",
                    arm=name,
                    needed=MIN_RESPONSES_PER_ARM,
                )
