"""AdamW over an adapter, with one learning rate or, as LoRA+ has it, two."""

from __future__ import annotations

from typing import Any

import torch

from shelftalker.device import DevicePolicy
from shelftalker.recipe.recipe import Recipe


def build_optimiser(model: Any, recipe: Recipe, policy: DevicePolicy) -> torch.optim.Optimizer:
    """AdamW over the adapter; with `lora.lora_plus_ratio` by PEFT's LoRA+ (Hayou et al. 2024)."""
    settings, ratio = recipe.finetune, recipe.lora.lora_plus_ratio
    # One kernel for the hundreds of small matrices of an adapter.
    fused = policy.device == "cpu" or policy.device.startswith("cuda")
    if ratio is None:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)
    from peft.optimizers import create_loraplus_optimizer

    made: torch.optim.Optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=settings.learning_rate,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=settings.weight_decay,
        fused=fused,
    )
    made.param_groups[:] = [group for group in made.param_groups if group["params"]]
    return made
