"""Start a T5 with the circuit that copies, instead of waiting for it to form.

A small model spends most of a small budget before it can repeat a word of its prompt. The circuit
is known (induction heads: Olsson et al. 2022, "In-context learning and induction heads"), so the
weights begin with it, spread over both stacks; training is free to bend it:

1. an encoder head of the first layer looks one position back and writes that token's embedding,
   through a random 64-dimensional window, into a subspace of its own;
2. two cross-attention heads of two decoder layers look for the source position whose *previous*
   token is the decoder's current one, through the same window;
3. every cross-attention head of those layers writes what it sees, rotated by a random orthogonal
   matrix; the head starts as the embedding under the same rotation, so that what was seen becomes
   likely next, and the decoder's own last token does not.

All other matrices that write to the residual stream start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import T5ForConditionalGeneration

LOOK_BACK = 8.0
MATCH = 0.4
INDUCTION, OTHERS = 1.0, 0.5


def orthogonal(rows: int, columns: int) -> Tensor:
    """A random matrix with orthonormal rows (or columns, where there are more rows)."""
    return torch.nn.init.orthogonal_(torch.empty(rows, columns))


@torch.no_grad()
def start_copying(model: T5ForConditionalGeneration) -> None:
    """Set the weights of a fresh T5 in place; draws from torch's global generator."""
    config = model.config
    width, window = config.d_model, config.d_kv
    for stack in (model.encoder, model.decoder):
        for block in stack.block:
            for part in block.layer[:-1]:
                (part.SelfAttention if hasattr(part, "SelfAttention") else part.EncDecAttention).o.weight.zero_()
            block.layer[-1].DenseReluDense.wo.weight.zero_()

    rotation = orthogonal(width, width)
    model.lm_head.weight.copy_(model.shared.weight @ rotation * width**-0.5)

    seen = orthogonal(window, width)
    noted = orthogonal(width, window)
    first = model.encoder.block[0].layer[0].SelfAttention
    bias = first.relative_attention_bias.weight
    # Buckets of a bidirectional stack: the distance looking back, from half of them on looking ahead.
    bias[1, 0] = LOOK_BACK
    bias[config.relative_attention_num_buckets // 2 + 1, 1] = LOOK_BACK
    first.v.weight[:window] = seen
    first.o.weight[:, :window] = noted

    for block in model.decoder.block[1:3]:
        cross = block.layer[1].EncDecAttention
        look = orthogonal(config.num_heads * window, width)
        strength = torch.full((config.num_heads * window,), OTHERS)
        strength[: 2 * window] = INDUCTION
        cross.v.weight.copy_(look)
        cross.o.weight.copy_(rotation.T @ look.T * strength)
        for head in range(2):
            rows = slice(head * window, (head + 1) * window)
            cross.q.weight[rows] = seen * MATCH
            cross.k.weight[rows] = noted.T * MATCH
