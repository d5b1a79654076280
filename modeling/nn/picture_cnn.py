"""A small convolutional network of pictures. Pure torch.

Four blocks of convolution, group norm and pooling; group norm, because batches of some dozen pictures make poor
statistics. Shapes: B pictures, S side in pixels, D width of a picture's vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.configs import JsonConfig


@dataclass(frozen=True)
class PictureCnnConfig(JsonConfig):
    """Small enough for some hundred pictures."""

    channels: tuple[int, ...] = (16, 32, 64, 64)
    """Filters of each block; every block halves the side."""
    width: int = 64
    """Width D of a picture's vector."""
    dropout: float = 0.2
    """Share of activations dropped while training."""


class PictureCnn(nn.Module):
    """Pixels (uint8, B x S x S x 3) in, one vector per picture out."""

    def __init__(self, config: PictureCnnConfig) -> None:
        super().__init__()
        self.width = config.width
        sizes = [3, *config.channels]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(4, after), nn.ReLU(), nn.MaxPool2d(2))
            for before, after in pairwise(sizes)
        )
        self.out = nn.Linear(config.channels[-1], config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, pixels_BSSC: Tensor) -> Tensor:
        """vectors_BD; while training half of the pictures are seen mirrored."""
        x = pixels_BSSC.permute(0, 3, 1, 2).float() / 127.5 - 1
        if self.training:
            is_mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
            x = torch.where(is_mirrored, x.flip(3), x)
        for block in self.blocks:
            x = block(x)
        vectors_BD: Tensor = functional.relu(self.out(self.dropout(x.mean(dim=(2, 3)))))
        return vectors_BD
