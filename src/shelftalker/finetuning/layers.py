"""Small layers of the base model in fewer passes over memory: RMS norms and the gated GELU of T5 and its kin."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor


def fewer_passes(model: Any) -> int:
    """Have RMS norms on a CPU, and GELU by tanh anywhere, compute what they compute in fewer kernels.

    transformers writes them out term by term, each as wide as the layer: the cube alone costs more than torch's whole
    GELU. Gradients are the same to rounding. Norms whose weight is trained stay as they are.

    Returns:
        How many layers were changed.
    """
    from transformers.activations import NewGELUActivation
    from transformers.models.llama.modeling_llama import LlamaRMSNorm
    from transformers.models.t5.modeling_t5 import T5LayerNorm

    changed = 0
    for module in model.modules():
        if type(module) is NewGELUActivation:
            module.forward = _gelu
        elif type(module) in (T5LayerNorm, LlamaRMSNorm) and not module.weight.requires_grad:
            module.forward = MethodType(_norm, module)
        else:
            continue
        changed += 1
    return changed


def _gelu(x: Tensor) -> Tensor:
    return torch.nn.functional.gelu(x, approximate="tanh")


def _norm(layer: Any, x: Tensor) -> Tensor:
    """X of shape (..., width), each row divided by the root of its mean square."""
    if x.device.type != "cpu" or x.dtype != layer.weight.dtype:
        kept: Tensor = type(layer).forward(layer, x)
        return kept
    normed: Tensor = _Normed.apply(x, layer.weight, layer.variance_epsilon)  # type: ignore[no-untyped-call]
    return normed


class _Normed(torch.autograd.Function):
    """Computed in float32 whatever the number format; keeps the input and one number a row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = x.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = torch.rsqrt(length.square_().div_(x.shape[-1]).add_(epsilon))
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).to(x.dtype).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        x, weight, scale = ctx.saved_tensors
        slope, wide = (grads[0] * weight).float(), x.float()
        along = (slope * wide).sum(dim=-1, keepdim=True).mul_(scale**3).div_(x.shape[-1])
        return slope.mul_(scale).addcmul_(wide, along, value=-1).to(x.dtype), None, None
