"""The fused loss equals the plain one, forward and backward; the sampled one agrees with it on average."""

import pytest
import torch

from modeling import losses
from modeling.errors import ConfigInvalid
from modeling.losses import draw_negatives, fused_cross_entropy, plain_cross_entropy, sampled_cross_entropy
from modeling.pipeline_config import TrainerConfig


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


def test_sampled_loss_is_the_full_one_where_every_item_is_drawn_once() -> None:
    hidden, table, targets, weights = make_case()
    plain = plain_cross_entropy(hidden, table, targets, weights)
    everything = sampled_cross_entropy(hidden, table, targets, weights, torch.arange(101), torch.zeros(101))
    torch.testing.assert_close(everything, plain, rtol=1e-5, atol=1e-6)
    for ours, reference in zip(gradients(everything, hidden, table), gradients(plain, hidden, table), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-6)


def test_sampled_gradients_agree_with_the_full_ones_on_average() -> None:
    hidden, table, targets, weights = make_case()
    hidden = (hidden / 4).detach().requires_grad_()  # scores as spread as those of a network
    plain = plain_cross_entropy(hidden, table, targets, weights)
    reference = torch.cat([one.flatten() for one in gradients(plain, hidden, table)])
    torch.manual_seed(0)
    total = torch.zeros_like(reference)
    for _draw in range(200):
        negatives = draw_negatives(targets[targets != losses.PADDING], 101, 80)
        loss = sampled_cross_entropy(hidden, table, targets, weights, *negatives)
        total += torch.cat([one.flatten() for one in gradients(loss, hidden, table)])
    assert torch.cosine_similarity(total, reference, dim=0) > 0.99
    assert float(total.norm() / 200 / reference.norm()) == pytest.approx(1.0, abs=0.05)


def test_negatives_are_half_uniform_half_of_the_batch_with_their_expected_counts() -> None:
    torch.manual_seed(0)
    targets = torch.tensor([5, 5, 5, 9])
    negatives, log_counts = draw_negatives(targets, 100, 4000)
    assert set(negatives[2000:].tolist()) == {5, 9}
    assert set(log_counts[negatives == 5].exp().round().tolist()) == {20 + 1500}
    assert set(log_counts[negatives == 3].exp().round().tolist()) == {20}
    assert int((negatives == 5).sum()) == pytest.approx(1520, rel=0.05)


def test_the_catalogue_decides_which_loss_is_used() -> None:
    assert not TrainerConfig().is_sampled(50_000)
    assert TrainerConfig().is_sampled(50_001)
    assert not TrainerConfig(loss="full").is_sampled(10**6)
    assert TrainerConfig(loss="sampled").is_sampled(10)
    with pytest.raises(ConfigInvalid):
        TrainerConfig(loss="bce")
