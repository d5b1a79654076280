"""What a training run says while it learns; plain data, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class SampleList:
    """What the model would recommend to one sample user right now."""

    user_key: int
    item_keys: list[int]


@dataclass(frozen=True)
class TrainingPoint:
    """One point of the live curve."""

    stage: str
    """Model kind being fitted, for example "transformer"."""
    epoch: int = 0
    """Epochs finished."""
    num_epochs: int = 0
    """Epochs planned (early stopping may need fewer)."""
    step: int = 0
    """Optimiser steps done."""
    num_steps: int = 0
    """Steps planned."""
    loss: float | None = None
    """Mean training loss since the last point, in nats."""
    samples_per_second: float = 0.0
    """Training events (or rows) per second since the last point."""
    elapsed_seconds: float = 0.0
    """Time spent training, interruptions excluded."""
    eta_seconds: float | None = None
    """Estimated time to the planned end."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Validation metrics, on the points that end an epoch."""
    samples: list[SampleList] = field(default_factory=list)
    """Current top 5 of a few sample users, on the points that end an epoch."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


OnProgress = Callable[[TrainingPoint], None]
ShouldStop = Callable[[], bool]
