"""Gated recurrent units that predict a user's next item: GRU4Rec (Hidasi et al. 2016) with a tied item table.

Shapes in names: B users (or windows), T events, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from modeling.nn.next_item import EventBatch, NextItemNet, initialise
from modeling.sequence_configs import GruConfig


class NextItemGru(NextItemNet):
    """Recurrent layers, then a projection back to the space of the items."""

    def __init__(self, config: GruConfig, num_items: int, num_actions: int) -> None:
        super().__init__(config, num_items, num_actions)
        dropout = config.dropout if config.num_blocks > 1 else 0.0
        self.gru = nn.GRU(config.width, config.width, config.num_blocks, batch_first=True, dropout=dropout)
        self.out = nn.Linear(config.width, config.width)
        self.apply(initialise)

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD."""
        states_BTD, _last = self.gru(self.dropout(x_BTD))
        hidden_BTD: Tensor = self.out(self.dropout(states_BTD))
        return hidden_BTD
