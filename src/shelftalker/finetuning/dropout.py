"""Dropout on a CPU at a fraction of the cost: four random numbers out of one, and masks that are never kept."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor

_VALUES = 1 << 16
"""Different values of a mask's random numbers: the rate is kept to one part of these."""


def cheapen_dropout(model: Any) -> int:
    """Have every dropout layer of ``model`` draw its masks in portions of 64 bits, where it runs on a CPU.

    torch draws one number an element, one after the other, which is a sixth of a step on T5. The masks come from the
    same generator, so that a checkpoint's state of it goes on as before.

    Returns:
        How many layers were changed.
    """
    layers: list[Any] = [module for module in model.modules() if type(module) is torch.nn.Dropout and 0 < module.p < 1]
    for layer in layers:
        layer.forward = MethodType(_forward, layer)
    return len(layers)


def dropped(x: Tensor, p: float) -> Tensor:
    """``x`` as in training: an element is 0 with probability ``p``, else 1 / (1 - p) of itself."""
    if not 0 < p < 1 or x.device.type != "cpu" or not x.is_floating_point():
        return torch.nn.functional.dropout(x, p)
    found: Tensor = _Dropped.apply(x, p)  # type: ignore[no-untyped-call]
    return found


def _forward(layer: Any, x: Tensor) -> Tensor:
    return dropped(x, layer.p) if layer.training else x


class _Dropped(torch.autograd.Function):
    """Keeps two bytes an element for the backward pass: the random numbers, which are compared once more there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        ctx.lost = round(p * _VALUES)
        drawn = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
        drawn = drawn.view(torch.int16)[: x.numel()].view(x.shape)
        ctx.save_for_backward(drawn)
        return _masked(x, drawn, ctx.lost)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (drawn,) = ctx.saved_tensors
        return _masked(grads[0], drawn, ctx.lost), None


def _masked(x: Tensor, drawn: Tensor, lost: int) -> Tensor:
    """One pass makes the mask in ``x``'s own number format (a mask of bools is converted first), one applies it."""
    kept = torch.ge(drawn, lost - _VALUES // 2, out=torch.empty_like(x))
    return torch.addcmul(x.new_zeros(()), x, kept, value=_VALUES / (_VALUES - lost), out=kept)
