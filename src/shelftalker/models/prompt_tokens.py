"""Prompt tokens with numbers of their own, so that CTranslate2's rules on what was written do not count the prompt.

CTranslate2 reads a batch of prompts up to the shortest one's length; what the others have beyond that it takes for
output, and repetition penalties and bans count it. So a causal model gets every token twice: with the same embedding,
and for the second one a score that no text ever reaches. Prompts are spelt in the second ones, texts in the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shelftalker.models.load import LoadedModel

MARK = "prompt:"
"""What a token's name begins with where it stands in a prompt."""
_NEVER = -1e9


def add(spec: Any, loaded: LoadedModel) -> None:
    """Double the vocabulary of a decoder's CTranslate2 specification; a tied head stays tied.

    Args:
        spec: as the converter's loader filled it, weights still torch's.
        loaded: the model it was filled from.
    """
    import torch

    embeddings, head = spec.decoder.embeddings, spec.decoder.projection
    size = embeddings.weight.shape[0]
    embeddings.weight = torch.cat([embeddings.weight, embeddings.weight])
    head.weight = torch.cat([head.weight, head.weight])
    own = head.bias if isinstance(head.bias, torch.Tensor) else torch.zeros(size)
    head.bias = torch.cat([own, torch.full((size,), _NEVER)])
    known = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
    names = [known.get(number, f"<unused-{number}>") for number in range(size)]
    spec.register_vocabulary([*names, *(f"{MARK}{name}" for name in names)])
