"""`engine: auto`: CTranslate2 for what it can do, transformers, loaded on first need, for what it cannot."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shelftalker import console
from shelftalker.generation.ct2_engine import Ct2Engine, why_not
from shelftalker.models.convert import why_not_ct2
from shelftalker.prompt import Prepared
from shelftalker.recipe.decoding import Decoding

if TYPE_CHECKING:
    from shelftalker.generation.engine import Advance, Engine, Generation
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe


_LOADING = threading.Lock()
"""A server's engines load one after the other: threads that import transformers at once find half of it."""


def why_transformers(ref: ModelRef, recipe: Recipe) -> str | None:
    """Why ``auto`` takes transformers for a model and a recipe; None: it takes CTranslate2. Imports no torch."""
    if recipe.device not in ("auto", "cpu"):
        return f"device {recipe.device} was asked for"
    if recipe.dtype not in ("auto", "float32"):
        return f"dtype {recipe.dtype} was asked for"
    if recipe.device == "auto" and _has_cuda():
        return "there is a CUDA device"
    return why_not_ct2(ref) or why_not(recipe.decoding)


class AutoEngine:
    """CTranslate2, with the reference engine standing by for single calls that ask for what CTranslate2 cannot do."""

    def __init__(self, ref: ModelRef, recipe: Recipe) -> None:
        self.model, self._recipe = ref, recipe
        self._fast = Ct2Engine(ref, recipe)
        self._reference: Engine | None = None
        self.name, self.device, self.dtype = self._fast.name, self._fast.device, self._fast.dtype
        self.batch_size = self._fast.batch_size

    def for_decoding(self, decoding: Decoding) -> Engine:
        """The engine that a decoding goes to."""
        reason = why_not(decoding)
        if reason is None:
            return self._fast
        if self._reference is None:
            with _LOADING:
                from shelftalker.generation.torch_engine import TorchEngine

                console.note(f"transformers writes, not the faster CTranslate2: {reason}")
                self._reference = TorchEngine(self.model, self._recipe)
        return self._reference

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Engine.encode`."""
        return self._fast.encode(texts)

    def generate(
        self, prompts: Sequence[Prepared], decoding: Decoding, *, advance: Advance | None = None
    ) -> list[list[Generation]]:
        """See `Engine.generate`."""
        return self.for_decoding(decoding).generate(prompts, decoding, advance=advance)

    def token_log_probs(self, prompts: Sequence[Prepared], targets: Sequence[str]) -> list[list[float]]:
        """See `Engine.token_log_probs`."""
        return self._fast.token_log_probs(prompts, targets)

    def signature(self) -> str:
        """The signature of the engine that the recipe's decoding goes to; see `Engine.signature`."""
        return self._fast.signature()


def _has_cuda() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count() > 0)
