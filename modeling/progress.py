"""What a training run says while it learns; plain data, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

REFIT = "_refit"
"""Ends the stage of a model that learns all behaviour once more; nothing is measured then."""


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

    part: int = 0
    """Networks of the run that were fitted before this one."""
    num_parts: int = 1
    """Networks that the run fits."""
    first_step: int = 0
    """Steps of the networks before; `step` and `num_steps` go on from there."""
    first_epoch: int = 0
    """Epochs of the networks before; `epoch` and `num_epochs` go on from there."""

    @property
    def share(self) -> float:
        """How much of the run's fitting is done, 0 to 1."""
        own = (self.step - self.first_step) / max(self.num_steps - self.first_step, 1)
        return (self.part + min(own, 1.0)) / self.num_parts

    def after(self, steps: int, epochs: int, seconds: float, part: int, num_parts: int) -> TrainingPoint:
        """This point of a network as one of a run that has fitted `part` networks before, in so many steps."""
        eta = self.eta_seconds
        if eta is not None:
            eta += (num_parts - part - 1) * (self.elapsed_seconds + eta)
        return replace(
            self,
            step=self.step + steps,
            num_steps=self.num_steps + steps,
            epoch=self.epoch + epochs,
            num_epochs=self.num_epochs + epochs,
            elapsed_seconds=self.elapsed_seconds + seconds,
            eta_seconds=eta,
            part=part,
            num_parts=num_parts,
            first_step=steps,
            first_epoch=epochs,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


OnProgress = Callable[[TrainingPoint], None]
ShouldStop = Callable[[], bool]
