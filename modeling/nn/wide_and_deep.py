"""Wide & Deep (Cheng et al. 2016): weights of bucket pairs that remember, beside hidden layers that generalise.

Shapes in names: R rows, F features, P pairs of features, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modeling.engagement_config import EngagementNets
from modeling.engagement_features import NUM_BUCKETS
from modeling.nn.engagement_inputs import BucketEmbedding, Hidden, RowInputs

COARSE = 4
"""Fine buckets that make a coarse one for the crosses."""
NUM_CROSSES = 8192
"""Weights of crossed pairs; beyond so many cells pairs share them."""


class WideAndDeep(nn.Module):
    """Logit = wide part (numbers, buckets, crossed pairs of buckets) + deep part (hidden layers on embeddings)."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        width = config.fields.embedding_width
        self.linear = nn.Linear(num_features, 1)
        self.wide = BucketEmbedding(num_features, 1)
        self.crosses = nn.Embedding(NUM_CROSSES, 1)
        self.embedding = BucketEmbedding(num_features, width)
        self.hidden = Hidden(config.network, num_features * (width + 1))
        self.output = nn.Linear(config.network.hidden_2, 1)
        for table in (self.wide.table, self.crosses):
            nn.init.zeros_(table.weight)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        wide_R1 = self.linear(inputs.dense_RF) + self.wide(inputs.buckets_RF).sum(dim=1)
        wide_R1 = wide_R1 + self.crosses(cross_cells(inputs.buckets_RF)).sum(dim=1)
        vectors_RFD = self.embedding(inputs.buckets_RF)
        deep_R1 = self.output(self.hidden(torch.cat([inputs.dense_RF, vectors_RFD.flatten(1)], dim=1)))
        logits_R: Tensor = (wide_R1 + deep_R1).squeeze(-1)
        return logits_R


def cross_cells(buckets_RF: Tensor) -> Tensor:
    """cells_RP: which cross weight each pair of features hits."""
    num_coarse = NUM_BUCKETS // COARSE
    coarse_RF = buckets_RF // COARSE
    first_P, second_P = torch.triu_indices(buckets_RF.shape[1], buckets_RF.shape[1], offset=1)
    cells_RP = coarse_RF[:, first_P] * num_coarse + coarse_RF[:, second_P]
    return (cells_RP + torch.arange(len(first_P)) * num_coarse**2) % NUM_CROSSES
