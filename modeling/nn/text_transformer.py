"""A small Transformer encoder of texts: every token looks at every other, the mean of them is the text. Pure torch.

Vaswani et al. 2017 with pre-norm blocks. Shapes: B texts, T tokens, D width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modeling.configs import JsonConfig
from modeling.nn.text_cnn import trim


@dataclass(frozen=True)
class TextTransformerConfig(JsonConfig):
    """Small enough for some hundred texts."""

    width: int = 64
    """Width D of tokens and of a text's vector."""
    num_blocks: int = 2
    """Blocks of attention and feed-forward."""
    num_heads: int = 4
    """Heads of attention; must divide the width."""
    max_tokens: int = 128
    """Longest text T."""
    dropout: float = 0.2
    """Share of activations dropped while training."""


class TextTransformer(nn.Module):
    """Token ids in, one vector per text out."""

    def __init__(self, config: TextTransformerConfig, num_ids: int) -> None:
        super().__init__()
        self.width = config.width
        self.tokens = nn.Embedding(num_ids, config.width, padding_idx=0)
        self.places = nn.Embedding(config.max_tokens, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, config.num_heads, 2 * config.width, config.dropout, batch_first=True, norm_first=True
            )
            for _ in range(config.num_blocks)
        )
        self.final_norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.tokens.weight, std=0.1)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """vectors_BD; a text without tokens is the vector of nothing."""
        tokens_BT = trim(tokens_BT)
        is_padding_BT = tokens_BT == 0
        is_padding_BT = is_padding_BT & (torch.arange(tokens_BT.shape[1], device=tokens_BT.device) > 0)
        x_BTD = self.tokens(tokens_BT) + self.places.weight[: tokens_BT.shape[1]]
        x_BTD = self.dropout(x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD, src_key_padding_mask=is_padding_BT)
        is_token_BT1 = (~is_padding_BT).unsqueeze(2)
        mean_BD = (x_BTD * is_token_BT1).sum(dim=1) / is_token_BT1.sum(dim=1)
        vectors_BD: Tensor = self.final_norm(mean_BD)
        return vectors_BD
