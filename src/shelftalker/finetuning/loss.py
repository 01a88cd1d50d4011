"""The loss of an adapter: over the description's tokens only, and the vocabulary head computed nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from shelftalker.finetuning.encoding import IGNORED

# Rows of logits that are turned into probabilities at once (float32, times the vocabulary).
_ROWS = 128


class DescriptionLoss:
    """Cross-entropy of a model over the labels that count, with its head looking at no other position.

    A causal model's positions are mostly prompt and padding: with a vocabulary of 49,152 words the head is a quarter of
    SmolLM2's forward pass, and its logits are what fills the memory.

    Args:
        model: a Hugging Face model, with or without an adapter on it.
        is_seq2seq: whether labels stand beside the decoder's inputs, or over the inputs and moved by one.
    """

    def __init__(self, model: Any, *, is_seq2seq: bool) -> None:
        self.is_seq2seq = is_seq2seq
        self._learnt: Tensor | None = None
        # A head whose scores are capped afterwards (Gemma 2) needs them again in its own backward pass.
        self._overwrite = getattr(model.config, "final_logit_softcapping", None) is None
        model.get_output_embeddings().register_forward_pre_hook(self._select)

    def summed(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """Sum over the learnt tokens of a batch (natural log), float32.

        Args:
            model: the model given at first, or what a trainer wrapped around it.
            batch: what the collator made: input_ids, attention_mask, labels of shape (rows, tokens), and perhaps
                weights of shape (rows,), by which each row's tokens count.
        """
        labels = batch["labels"]
        if not self.is_seq2seq:  # position i says token i + 1
            labels = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], IGNORED)], dim=1)
        learnt = labels.ne(IGNORED)
        self._learnt = learnt
        try:
            read = {name: value for name, value in batch.items() if name not in ("labels", "weights")}
            outputs = model(**read, use_cache=False)
        finally:
            self._learnt = None
        weights = batch["weights"][:, None].expand_as(labels)[learnt] if "weights" in batch else None
        total: Tensor = _SummedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            outputs["logits"], labels[learnt], self._overwrite, weights
        )
        return total

    def _select(self, head: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """(rows, tokens, width) to (learnt tokens, width), before the head."""
        return None if self._learnt is None else (inputs[0][self._learnt], *inputs[1:])


class _SummedCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy that holds the logits once: their gradient takes their place in memory.

    torch's own keeps logits, log-probabilities and gradient at a time, each in float32.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, overwrite: bool, weights: Tensor | None) -> Tensor:
        """Logits of shape (tokens, vocabulary), labels and weights of shape (tokens,)."""
        needs_gradient = ctx.needs_input_grad[0]
        gradient = logits if overwrite or not needs_gradient else torch.empty_like(logits)
        total = torch.zeros((), device=logits.device)
        for at in range(0, len(labels), _ROWS):
            part, wanted = logits[at : at + _ROWS].float(), labels[at : at + _ROWS, None]
            chances = part.softmax(dim=-1)
            # The likeliest word's chance is never too small for a logarithm.
            most, where = part.max(dim=-1, keepdim=True)
            losses = most - chances.gather(1, where).log() - part.gather(1, wanted)
            total += (losses if weights is None else losses * weights[at : at + _ROWS, None]).sum()
            if needs_gradient:
                slope = chances.scatter_add_(1, wanted, torch.full_like(losses, -1))
                gradient[at : at + _ROWS] = slope if weights is None else slope.mul_(weights[at : at + _ROWS, None])
        if needs_gradient:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None]:
        """Scale what was kept."""
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(slopes[0].to(gradient.dtype)), None, None, None
