"""Muon (Jordan et al. 2024) for a T5's matrices, one head or slice at a time.

Orthogonalising 64-row slices instead of whole matrices costs a quarter on a CPU and lets every
attention head move at its own pace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def orthogonalize(stack: Tensor, steps: int = 5) -> Tensor:
    """Push the singular values of a stack of wide matrices ``(n, rows, columns)`` towards 1.

    Newton-Schulz iteration with the quintic coefficients of the Muon paper.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = stack / (stack.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised per slice of ``block`` rows (or columns, where those are the heads).

    A group's ``split`` says which side the slices lie on: ``"rows"`` for projections into heads or
    hidden units, ``"columns"`` for those out of them. An update's elements have a root mean square
    of ``lr`` times ``longer_side ** -0.5``. ``decay`` shrinks the weights by ``lr * scale * decay`` a step:
    without it they outgrow the embeddings that they are added to.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], lr: float, *, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        """``groups``: dicts with ``params``, ``split``, ``block`` and optionally ``scale``."""
        super().__init__(groups, {"lr": lr, "momentum": momentum, "scale": 1.0, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every group; slices of equal shape are orthogonalised in one go."""
        for group in self.param_groups:
            stacks: list[Tensor] = []
            for parameter in group["params"]:
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                buffer: Tensor = state["momentum"]
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                direction = parameter.grad.lerp(buffer, group["momentum"])
                matrix = direction if group["split"] == "rows" else direction.T
                stacks.append(matrix.reshape(-1, group["block"], matrix.shape[1]))
            if not stacks:
                continue
            updates = orthogonalize(torch.cat(stacks))
            rate = group["lr"] * group["scale"]
            at = 0
            for parameter, stack in zip(group["params"], stacks, strict=True):
                update = updates[at : at + len(stack)].reshape(-1, stack.shape[2])
                at += len(stack)
                parameter.mul_(1 - rate * group["decay"])
                parameter.add_(update if group["split"] == "rows" else update.T, alpha=-rate)
