"""What every next-item network shares: how events are read, how items are scored. Pure torch, no site, no loop.

Shapes in names: B users (or windows), T events, D width, N items.
Inputs are item + action + log-bucketed time gap; one item table serves input and output (SASRec, Kang and McAuley
2018). Rows are padded on the right: every body is causal, so real events never see padding and no other mask is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from modeling.event_inputs import NUM_GAP_BUCKETS
from modeling.sequence_configs import SequenceConfig


class EventBatch(NamedTuple):
    """Right-padded events; positions count down to 0 at each row's newest event (and stay 0 in the padding)."""

    items_BT: Tensor
    actions_BT: Tensor
    gaps_BT: Tensor
    positions_BT: Tensor
    times_BT: Tensor


class NextItemNet(nn.Module):
    """Events in, one user vector per event out; score of item n = user vector . item vector n.

    A family adds its layers and `body`, and ends its constructor with `self.apply(initialise)`.
    """

    def __init__(self, config: SequenceConfig, num_items: int, num_actions: int) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(num_items, config.width)
        self.actions = nn.Embedding(num_actions + 1, config.width)
        self.gaps = nn.Embedding(NUM_GAP_BUCKETS, config.width)
        self.final_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, events: EventBatch) -> Tensor:
        """vectors_BTD: the user after each event."""
        vectors_BTD: Tensor = self.final_norm(self.body(self.read(events), events))
        return vectors_BTD

    def read(self, events: EventBatch) -> Tensor:
        """x_BTD: what the body gets to see of each event."""
        x_BTD = self.items(events.items_BT) * self.config.width**0.5
        summed_BTD: Tensor = x_BTD + self.actions(events.actions_BT) + self.gaps(events.gaps_BT)
        return summed_BTD

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD of the family's layers; row t depends on rows up to t only."""
        raise NotImplementedError

    def score_last(self, events: EventBatch, lengths_B: Tensor) -> Tensor:
        """scores_BN after each row's newest event."""
        vectors_BTD = self(events)
        vectors_BD = vectors_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
        return vectors_BD @ self.items.weight.T


def initialise(module: nn.Module) -> None:
    """Small truncated normal weights, no biases."""
    if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d):
        nn.init.trunc_normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
        nn.init.zeros_(module.bias)
