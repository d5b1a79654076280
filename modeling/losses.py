"""Next-item cross-entropy over the whole catalogue without keeping the logits, or over a sample of it.

Shapes: T tokens, D width, N items, C tokens per chunk, S sampled items. The plain version is the reference; the fused
one computes the gradients during the forward pass, chunk by chunk, so memory is C x N instead of T x N (Cut
Cross-Entropy, arXiv 2411.09009, in plain torch). A test ties the two together, forward and backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

PADDING = -1
CHUNK_TOKENS = 512
"""Every chunk has this size (the last is filled up with weight 0): a CPU kernel is compiled and kept per shape."""


def plain_cross_entropy(hidden_TD: Tensor, table_ND: Tensor, targets_T: Tensor, weights_T: Tensor) -> Tensor:
    """Weighted mean of -log softmax(hidden @ table^T)[target]; targets of -1 are padding and count nothing."""
    nll_T = functional.cross_entropy(hidden_TD @ table_ND.T, targets_T, ignore_index=PADDING, reduction="none")
    weights_T = weights_T * (targets_T != PADDING)
    return (nll_T * weights_T).sum() / weights_T.sum().clamp_min(1e-9)


def fused_cross_entropy(
    hidden_TD: Tensor, table_ND: Tensor, targets_T: Tensor, weights_T: Tensor, matmul_dtype: torch.dtype = torch.float32
) -> Tensor:
    """Same value and gradients as plain_cross_entropy; `matmul_dtype` bfloat16 is twice as fast, gradients .5 % off."""
    keep_T = (targets_T != PADDING) & (weights_T > 0)
    hidden_TD, targets_T, weights_T = hidden_TD[keep_T], targets_T[keep_T], weights_T[keep_T]
    shares_T = weights_T / weights_T.sum().clamp_min(1e-9)
    missing = -len(targets_T) % CHUNK_TOKENS
    hidden_TD = functional.pad(hidden_TD, (0, 0, 0, missing))
    targets_T, shares_T = functional.pad(targets_T, (0, missing)), functional.pad(shares_T, (0, missing))
    loss: Tensor = _FusedCrossEntropy.apply(hidden_TD, table_ND, targets_T, shares_T, matmul_dtype)
    return loss


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_TD: Tensor, table_ND: Tensor, targets_T: Tensor, shares_T: Tensor, matmul_dtype: torch.dtype
    ) -> Tensor:
        table = table_ND.detach().to(matmul_dtype)
        loss = hidden_TD.new_zeros((), dtype=torch.float32)
        hidden_grad = torch.empty_like(hidden_TD)
        table_grad = torch.zeros_like(table_ND)
        for start in range(0, len(hidden_TD), CHUNK_TOKENS):
            rows = slice(start, start + CHUNK_TOKENS)
            hidden = hidden_TD[rows].detach().to(matmul_dtype)
            targets_C1, shares_C1 = targets_T[rows, None], shares_T[rows, None]
            errors_CN = torch.softmax(hidden @ table.T, dim=1)
            likelihood_C1 = errors_CN.gather(1, targets_C1).float().clamp_min(1e-38)
            loss -= (likelihood_C1.log() * shares_C1).sum()
            errors_CN.scatter_(1, targets_C1, (likelihood_C1 - 1).to(matmul_dtype))
            hidden_grad[rows] = (errors_CN @ table) * shares_C1
            table_grad += errors_CN.T @ (hidden * shares_C1).to(matmul_dtype)
        ctx.save_for_backward(hidden_grad, table_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        hidden_grad, table_grad = ctx.saved_tensors
        return hidden_grad * grads[0], table_grad * grads[0], None, None, None


def draw_negatives(targets_T: Tensor, num_items: int, num_negatives: int) -> tuple[Tensor, Tensor]:
    """negatives_S shared by all tokens, half from all items alike, half from the batch's targets; and log_counts_S: the
    logarithm of how often each is expected among them."""
    num_uniform = num_negatives // 2
    uniform = torch.randint(num_items, (num_uniform,), device=targets_T.device)
    places = torch.randint(len(targets_T), (num_negatives - num_uniform,), device=targets_T.device)
    negatives_S = torch.cat([uniform, targets_T[places]])
    shares_N = torch.bincount(targets_T, minlength=num_items) / len(targets_T)
    counts_N = num_uniform / num_items + (num_negatives - num_uniform) * shares_N
    return negatives_S, counts_N[negatives_S].log()


def sampled_cross_entropy(
    hidden_TD: Tensor,
    table_ND: Tensor,
    targets_T: Tensor,
    weights_T: Tensor,
    negatives_S: Tensor,
    log_counts_S: Tensor,
) -> Tensor:
    """plain_cross_entropy with the sum over the catalogue estimated from negatives; cost does not grow with N.

    Each negative stands for 1 / expected count items (logQ correction), so the estimate of the sum is unbiased; one
    that is the token's own target counts nothing, and the target itself is always there, uncorrected
    ("Correcting the LogQ Correction", arXiv 2507.09331).
    """
    keep_T = (targets_T != PADDING) & (weights_T > 0)
    hidden_TD, targets_T, weights_T = hidden_TD[keep_T], targets_T[keep_T], weights_T[keep_T]
    logits_TS = hidden_TD @ functional.embedding(negatives_S, table_ND).T - log_counts_S
    logits_TS = logits_TS.masked_fill(negatives_S == targets_T[:, None], -torch.inf)
    hits_T1 = (hidden_TD * functional.embedding(targets_T, table_ND)).sum(-1, keepdim=True)
    nll_T = torch.logsumexp(torch.cat([hits_T1, logits_TS], dim=1), dim=1) - hits_T1[:, 0]
    return (nll_T * weights_T).sum() / weights_T.sum().clamp_min(1e-9)
