"""A BERT encoder that takes the weights of published models by their own names. Pure torch.

Devlin et al. 2019, post-norm, as in Hugging Face's BertModel; the text tower of Chinese-CLIP is the same network.
Shapes: B texts, T tokens, D width, H heads, K width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class BertConfig:
    """Fields of the published config.json that matter."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12


class _Embeddings(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        places_TD = self.position_embeddings.weight[: tokens_BT.shape[1]]
        embedded_BTD: Tensor = self.word_embeddings(tokens_BT) + places_TD + self.token_type_embeddings.weight[0]
        normed_BTD: Tensor = self.LayerNorm(embedded_BTD)
        return normed_BTD


class _Layer(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width, self.num_heads = config.hidden_size, config.num_attention_heads
        names = ("query", "key", "value")
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, width) for name in names}),
                "output": _output(width, width, config.layer_norm_eps),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, config.intermediate_size)})
        self.output = _output(config.intermediate_size, width, config.layer_norm_eps)

    def forward(self, x_BTD: Tensor, is_token_BT: Tensor) -> Tensor:
        num, length, width = x_BTD.shape
        heads: Any = self.attention["self"]
        q, k, v = (
            heads[name](x_BTD).view(num, length, self.num_heads, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=is_token_BT[:, None, None, :])
        mixed_BTD = mixed.transpose(1, 2).reshape(num, length, width)
        out: Any = self.attention["output"]
        x_BTD = out["LayerNorm"](x_BTD + out["dense"](mixed_BTD))
        fed_BTD = self.output["dense"](functional.gelu(self.intermediate["dense"](x_BTD)))
        next_BTD: Tensor = self.output["LayerNorm"](x_BTD + fed_BTD)
        return next_BTD


def _output(num_in: int, num_out: int, eps: float) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(num_in, num_out), "LayerNorm": nn.LayerNorm(num_out, eps=eps)})


class Bert(nn.Module):
    """Token ids (0 is padding) in, a vector per token out."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))})

    def forward(self, tokens_BT: Tensor, is_token_BT: Tensor) -> Tensor:
        """hidden_BTD of the last layer."""
        x_BTD = self.embeddings(tokens_BT)
        layers: Any = self.encoder["layer"]
        for layer in layers:
            x_BTD = layer(x_BTD, is_token_BT)
        hidden_BTD: Tensor = x_BTD
        return hidden_BTD


def mean_of_tokens(hidden_BTD: Tensor, is_token_BT: Tensor) -> Tensor:
    """pooled_BD, as sentence models do it."""
    weights_BT1 = is_token_BT.unsqueeze(2).to(hidden_BTD.dtype)
    return (hidden_BTD * weights_BT1).sum(dim=1) / torch.clamp(weights_BT1.sum(dim=1), min=1)
