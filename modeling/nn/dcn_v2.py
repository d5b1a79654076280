"""DCN-v2 (Wang et al. 2021) with low-rank cross layers beside hidden layers.

Shapes in names: R rows, F features, X width of the input vector, K rank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modeling.engagement_config import EngagementNets
from modeling.nn.engagement_inputs import BucketEmbedding, Hidden, RowInputs


class CrossLayer(nn.Module):
    """x0 * (U (V x)) + x: one degree more of explicit feature products."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width)

    def forward(self, start_RX: Tensor, x_RX: Tensor) -> Tensor:
        """Next x_RX."""
        crossed_RX: Tensor = start_RX * self.up(self.down(x_RX)) + x_RX
        return crossed_RX


class DcnV2(nn.Module):
    """Logit of the crossed vector and the hidden layers, side by side."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        width = num_features * (config.fields.embedding_width + 1)
        self.embedding = BucketEmbedding(num_features, config.fields.embedding_width)
        self.crosses = nn.ModuleList(
            CrossLayer(width, min(config.fields.cross_rank, width)) for _ in range(config.fields.num_cross_layers)
        )
        self.hidden = Hidden(config.network, width)
        self.output = nn.Linear(width + config.network.hidden_2, 1)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        start_RX = torch.cat([inputs.dense_RF, self.embedding(inputs.buckets_RF).flatten(1)], dim=1)
        x_RX = start_RX
        for cross in self.crosses:
            x_RX = cross(start_RX, x_RX)
        logits_R: Tensor = self.output(torch.cat([x_RX, self.hidden(start_RX)], dim=1)).squeeze(-1)
        return logits_R
