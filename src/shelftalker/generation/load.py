"""Which engine runs a model: the recipe's, or the fastest that can do what the recipe asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelftalker import console

if TYPE_CHECKING:
    from shelftalker.generation.engine import Engine
    from shelftalker.models.load import ModelRef
    from shelftalker.recipe.recipe import Recipe


def load_engine(ref: ModelRef, recipe: Recipe) -> Engine:
    """Load the engine that the recipe asks for (`generate.engine`, `generate.quantisation`, `generate.batch_size`).

    ``auto`` takes CTranslate2 where the model converts, the decoding has nothing that it cannot honour and no GPU is
    asked for or found; else transformers, and a note says why.

    Raises:
        ShelftalkerError: the model cannot be had, or the engine that was asked for cannot run it.
    """
    asked = recipe.generate.engine
    if ref.kind == "ct2":
        asked = "ctranslate2"
    if asked == "auto":
        from shelftalker.generation.auto_engine import AutoEngine, why_transformers
        from shelftalker.models.convert import NotConvertedError

        reason = why_transformers(ref, recipe)
        if reason is None:
            try:
                return AutoEngine(ref, recipe)
            except NotConvertedError as error:
                reason = error.what
        console.note(f"transformers writes, not the faster CTranslate2: {reason}")
    if asked == "ctranslate2":
        from shelftalker.generation.ct2_engine import Ct2Engine

        return Ct2Engine(ref, recipe)
    from shelftalker.generation.torch_engine import TorchEngine

    return TorchEngine(ref, recipe)
