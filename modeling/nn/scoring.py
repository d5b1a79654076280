"""A network as a scorer of histories, on whatever device it lives.

Shapes in names: B histories, T events, N items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from modeling.event_inputs import EventInputs
from modeling.histories import FloatArray, History, Int16Array
from modeling.nn.next_item import EventBatch, NextItemNet
from modeling.windows import Batch


class NetScorer:
    """Scores as the NumPy twin does, with torch; used while training."""

    def __init__(self, net: NextItemNet, action_codes: Int16Array, device: torch.device) -> None:
        self.net, self.action_codes, self.device = net, action_codes, device

    def scores_many(self, histories: Sequence[History]) -> FloatArray:
        """scores_BN; puts the network into evaluation mode; no history may be empty."""
        net = self.net.eval()
        newest = [history.last(net.config.max_events) for history in histories]
        lengths_B = np.array([len(history) for history in newest])
        places_T = np.arange(lengths_B.max())
        rows_BT = (np.cumsum(lengths_B) - lengths_B)[:, None] + np.minimum(places_T, lengths_B[:, None] - 1)
        inputs = [EventInputs.of(history, self.action_codes) for history in newest]
        columns = zip(*((one.items_T, one.actions_T, one.gaps_T, one.times_T) for one in inputs), strict=True)
        items, actions, gaps, times = (np.concatenate(column)[rows_BT].astype(np.int64) for column in columns)
        positions_BT = np.maximum(lengths_B[:, None] - 1 - places_T, 0)
        arrays = (items, actions, gaps, positions_BT, times)
        events = EventBatch(*(torch.from_numpy(array).to(self.device) for array in arrays))
        with torch.inference_mode():
            scores_BN = net.score_last(events, torch.from_numpy(lengths_B).to(self.device))
        return scores_BN.float().cpu().numpy()


def to_events(batch: Batch, device: torch.device) -> EventBatch:
    """A training batch as tensors on a device."""
    arrays = (batch.items_BT, batch.actions_BT, batch.gaps_BT, batch.positions_BT, batch.times_BT)
    return EventBatch(*(torch.from_numpy(array).to(device) for array in arrays))
