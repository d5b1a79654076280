"""What a next-item network is asked to get right at a step: the next item, and what is done with it.

Stage: training. Pure torch.
Shapes: B windows, T events (R = B * T rows), D width, N items, W items that can be a target.
"""

from __future__ import annotations

from modeling import training_runtime  # first: it sets how torch waits

# isort: split
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modeling.histories import BoolArray
from modeling.losses import PADDING, draw_negatives, fused_cross_entropy, sampled_cross_entropy
from modeling.nn.next_item import NextItemNet
from modeling.pipeline_config import TrainerConfig
from modeling.windows import Batch


class NextItemLoss:
    """Cross-entropy over the catalogue, full or sampled, plus the weighted cross-entropy of the action.

    For a network that knows content, items without training events are no wrong answers: they were not there to be
    chosen, and pushing them down would teach the tower that new means unwanted.
    """

    def __init__(self, net: NextItemNet, is_warm_N: BoolArray, config: TrainerConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.matmul_dtype = training_runtime.fast_matmul_dtype(device)
        is_all = net.content is None or bool(is_warm_N.all())
        self.choices_W = None if is_all else torch.from_numpy(np.flatnonzero(is_warm_N)).to(device)
        self.ranks_N = torch.from_numpy(np.maximum(np.cumsum(is_warm_N) - 1, 0)).to(device)

    def __call__(self, net: NextItemNet, vectors_RD: Tensor, items_ND: Tensor, batch: Batch) -> Tensor:
        """Mean loss of the batch, in nats."""
        targets_R, actions_R, weights_R = (
            torch.from_numpy(array).to(self.device).flatten()
            for array in (batch.targets_BT, batch.target_actions_BT, batch.weights_BT)
        )
        loss = self._item_loss(vectors_RD, items_ND, targets_R, weights_R)
        if net.action_head is None:
            return loss
        keep_R = (targets_R != PADDING) & (weights_R > 0)
        logits = net.action_logits(vectors_RD[keep_R], functional.embedding(targets_R[keep_R], items_ND))
        return loss + net.config.action_weight * functional.cross_entropy(
            logits, actions_R[keep_R], reduction="sum"
        ) / (keep_R.sum().clamp_min(1))

    def _item_loss(self, vectors_RD: Tensor, items_ND: Tensor, targets_R: Tensor, weights_R: Tensor) -> Tensor:
        if self.choices_W is not None:
            items_ND = functional.embedding(self.choices_W, items_ND)
            targets_R = torch.where(targets_R == PADDING, PADDING, self.ranks_N[targets_R.clamp_min(0)])
        if not self.config.is_sampled(len(items_ND)):
            return fused_cross_entropy(vectors_RD, items_ND, targets_R, weights_R, matmul_dtype=self.matmul_dtype)
        negatives = draw_negatives(targets_R[targets_R != PADDING], len(items_ND), self.config.num_negatives)
        return sampled_cross_entropy(vectors_RD, items_ND, targets_R, weights_R, *negatives)
