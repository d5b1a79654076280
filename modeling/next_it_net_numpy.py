"""The convolutional network's body in NumPy, tied to modeling.nn.next_it_net by a test.

Stage: prediction. Reads a model version; writes nothing.
Shapes: B histories of equal length, T events, D width, K events of a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling.histories import FloatArray, Int64Array
from modeling.sequence_configs import NextItNetConfig
from modeling.sequence_numpy import SequenceRecommender


@dataclass(frozen=True)
class NextItNetRecommender(SequenceRecommender):
    """Dilated causal convolutions."""

    config: NextItNetConfig
    kind = "next_it_net"

    def body(self, x_BTD: FloatArray, times_BT: Int64Array) -> FloatArray:
        """users_BD."""
        for block in range(self.config.num_blocks):
            name = f"blocks.{block}"
            inner_BTD = np.maximum(self.norm(f"{name}.first_norm", x_BTD), 0)
            inner_BTD = self._convolve(f"{name}.first.conv", inner_BTD, 4**block)
            outer_BTD = np.maximum(self.norm(f"{name}.second_norm", inner_BTD), 0)
            x_BTD = x_BTD + self._convolve(f"{name}.second.conv", outer_BTD, 2 * 4**block)
        return x_BTD[:, -1]

    def _convolve(self, name: str, x_BTD: FloatArray, dilation: int) -> FloatArray:
        """convolved_BTD: the sum over the kernel's places of the events that lie so many steps back."""
        weight_DDK = self.weights[f"{name}.weight"]
        num_places = weight_DDK.shape[2]
        out_BTD = np.zeros_like(x_BTD) + self.weights[f"{name}.bias"]
        for place in range(num_places):
            lag = (num_places - 1 - place) * dilation
            if lag < x_BTD.shape[1]:
                out_BTD[:, lag:] += x_BTD[:, : x_BTD.shape[1] - lag] @ weight_DDK[:, :, place].T
        return out_BTD
