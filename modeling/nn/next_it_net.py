"""Dilated causal convolutions that predict a user's next item: NextItNet (Yuan et al. 2019), pre-norm.

Shapes in names: B users (or windows), T events, D width, K events of a kernel.
Block b has two convolutions with dilations 4^b and 2 * 4^b, so two blocks with K = 3 read 31 events, three 127.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from modeling.nn.next_item import EventBatch, NextItemNet, initialise
from modeling.sequence_configs import NextItNetConfig


class CausalConvolution(nn.Module):
    """Reads an event and the K - 1 before it that lie `dilation` apart; nothing is there before the first."""

    def __init__(self, config: NextItNetConfig, dilation: int) -> None:
        super().__init__()
        self.reach = (config.kernel_events - 1) * dilation
        self.conv = nn.Conv1d(config.width, config.width, config.kernel_events, dilation=dilation)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """convolved_BTD."""
        padded_BDT = functional.pad(x_BTD.transpose(1, 2), (self.reach, 0))
        convolved: Tensor = self.conv(padded_BDT).transpose(1, 2)
        return convolved


class ResidualBlock(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x))))))."""

    def __init__(self, config: NextItNetConfig, dilation: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(config.width)
        self.first = CausalConvolution(config, dilation)
        self.second_norm = nn.LayerNorm(config.width)
        self.second = CausalConvolution(config, 2 * dilation)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Next residual stream."""
        inner_BTD = self.first(functional.relu(self.first_norm(x_BTD)))
        outer_BTD = self.second(functional.relu(self.second_norm(inner_BTD)))
        return x_BTD + self.dropout(outer_BTD)


class NextItNet(NextItemNet):
    """Residual blocks with growing dilation."""

    def __init__(self, config: NextItNetConfig, num_items: int, num_actions: int) -> None:
        super().__init__(config, num_items, num_actions)
        self.blocks = nn.ModuleList(ResidualBlock(config, 4**block) for block in range(config.num_blocks))
        self.apply(initialise)

    def body(self, x_BTD: Tensor, events: EventBatch) -> Tensor:
        """hidden_BTD."""
        x_BTD = self.dropout(x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD)
        return x_BTD
