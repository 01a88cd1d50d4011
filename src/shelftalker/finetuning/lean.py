"""PEFT's LoRA layers without their full-width by-products: the same sum, one product less to write and read."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor


def lean(model: Any) -> int:
    """Have every plain LoRA layer of ``model`` compute base(x) + scale * B(A(x)) in its shortest form.

    PEFT writes B(A(x)), scales it, adds it and converts it, each as wide as the layer's output. Here the scale goes
    into B, which is small, and one kernel multiplies and adds onto the base layer's output. Under autocast A's input is
    not converted to float32 and back either. Gradients are the same to rounding.

    Returns:
        How many layers were changed: DoRA, other variants and layers that are not linear stay as they are.
    """
    from peft.tuners.lora import Linear

    plain = [
        module
        for module in model.modules()
        if isinstance(module, Linear) and not module.lora_variant and type(module.base_layer) is torch.nn.Linear
    ]
    for module in plain:
        module.forward = MethodType(_forward, module)
    return len(plain)


def _forward(layer: Any, x: Tensor) -> Tensor:
    """X of shape (..., inputs) to (..., outputs)."""
    # Of two dimensions: the base layer's output can then be added to where it stands.
    base = layer.base_layer(x.flatten(0, -2))
    (name,) = layer.active_adapters
    narrow = layer.lora_A[name](layer.lora_dropout[name](x)).flatten(0, -2)
    up = (layer.lora_B[name].weight * layer.scaling[name]).t()
    added: Tensor = base.addmm_(narrow.to(base.dtype), up.to(base.dtype))
    return added.view(*x.shape[:-1], -1)
