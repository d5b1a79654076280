"""DeepFM (Guo et al. 2017): a factorisation machine and hidden layers on the same bucket vectors.

Shapes in names: R rows, F features (fields), D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modeling.engagement_config import EngagementNets
from modeling.nn.engagement_inputs import BucketEmbedding, Hidden, RowInputs


class DeepFm(nn.Module):
    """Logit = first order + all pairs of field vectors multiplied + hidden layers."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        width = config.fields.embedding_width
        self.linear = nn.Linear(num_features, 1)
        self.first = BucketEmbedding(num_features, 1)
        self.embedding = BucketEmbedding(num_features, width)
        self.hidden = Hidden(config.network, num_features * (width + 1))
        self.output = nn.Linear(config.network.hidden_2, 1)
        nn.init.zeros_(self.first.table.weight)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        vectors_RFD = self.embedding(inputs.buckets_RF)
        first_R1 = self.linear(inputs.dense_RF) + self.first(inputs.buckets_RF).sum(dim=1)
        # the sum over pairs f < g of <v_f, v_g> (Rendle 2010, lemma 3.1)
        pairs_R = 0.5 * (vectors_RFD.sum(dim=1).square() - vectors_RFD.square().sum(dim=1)).sum(dim=1)
        deep_R1 = self.output(self.hidden(torch.cat([inputs.dense_RF, vectors_RFD.flatten(1)], dim=1)))
        logits_R: Tensor = (first_R1 + deep_R1).squeeze(-1) + pairs_R
        return logits_R
