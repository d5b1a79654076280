"""The fused loss equals the plain one, forward and backward."""

import pytest
import torch

from modeling import losses
from modeling.losses import fused_cross_entropy, plain_cross_entropy


def make_case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(37, 16, generator=generator).requires_grad_()
    table = torch.randn(101, 16, generator=generator).requires_grad_()
    targets = torch.randint(0, 101, (37,), generator=generator)
    weights = torch.rand(37, generator=generator)
    targets[[3, 20, 36]] = losses.PADDING
    weights[5] = 0.0
    return hidden, table, targets, weights


def gradients(loss: torch.Tensor, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss * 3.0, tensors)


@pytest.mark.parametrize("chunk", [1, 10, 1000])
def test_fused_equals_plain_forward_and_backward(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(losses, "CHUNK_TOKENS", chunk)
    hidden, table, targets, weights = make_case()
    plain, fused = (
        plain_cross_entropy(hidden, table, targets, weights),
        fused_cross_entropy(hidden, table, targets, weights),
    )
    torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-6)
    for ours, reference in zip(gradients(fused, hidden, table), gradients(plain, hidden, table), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-6)


def test_bfloat16_gradients_stay_within_two_percent() -> None:
    hidden, table, targets, weights = make_case()
    plain = gradients(plain_cross_entropy(hidden, table, targets, weights), hidden, table)
    fused = gradients(fused_cross_entropy(hidden, table, targets, weights, torch.bfloat16), hidden, table)
    for ours, reference in zip(fused, plain, strict=True):
        assert (ours - reference).norm() < 0.02 * reference.norm()


def test_padding_changes_nothing() -> None:
    hidden, table, targets, weights = make_case()
    keep = targets != losses.PADDING
    alone = fused_cross_entropy(hidden[keep], table, targets[keep], weights[keep])
    torch.testing.assert_close(fused_cross_entropy(hidden, table, targets, weights), alone)
    gradient = gradients(fused_cross_entropy(hidden, table, targets, weights), hidden)[0]
    assert gradient[~keep].abs().sum() == 0


def test_only_padding_gives_zero_loss_and_zero_gradient() -> None:
    hidden, table, targets, weights = make_case()
    loss = fused_cross_entropy(hidden, table, torch.full_like(targets, losses.PADDING), weights)
    assert loss.item() == 0.0
    assert gradients(loss, table)[0].abs().sum() == 0
