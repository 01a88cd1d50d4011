"""Dropout at less than half the cost drops what dropout drops."""

from __future__ import annotations

import pytest
import torch

from shelftalker.finetuning.dropout import cheapen_dropout


def cheap(p: float) -> torch.nn.Dropout:
    layer = torch.nn.Dropout(p)
    assert cheapen_dropout(torch.nn.Sequential(layer, torch.nn.Linear(2, 2))) == 1
    return layer


@pytest.mark.parametrize("p", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_drops_its_share_and_keeps_the_sum(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(401, 1003, dtype=dtype)
    y = cheap(p)(x)
    lost = (y == 0).float().mean().item()
    assert y.dtype == dtype and abs(lost - p) < 0.002
    assert torch.unique(y[y != 0]).tolist() == pytest.approx([1 / (1 - p)], rel=5e-3)
    # No pattern: neighbours, rows and columns are dropped apart from each other.
    gone = (y == 0).float()
    for other in (gone.roll(1, 0), gone.roll(1, 1), gone.roll(4, 1)):
        assert abs((gone * other).mean().item() - p * p) < 0.003
    assert (gone.mean(0) - p).abs().max().item() < 0.15


def test_the_gradient_goes_where_the_text_went() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 48, requires_grad=True)
    y = cheap(0.25)(x)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), y.detach())


def test_the_generators_state_decides() -> None:
    layer, x = cheap(0.1), torch.ones(50, 7)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = layer(x), layer(x)
    torch.set_rng_state(state)
    assert torch.equal(layer(x), first) and not torch.equal(first, second)


def test_nothing_is_dropped_in_evaluation() -> None:
    x = torch.randn(9, 9)
    assert torch.equal(cheap(0.5).eval()(x), x)


def test_layers_that_drop_nothing_or_everything_stay_as_they_are() -> None:
    assert cheapen_dropout(torch.nn.Sequential(torch.nn.Dropout(0.0), torch.nn.Dropout(1.0))) == 0
