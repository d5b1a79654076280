"""Item vectors from what is known of items: the tower that lets a network rank items nobody has met (cold start).

Shapes in names: N items, D width.
vector = id vector * gate + tower(features, given vector). The gate is 0 for items without training events, whose id
vector was never taught, and in training now and then for any item (id dropout), so that the tower learns to stand
alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.histories import BoolArray
from modeling.item_content import ItemContent


class ContentTower(nn.Module):
    """content_ND: the mean of the features' vectors + a projection of the given vector, and a small network on both."""

    pairs: Tensor
    offsets: Tensor
    vectors: Tensor
    is_warm_N1: Tensor

    def __init__(self, content: ItemContent, width: int, id_dropout: float) -> None:
        super().__init__()
        self.id_dropout = id_dropout
        self.features = nn.Embedding(max(content.num_features, 1), width)
        self.given = nn.Linear(content.vectors_NV.shape[1], width, bias=False) if content.vectors_NV.size else None
        self.into = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        for name, array in (
            ("pairs", content.features_P),
            ("offsets", content.offsets_N),
            ("vectors", content.vectors_NV),
        ):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)
        self.register_buffer("is_warm_N1", torch.ones(len(content.offsets_N), 1), persistent=False)

    def warm(self, is_warm_N: BoolArray) -> None:
        """Say which items have training events."""
        warm_N1 = torch.from_numpy(is_warm_N.astype(np.float32))[:, None]
        self.is_warm_N1 = warm_N1.to(self.is_warm_N1.device)

    def forward(self, ids_ND: Tensor) -> Tensor:
        """vectors_ND of all items from their id vectors and their content."""
        gate_N1 = self.is_warm_N1
        if self.training:
            gate_N1 = gate_N1 * (torch.rand_like(gate_N1) >= self.id_dropout)
        content_ND = functional.embedding_bag(self.pairs, self.features.weight, self.offsets, mode="mean")
        if self.given is not None:
            content_ND = content_ND + self.given(self.vectors)
        return ids_ND * gate_N1 + content_ND + self.out(functional.relu(self.into(content_ND)))
