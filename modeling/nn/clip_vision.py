"""The vision tower of (Chinese-)CLIP, which takes published weights by their own names. Pure torch.

Radford et al. 2021: a pre-norm vision Transformer over patches, as in Hugging Face's CLIPVisionModel.
Shapes: B pictures, S side, P patches and the class token, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class ClipVisionConfig:
    """Fields of the published config.json that matter."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int = 224
    patch_size: int = 32
    layer_norm_eps: float = 1e-5
    projection_dim: int = 512


class _Layer(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, self.num_heads = config.hidden_size, config.num_attention_heads
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.self_attn = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.layer_norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.layer_norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        inner = config.intermediate_size
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})

    def forward(self, x_BPD: Tensor) -> Tensor:
        num, length, width = x_BPD.shape
        normed = self.layer_norm1(x_BPD)
        q, k, v = (
            self.self_attn[name](normed).view(num, length, self.num_heads, -1).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(num, length, width)
        x_BPD = x_BPD + self.self_attn["out_proj"](mixed)
        inner = self.mlp["fc1"](self.layer_norm2(x_BPD))
        next_BPD: Tensor = x_BPD + self.mlp["fc2"](inner * torch.sigmoid(1.702 * inner))  # quick GELU
        return next_BPD


class ClipVision(nn.Module):
    """Normalised pixels (B x 3 x S x S) in, one projected vector per picture out."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        num_places = (config.image_size // patch) ** 2 + 1
        self.vision_model = nn.ModuleDict(
            {
                "embeddings": nn.ModuleDict(
                    {
                        "patch_embedding": nn.Conv2d(3, width, patch, stride=patch, bias=False),
                        "position_embedding": nn.Embedding(num_places, width),
                    }
                ),
                "pre_layrnorm": nn.LayerNorm(width, eps=config.layer_norm_eps),
                "encoder": nn.ModuleDict(
                    {"layers": nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))}
                ),
                "post_layernorm": nn.LayerNorm(width, eps=config.layer_norm_eps),
            }
        )
        self.vision_model["embeddings"].register_parameter("class_embedding", nn.Parameter(torch.zeros(width)))
        self.visual_projection = nn.Linear(width, config.projection_dim, bias=False)

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        """vectors_BD."""
        model: Any = self.vision_model
        embeddings = model["embeddings"]
        patches_BPD = embeddings["patch_embedding"](pixels_BCSS).flatten(2).transpose(1, 2)
        first_B1D = embeddings.class_embedding.expand(len(patches_BPD), 1, -1)
        x_BPD = torch.cat([first_B1D, patches_BPD], dim=1) + embeddings["position_embedding"].weight
        x_BPD = model["pre_layrnorm"](x_BPD)
        for layer in model["encoder"]["layers"]:
            x_BPD = layer(x_BPD)
        vectors_BD: Tensor = self.visual_projection(model["post_layernorm"](x_BPD[:, 0]))
        return vectors_BD
