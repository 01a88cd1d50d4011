"""T5's attention where it drops weights on a CPU: the plain products, with masks at a fraction of the cost."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from shelftalker.finetuning.dropout import dropped

NAME = "cheap_dropout"
"""What transformers knows this attention by."""


def cheapen_attention(model: Any) -> bool:
    """Have a T5 model whose attention drops weights compute it by `attend`.

    With dropout torch's fused attention takes a long way on a CPU: it draws a number a weight, one after the other,
    and guards against rows without a key at the width of all weights. Without dropout nothing is changed.

    Args:
        model: a Hugging Face model in training, as transformers made it (not PEFT's, which stands around it).

    Returns:
        Whether it was changed.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask
    from transformers.models.t5.modeling_t5 import T5Attention

    if not any(type(module) is T5Attention and 0 < module.dropout < 1 for module in model.modules()):
        return False
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)
    return bool(model.config._attn_implementation == NAME)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    position_bias: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention as transformers asks for it.

    Args:
        module: the attention layer.
        query: of shape (rows, heads, queries, width).
        key: of shape (rows, heads, keys, width).
        value: likewise.
        attention_mask: added to the scores; None: nothing is masked.
        dropout: share of the weights that is dropped (0 to 1).
        scaling: what scores are multiplied by; None: 1 / sqrt(width).
        position_bias: added to the scores.

    Returns:
        The attended values, of shape (rows, queries, heads, width), and the weights.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query if scale == 1 else query * scale, key.transpose(2, 3))
    for added in (position_bias, attention_mask):
        if added is not None:
            scores.add_(added)
    weights = scores.softmax(dim=-1)
    if module.training:
        weights = dropped(weights, dropout)
    return torch.matmul(weights, value).transpose(1, 2), weights
