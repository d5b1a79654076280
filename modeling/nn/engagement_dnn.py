"""The classic of the field: a 64-32-1 network on standardised behaviour features.

Shapes in names: R rows, F features.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from modeling.engagement_config import EngagementNets
from modeling.nn.engagement_inputs import RowInputs


class EngagementDnn(nn.Module):
    """Features in, one logit out."""

    def __init__(self, config: EngagementNets, num_features: int) -> None:
        super().__init__()
        shape = config.network
        self.hidden_1 = nn.Linear(num_features, shape.hidden_1)
        self.hidden_2 = nn.Linear(shape.hidden_1, shape.hidden_2)
        self.output = nn.Linear(shape.hidden_2, 1)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, inputs: RowInputs) -> Tensor:
        """logits_R."""
        x = self.dropout(functional.relu(self.hidden_1(inputs.dense_RF)))
        x = self.dropout(functional.relu(self.hidden_2(x)))
        logits_R: Tensor = self.output(x).squeeze(-1)
        return logits_R
