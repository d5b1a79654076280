"""The Transformer as a scorer of histories, on whatever device it lives.

Shapes in names: B histories, T events, N items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from modeling.histories import FloatArray, History, Int16Array
from modeling.nn.transformer import EventBatch, NextItemTransformer
from modeling.transformer_config import bucket_gaps, encode_actions
from modeling.windows import Batch


class NetScorer:
    """Scores as the NumPy twin does, with torch; used while training."""

    def __init__(self, net: NextItemTransformer, action_codes: Int16Array, device: torch.device) -> None:
        self.net, self.action_codes, self.device = net, action_codes, device

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN; puts the network into evaluation mode; no history may be empty."""
        net = self.net.eval()
        newest = [history.last(net.config.max_events) for history in histories]
        lengths_B = np.array([len(history) for history in newest])
        places_T = np.arange(lengths_B.max())
        rows_BT = (np.cumsum(lengths_B) - lengths_B)[:, None] + np.minimum(places_T, lengths_B[:, None] - 1)
        columns = (
            np.concatenate([history.items_T for history in newest]),
            np.concatenate([encode_actions(history.actions_T, self.action_codes) for history in newest]),
            np.concatenate([bucket_gaps(history.times_T) for history in newest]),
        )
        arrays = [column[rows_BT].astype(np.int64) for column in columns]
        arrays.append(np.maximum(lengths_B[:, None] - 1 - places_T, 0))
        events = EventBatch(*(torch.from_numpy(array).to(self.device) for array in arrays))
        with torch.inference_mode():
            scores_BN = net.score_last(events, torch.from_numpy(lengths_B).to(self.device))
        return scores_BN.float().cpu().numpy()


def to_events(batch: Batch, device: torch.device) -> EventBatch:
    """A training batch as tensors on a device."""
    arrays = (batch.items_BT, batch.actions_BT, batch.gaps_BT, batch.positions_BT)
    return EventBatch(*(torch.from_numpy(array).to(device) for array in arrays))
