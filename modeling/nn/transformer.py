"""A causal Transformer that predicts a user's next item. Pure torch, no site, no training loop.

Shapes in names: B users (or windows), T events, D width, H heads, K width of a head, N items.
Body: SASRec (Kang and McAuley 2018) with pre-norm blocks; inputs are item + action + log-bucketed time gap + position
counted from the newest event; one item table serves input and output. Rows are padded on the right: the causal mask
keeps real events from seeing padding, so no other mask is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.transformer_config import NUM_GAP_BUCKETS, TransformerConfig


class EventBatch(NamedTuple):
    """Right-padded events; positions count down to 0 at each row's newest event (and stay 0 in the padding)."""

    items_BT: Tensor
    actions_BT: Tensor
    gaps_BT: Tensor
    positions_BT: Tensor


class CausalAttention(nn.Module):
    """Multi-head self-attention in which an event sees itself and older events."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """attended_BTD."""
        num_rows, num_events, width = x_BTD.shape
        heads = self.qkv(x_BTD).view(num_rows, num_events, 3, self.num_heads, width // self.num_heads)
        q_BHTK, k_BHTK, v_BHTK = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHTK = functional.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=True)
        attended: Tensor = self.out(mixed_BHTK.transpose(1, 2).reshape(num_rows, num_events, width))
        return attended


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        hidden = config.hidden_factor * config.width
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = CausalAttention(config)
        self.feed_norm = nn.LayerNorm(config.width)
        self.feed_in = nn.Linear(config.width, hidden)
        self.feed_out = nn.Linear(hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Next residual stream."""
        x_BTD = x_BTD + self.dropout(self.attention(self.attention_norm(x_BTD)))
        fed_BTD = self.feed_out(functional.relu(self.feed_in(self.feed_norm(x_BTD))))
        return x_BTD + self.dropout(fed_BTD)


class NextItemTransformer(nn.Module):
    """Events in, one user vector per event out; score of item n = user vector . item vector n."""

    def __init__(self, config: TransformerConfig, num_items: int, num_actions: int) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Embedding(num_items, config.width)
        self.actions = nn.Embedding(num_actions + 1, config.width)
        self.gaps = nn.Embedding(NUM_GAP_BUCKETS, config.width)
        self.positions = nn.Embedding(config.max_events, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_blocks))
        self.final_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.apply(_initialise)

    def forward(self, events: EventBatch) -> Tensor:
        """vectors_BTD: the user after each event."""
        x_BTD = self.items(events.items_BT) * self.config.width**0.5
        x_BTD = (
            x_BTD + self.actions(events.actions_BT) + self.gaps(events.gaps_BT) + self.positions(events.positions_BT)
        )
        x_BTD = self.dropout(x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD)
        vectors_BTD: Tensor = self.final_norm(x_BTD)
        return vectors_BTD

    def score_last(self, events: EventBatch, lengths_B: Tensor) -> Tensor:
        """scores_BN after each row's newest event."""
        vectors_BTD = self(events)
        vectors_BD = vectors_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
        return vectors_BD @ self.items.weight.T


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
