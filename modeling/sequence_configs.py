"""Shapes of the next-item networks, for the torch networks, their NumPy twins and pages alike; imports neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid


@dataclass(frozen=True)
class SequenceConfig(JsonConfig):
    """What every network over one user's events has in common."""

    width: int = 64
    """D: size of item vectors and of the hidden state."""
    num_blocks: int = 2
    """Layers."""
    max_events: int = 200
    """Newest events of a history that are read."""
    dropout: float = 0.1
    """Share of activations dropped in training."""
    week_parts: int = 0
    """Read in which of so many equal parts of the week each event fell: 0 = not read, 7 = days, 168 = hours (UTC)."""
    has_content: bool = True
    """Read what is known of items (kind, category, author, tags, price, vectors), so that new ones can be ranked."""
    id_dropout: float = 0.1
    """Share of items whose own vector is hidden at a step, so that their content must speak; needs content."""
    action_weight: float = 0.1
    """Weight of predicting what the follower does with the next item, beside which item it is."""
    family: ClassVar[str]
    """Name of the family in registries, runs and files."""


@dataclass(frozen=True)
class TransformerConfig(SequenceConfig):
    """A causal pre-norm Transformer over one user's events."""

    num_heads: int = 2
    """Attention heads; divides the width."""
    hidden_factor: int = 2
    """Feed-forward width as a multiple of D."""
    family = "transformer"

    def __post_init__(self) -> None:
        require_heads(self.width, self.num_heads)

    @classmethod
    def debug(cls) -> TransformerConfig:
        """Small enough for a unit test."""
        return cls(width=8, num_heads=2, max_events=8)


@dataclass(frozen=True)
class GruConfig(SequenceConfig):
    """Gated recurrent units, event by event (GRU4Rec with the loss over the whole catalogue)."""

    num_blocks: int = 1
    """Recurrent layers."""
    family = "gru"

    @classmethod
    def debug(cls) -> GruConfig:
        """Small enough for a unit test."""
        return cls(width=8, num_blocks=2, max_events=8)


@dataclass(frozen=True)
class NextItNetConfig(SequenceConfig):
    """Dilated causal convolutions: block b looks back kernel * 4^b events, twice."""

    kernel_events: int = 3
    """Events that one convolution reads."""
    family = "next_it_net"

    @classmethod
    def debug(cls) -> NextItNetConfig:
        """Small enough for a unit test."""
        return cls(width=8, num_blocks=2, max_events=8)


@dataclass(frozen=True)
class HstuConfig(SequenceConfig):
    """Gated generative units: pointwise attention with a bias for distance in events and in time."""

    num_heads: int = 2
    """Attention heads; divides the width."""
    family = "hstu"

    def __post_init__(self) -> None:
        require_heads(self.width, self.num_heads)

    @classmethod
    def debug(cls) -> HstuConfig:
        """Small enough for a unit test."""
        return cls(width=8, num_heads=2, max_events=8)


CONFIGS: Mapping[str, type[SequenceConfig]] = {
    config.family: config for config in (TransformerConfig, GruConfig, NextItNetConfig, HstuConfig)
}
"""Family -> its configuration, in the order in which a run trains them."""
FAMILIES = tuple(CONFIGS)


def require_heads(width: int, num_heads: int) -> None:
    """Raises ConfigInvalid unless the heads divide the width."""
    if width % num_heads:
        raise ConfigInvalid("The width must be a multiple of the number of heads.")
