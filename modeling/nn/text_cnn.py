"""TextCNN: what n-grams of tokens say, wherever they stand. Pure torch.

Kim 2014, "Convolutional neural networks for sentence classification". Shapes: B texts, T tokens, E width of a token,
D width of a text's vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.configs import JsonConfig


@dataclass(frozen=True)
class TextCnnConfig(JsonConfig):
    """Small enough for some hundred texts."""

    token_width: int = 64
    """Width E of a token."""
    num_filters: int = 64
    """Filters of each size."""
    filter_sizes: tuple[int, ...] = (1, 2, 3)
    """Tokens that a filter sees at once."""
    width: int = 64
    """Width D of a text's vector."""
    dropout: float = 0.3
    """Share of activations dropped while training."""


def trim(tokens_BT: Tensor) -> Tensor:
    """The batch without columns that are padding in every row; one column at least stays."""
    return tokens_BT[:, : max(1, int((tokens_BT > 0).sum(dim=1).max()))]


class TextCnn(nn.Module):
    """Token ids in, one vector per text out."""

    def __init__(self, config: TextCnnConfig, num_ids: int) -> None:
        super().__init__()
        self.width = config.width
        self.tokens = nn.Embedding(num_ids, config.token_width, padding_idx=0)
        self.filters = nn.ModuleList(
            nn.Conv1d(config.token_width, config.num_filters, size, padding=size - 1) for size in config.filter_sizes
        )
        num_inputs = config.num_filters * len(config.filter_sizes) + config.token_width
        self.out = nn.Linear(num_inputs, config.width)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.tokens.weight, std=0.1)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """vectors_BD: the strongest answer of each filter beside the mean of the tokens."""
        tokens_BT = trim(tokens_BT)
        embedded_BTE = self.dropout(self.tokens(tokens_BT))
        found = [functional.relu(filters(embedded_BTE.transpose(1, 2))).amax(dim=2) for filters in self.filters]
        num_tokens_B1 = (tokens_BT > 0).sum(dim=1, keepdim=True).clamp(min=1)
        is_token_BT1 = (tokens_BT > 0).unsqueeze(2)
        mean_BE = (embedded_BTE * is_token_BT1).sum(dim=1) / num_tokens_B1
        vectors_BD: Tensor = functional.relu(self.out(self.dropout(torch.cat([*found, mean_BE], dim=1))))
        return vectors_BD
