"""A recurrent network (GRU, Cho et al. 2014) over a contact's acts, joined with the behaviour counts.

Shapes in names: R rows, T acts, D width, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modeling.engagement_config import EngagementNets
from modeling.nn.engagement_inputs import EventEmbedding, Hidden, RowInputs


class EventRnn(nn.Module):
    """The state after the newest act (0 without acts), the counts, hidden layers, one logit."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        width = config.events.width
        self.embedding = EventEmbedding(width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.hidden = Hidden(config.network, width + num_features)
        self.output = nn.Linear(config.network.hidden_2, 1)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        states_RTD, _ = self.gru(self.embedding(inputs.codes_RTC, inputs.lengths_R))
        rows = torch.arange(len(states_RTD), device=states_RTD.device)
        newest_RD = states_RTD[rows, (inputs.lengths_R - 1).clamp(min=0)] * (inputs.lengths_R > 0)[:, None]
        logits_R: Tensor = self.output(self.hidden(torch.cat([newest_RD, inputs.dense_RF], dim=1))).squeeze(-1)
        return logits_R
