"""Beat the simple model or stay in the drawer: the promotion gate.

Stage: training. Reads paired per-user (or per-row) qualities; writes nothing. A deep model is promoted only when the
95 % paired bootstrap interval of its gain over the best simple model lies above zero.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from modeling.metrics import Float64Array, bootstrap_mean_difference

MIN_UNITS = 30
Code = Literal["deep_is_better", "not_better", "too_few_users"]


@dataclass(frozen=True)
class Verdict:
    """The decision and the numbers behind it; `code` names the sentence the page shows."""

    promote: bool
    code: Code
    metric: str
    """"ndcg_at_10" or "log_loss" (gain = simple loss - deep loss)."""
    deep_kind: str
    simple_kind: str
    deep_value: float
    simple_value: float
    delta: float
    """Gain of the deep model, positive is better."""
    low: float
    high: float
    num_units: int
    """Users or rows compared."""

    @property
    def serving_kind(self) -> str:
        """The kind that should answer from now on."""
        return self.deep_kind if self.promote else self.simple_kind

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "serving_kind": self.serving_kind}


def judge(
    metric: str, deep: tuple[str, Float64Array], simple: tuple[str, Float64Array], higher_is_better: bool = True
) -> Verdict:
    """Compare a deep and a simple model on the same units; each is (kind, quality per unit)."""
    (deep_kind, deep_B), (simple_kind, simple_B) = deep, simple
    better_B, worse_B = (deep_B, simple_B) if higher_is_better else (simple_B, deep_B)
    interval = bootstrap_mean_difference(better_B, worse_B)
    has_enough = len(deep_B) >= MIN_UNITS
    promote = has_enough and interval.low > 0
    return Verdict(
        promote=promote,
        code="deep_is_better" if promote else "not_better" if has_enough else "too_few_users",
        metric=metric,
        deep_kind=deep_kind,
        simple_kind=simple_kind,
        deep_value=float(deep_B.mean()),
        simple_value=float(simple_B.mean()),
        delta=interval.delta,
        low=interval.low,
        high=interval.high,
        num_units=len(deep_B),
    )
