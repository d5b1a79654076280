"""What the engagement nets share: their inputs, the embeddings of buckets and acts, and the hidden layers.

Shapes in names: R rows, F features, C code columns, T acts, D width, H hidden units.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.engagement_config import EngagementDnnConfig
from modeling.engagement_events import CODE_SIZES
from modeling.engagement_features import NUM_BUCKETS, NetInputs


class RowInputs(NamedTuple):
    """Some rows as tensors; nets without a sequence part never look at the last two."""

    dense_RF: Tensor
    buckets_RF: Tensor
    codes_RTC: Tensor
    lengths_R: Tensor

    @classmethod
    def of(cls, inputs: NetInputs) -> RowInputs:
        """From arrays."""
        num_rows = len(inputs.dense_RF)
        codes_RTC = torch.zeros((num_rows, 1, len(CODE_SIZES)), dtype=torch.long)
        lengths_R = torch.zeros(num_rows, dtype=torch.long)
        if inputs.codes_RTC is not None and inputs.lengths_R is not None:
            codes_RTC, lengths_R = torch.from_numpy(inputs.codes_RTC), torch.from_numpy(inputs.lengths_R)
        return cls(torch.from_numpy(inputs.dense_RF), torch.from_numpy(inputs.buckets_RF), codes_RTC, lengths_R)

    def take(self, rows: Tensor) -> RowInputs:
        """Some of the rows; acts are cut to the longest sequence among them."""
        lengths_R = self.lengths_R[rows]
        longest = max(int(lengths_R.max()), 1)
        return RowInputs(self.dense_RF[rows], self.buckets_RF[rows], self.codes_RTC[rows, :longest], lengths_R)


class Hidden(nn.Module):
    """ReLU layers with dropout: hidden_1 and hidden_2 units."""

    def __init__(self, config: EngagementDnnConfig, num_inputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(*sizes) for sizes in pairwise((num_inputs, config.hidden_1, config.hidden_2))
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_RH: Tensor) -> Tensor:
        """hidden_RH."""
        for layer in self.layers:
            x_RH = self.dropout(functional.relu(layer(x_RH)))
        return x_RH


class BucketEmbedding(nn.Module):
    """One vector per feature and bucket."""

    def __init__(self, num_features: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(num_features * NUM_BUCKETS, width)
        nn.init.normal_(self.table.weight, std=0.05)
        self.register_buffer("starts_F", torch.arange(num_features) * NUM_BUCKETS, persistent=False)
        self.starts_F: Tensor

    def forward(self, buckets_RF: Tensor) -> Tensor:
        """vectors_RFD."""
        vectors_RFD: Tensor = self.table(buckets_RF + self.starts_F)
        return vectors_RFD


class EventEmbedding(nn.Module):
    """An act as the sum of the vectors of its codes; places beyond a row's length are 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in CODE_SIZES.values())
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)  # type: ignore[arg-type]  # every module here is an Embedding

    def forward(self, codes_RTC: Tensor, lengths_R: Tensor) -> Tensor:
        """acts_RTD."""
        acts_RTD = torch.stack([table(codes_RTC[..., place]) for place, table in enumerate(self.tables)]).sum(dim=0)
        return acts_RTD * is_act(lengths_R, codes_RTC.shape[1])


def is_act(lengths_R: Tensor, num_places: int) -> Tensor:
    """mask_RT1: 1 for acts, 0 for padding."""
    places_T = torch.arange(num_places, device=lengths_R.device)
    return (places_T[None, :] < lengths_R[:, None])[..., None].float()
