"""A causal Transformer that predicts a user's next item: SASRec (Kang and McAuley 2018) with pre-norm blocks.

Shapes in names: B users (or windows), T events, D width, H heads, K width of a head.
Positions are counted from the newest event.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from modeling.nn.next_item import EventBatch, NextItemNet, initialise
from modeling.sequence_configs import TransformerConfig


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


class NextItemTransformer(NextItemNet):
    """Attention blocks over the events with learnt positions."""

    def __init__(self, config: TransformerConfig, num_items: int, num_actions: int) -> None:
        super().__init__(config, num_items, num_actions)
        self.positions = nn.Embedding(config.max_events, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_blocks))
        self.apply(initialise)

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD."""
        x_BTD = self.dropout(x_BTD + self.positions(events.positions_BT))
        for block in self.blocks:
            x_BTD = block(x_BTD)
        return x_BTD
