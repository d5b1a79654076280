"""A convolutional network over a contact's acts, joined with the behaviour counts.

Kim 2014 (convolutions and pooling over a sequence) with the dilated residual layers of Yuan et al. 2019.
Shapes in names: R rows, T acts, D width, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.engagement_config import EngagementNets
from modeling.nn.engagement_inputs import EventEmbedding, Hidden, RowInputs, is_act

DILATIONS = (1, 2)


class EventCnn(nn.Module):
    """Two residual convolutions of three acts, the second twice as far apart; then mean and maximum over acts."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        width = config.events.width
        self.embedding = EventEmbedding(width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.hidden = Hidden(config.network, 2 * width + num_features)
        self.output = nn.Linear(config.network.hidden_2, 1)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        mask_RT1 = is_act(inputs.lengths_R, inputs.codes_RTC.shape[1])
        x_RTD = self.embedding(inputs.codes_RTC, inputs.lengths_R)
        for convolution in self.convolutions:
            moved_RTD = convolution(x_RTD.transpose(1, 2)).transpose(1, 2)
            x_RTD = x_RTD + functional.relu(moved_RTD) * mask_RT1
        mean_RD = x_RTD.sum(dim=1) / mask_RT1.sum(dim=1).clamp(min=1)
        highest_RD = x_RTD.masked_fill(mask_RT1 == 0, -1e9).amax(dim=1) * (inputs.lengths_R > 0)[:, None]
        seen = torch.cat([mean_RD, highest_RD, inputs.dense_RF], dim=1)
        logits_R: Tensor = self.output(self.hidden(seen)).squeeze(-1)
        return logits_R
