"""TARNet and DragonNet: one trunk, an outcome head for each arm, and for DragonNet a head for the propensity.

Shalit, Johansson and Sontag 2017 (TARNet); Shi, Blei and Veitch 2019 (DragonNet, whose propensity head keeps in the
trunk what tells treated from control). Shapes: R people, F features, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class DragonNetConfig:
    """A small net for tables of some ten thousand people."""

    width: int = 64
    """Width D of the trunk; heads are half as wide."""
    dropout: float = 0.1
    """Share of trunk units dropped while training."""
    has_propensity_head: bool = True
    """True for DragonNet, False for TARNet."""
    propensity_weight: float = 0.1
    """Weight of the propensity head's loss."""
    learning_rate: float = 2e-3
    """Adam's step, decayed to 0 along a half cosine."""
    weight_decay: float = 1e-2
    """Decoupled L2 shrinkage."""
    batch_rows: int = 512
    """People per step."""
    max_epochs: int = 30
    """Passes over the people; the best on held-out people is kept."""
    patience_epochs: int = 5
    """Stop after this many epochs without a better held-out loss."""


class DragonNet(nn.Module):
    """Outcome logits under control and under treatment, and a propensity logit."""

    def __init__(self, config: DragonNetConfig, num_features: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.trunk = nn.Sequential(
            nn.Linear(num_features, width), nn.ELU(), nn.Dropout(config.dropout), nn.Linear(width, width), nn.ELU()
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width // 2), nn.ELU(), nn.Linear(width // 2, 1)) for _ in range(2)
        )
        self.propensity = nn.Linear(width, 1) if config.has_propensity_head else None

    def forward(self, features_RF: Tensor) -> tuple[Tensor, Tensor | None]:
        """Outcome logits [R, 2] (control, treated) and propensity logits [R] (None for TARNet)."""
        hidden_RD = self.trunk(features_RF)
        logits_R2 = torch.cat([head(hidden_RD) for head in self.heads], dim=1)
        return logits_R2, None if self.propensity is None else self.propensity(hidden_RD)[:, 0]

    def loss(self, features_RF: Tensor, treated_R: Tensor, outcome_R: Tensor) -> Tensor:
        """Mean log loss of the factual outcome, plus the weighted log loss of the propensity head."""
        logits_R2, propensity_R = self(features_RF)
        factual_R = logits_R2.gather(1, treated_R.long()[:, None])[:, 0]
        loss = functional.binary_cross_entropy_with_logits(factual_R, outcome_R)
        if propensity_R is None:
            return loss
        extra = functional.binary_cross_entropy_with_logits(propensity_R, treated_R)
        return loss + self.config.propensity_weight * extra
