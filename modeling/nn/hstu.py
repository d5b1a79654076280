"""Gated generative units that predict a user's next item: HSTU (Zhai et al. 2024, arXiv 2402.17152).

Shapes in names: B users (or windows), T events (S of them looked at), D width, H heads, K width of a head.
Per block, with n = norm(x): gate, values, queries, keys = silu(linear(n)); every event takes the mean over itself and
older events s of silu(q . k_s + bias of the distance in events + bias of the log-bucketed distance in time) * values_s;
x + linear(norm(taken) * gate). No softmax, so how strongly the past speaks is kept, not only its shares.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.event_inputs import NUM_GAP_BUCKETS
from modeling.nn.next_item import EventBatch, NextItemNet, initialise
from modeling.sequence_configs import HstuConfig


class GatedUnit(nn.Module):
    """One block."""

    def __init__(self, config: HstuConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.norm = nn.LayerNorm(config.width)
        self.into = nn.Linear(config.width, 4 * config.width)
        self.mixed_norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.width)
        self.distances = nn.Embedding(config.max_events, config.num_heads)
        self.spans = nn.Embedding(NUM_GAP_BUCKETS, config.num_heads)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTD: Tensor, buckets_BTS: Tensor) -> Tensor:
        """Next residual stream; buckets of the time between each event and the one looked at."""
        num_rows, num_events, width = x_BTD.shape
        gate_BTD, values, queries, keys = functional.silu(self.into(self.norm(x_BTD))).chunk(4, dim=-1)
        v_BHTK, q_BHTK, k_BHTK = (
            part.view(num_rows, num_events, self.num_heads, -1).transpose(1, 2) for part in (values, queries, keys)
        )
        weights_BHTS = q_BHTK @ k_BHTK.transpose(-1, -2) * (width // self.num_heads) ** -0.5
        weights_BHTS = functional.silu(weights_BHTS + self._bias(num_events, buckets_BTS)).tril()
        counts_T1 = torch.arange(1, num_events + 1, device=x_BTD.device).unsqueeze(1)
        mixed_BTD = (weights_BHTS / counts_T1 @ v_BHTK).transpose(1, 2).reshape(num_rows, num_events, width)
        return x_BTD + self.dropout(self.out(self.mixed_norm(mixed_BTD) * gate_BTD))

    def _bias(self, num_events: int, buckets_BTS: Tensor) -> Tensor:
        """bias_BHTS of distance in events plus distance in time."""
        places_T = torch.arange(num_events, device=buckets_BTS.device)
        distances_TS = (places_T[:, None] - places_T).clamp_min(0)
        by_distance_HTS = self.distances(distances_TS).permute(2, 0, 1)
        by_time_BHTS = self.spans.weight.T[:, buckets_BTS].transpose(0, 1)
        return by_distance_HTS + by_time_BHTS


class NextItemHstu(NextItemNet):
    """Gated units over the events."""

    def __init__(self, config: HstuConfig, num_items: int, num_actions: int) -> None:
        super().__init__(config, num_items, num_actions)
        self.blocks = nn.ModuleList(GatedUnit(config) for _ in range(config.num_blocks))
        self.apply(initialise)

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD."""
        buckets_BTS = bucket_spans(events.times_BT)
        x_BTD = self.dropout(x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD, buckets_BTS)
        return x_BTD


def bucket_spans(times_BT: Tensor) -> Tensor:
    """buckets_BTS: floor(log2(seconds between event t and the older event s + 1)), capped; 0 where s is not older."""
    spans_BTS = (times_BT[:, :, None] - times_BT[:, None, :]).clamp_min(0)
    return (torch.frexp(spans_BTS.float() + 1).exponent.long() - 1).clamp_max(NUM_GAP_BUCKETS - 1)
