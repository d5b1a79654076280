"""What every next-item network shares: how events are read, how items are scored. Pure torch, no site, no loop.

Shapes in names: B users (or windows), T events, D width, N items.
Inputs are item + action + log-bucketed time gap (+ part of the week); one item table serves input and output (SASRec,
Kang and McAuley 2018). Rows are padded on the right: every body is causal, so real events never see padding and no
other mask is needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from modeling.event_inputs import NUM_GAP_BUCKETS, SECONDS_PER_WEEK
from modeling.item_content import ItemContent
from modeling.nn.content import ContentTower
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
        self.content: ContentTower | None = None
        self.week = nn.Embedding(config.week_parts, config.width) if config.week_parts else None
        self.action_head = (
            nn.Linear(2 * config.width, num_actions) if num_actions > 1 and config.action_weight else None
        )
        self.items = nn.Embedding(num_items, config.width)
        self.actions = nn.Embedding(num_actions + 1, config.width)
        self.gaps = nn.Embedding(NUM_GAP_BUCKETS, config.width)
        self.final_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def add_content(self, content: ItemContent) -> None:
        """Let items be known by their content as well."""
        self.content = ContentTower(content, self.config.width, self.config.id_dropout)
        self.content.apply(initialise)

    def item_table(self) -> Tensor:
        """items_ND: the vectors that are read and scored; with content, drawn anew at every call while training."""
        ids_ND: Tensor = self.items.weight
        return ids_ND if self.content is None else self.content(ids_ND)

    def forward(self, events: EventBatch, items_ND: Tensor) -> Tensor:
        """vectors_BTD: the user after each event."""
        vectors_BTD: Tensor = self.final_norm(self.body(self.read(events, items_ND), events))
        return vectors_BTD

    def read(self, events: EventBatch, items_ND: Tensor) -> Tensor:
        """x_BTD: what the body gets to see of each event."""
        x_BTD = functional.embedding(events.items_BT, items_ND) * self.config.width**0.5
        summed_BTD: Tensor = x_BTD + self.actions(events.actions_BT) + self.gaps(events.gaps_BT)
        if self.week is not None:
            parts_BT = events.times_BT % SECONDS_PER_WEEK * self.config.week_parts // SECONDS_PER_WEEK
            summed_BTD = summed_BTD + self.week(parts_BT)
        return summed_BTD

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD of the family's layers; row t depends on rows up to t only."""
        raise NotImplementedError

    def action_logits(self, vectors_RD: Tensor, items_RD: Tensor) -> Tensor:
        """logits_RA of what each user does with an item, given that it is the next; only with an action head."""
        assert self.action_head is not None
        logits_RA: Tensor = self.action_head(torch.cat([vectors_RD, items_RD], dim=-1))
        return logits_RA

    def score_last(self, events: EventBatch, lengths_B: Tensor) -> Tensor:
        """scores_BN after each row's newest event."""
        items_ND = self.item_table()
        vectors_BTD = self(events, items_ND)
        vectors_BD = vectors_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
        return vectors_BD @ items_ND.T

    def serving_weights(self) -> dict[str, NDArray[Any]]:
        """What the NumPy twin needs: the item table as it scores, not the tower that made it. Ends training mode."""
        with torch.inference_mode():
            table_ND = self.eval().item_table().clone()
        weights = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("content.")}
        weights["items.weight"] = table_ND
        return {name: tensor.cpu().numpy().copy() for name, tensor in weights.items()}


def initialise(module: nn.Module) -> None:
    """Small truncated normal weights, no biases."""
    if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d):
        nn.init.trunc_normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
        nn.init.zeros_(module.bias)
