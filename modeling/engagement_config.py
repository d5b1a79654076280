"""Configuration of an engagement training run, with presets; imports no torch, so pages may read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid


@dataclass(frozen=True)
class EngagementDnnConfig(JsonConfig):
    """Shape of the network."""

    hidden_1: int = 64
    """Units of the first hidden layer."""
    hidden_2: int = 32
    """Units of the second hidden layer."""
    dropout: float = 0.1
    """Share of hidden activations dropped in training."""


@dataclass(frozen=True)
class EngagementTrainerConfig(JsonConfig):
    """How the network is fitted."""

    max_epochs: int = 100
    """Passes over the training rows at most."""
    batch_rows: int = 64
    """Rows per optimiser step."""
    learning_rate: float = 0.002
    """AdamW learning rate."""
    weight_decay: float = 0.001
    """Decoupled weight decay."""
    patience: int = 12
    """Stop after this many epochs without a lower validation log-loss."""
    max_steps: int = 20_000
    """Optimiser steps at most; bounds the time on big tables."""
    checkpoint_seconds: float = 30.0
    """A kill loses at most this much work (checkpoints are written between epochs)."""
    num_threads: int = 1
    """CPU threads; more do not help a network this small."""
    seed: int = 0
    """Start of every random stream."""


@dataclass(frozen=True)
class EngagementConfig(JsonConfig):
    """One engagement training run."""

    logistic_penalties: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)
    """Candidate ridge penalties of the logistic regression; validation chooses."""
    network: EngagementDnnConfig = field(default_factory=EngagementDnnConfig)
    """The network."""
    trainer: EngagementTrainerConfig = field(default_factory=EngagementTrainerConfig)
    """How it is fitted."""

    @classmethod
    def preset(cls, name: str) -> EngagementConfig:
        """ "quick", "standard" or "debug" (tests)."""
        if name not in PRESETS:
            raise ConfigInvalid(
                "Unknown preset %(preset)s; known: %(known)s.", preset=name, known=", ".join(sorted(PRESETS))
            )
        return PRESETS[name]


PRESETS = {
    "quick": EngagementConfig(trainer=EngagementTrainerConfig(max_epochs=40, batch_rows=128, patience=6)),
    "standard": EngagementConfig(),
    "debug": EngagementConfig(trainer=EngagementTrainerConfig(max_epochs=3, checkpoint_seconds=0.0)),
}
