"""Teach a small language model to write product descriptions from titles, and prove that it got better.

import shelftalker
writer = shelftalker.load("artifacts/t5_lora_best")
writer.describe("Nespresso Vertuo Next Coffee Machine")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shelftalker.catalogue.prepare import prepare
    from shelftalker.errors import ShelftalkerError
    from shelftalker.evaluation.baseline import baseline
    from shelftalker.evaluation.compare import compare
    from shelftalker.evaluation.evaluate import evaluate
    from shelftalker.finetuning.trainer import finetune
    from shelftalker.product import Product
    from shelftalker.recipe.recipe import Recipe
    from shelftalker.writing.job.job import generate
    from shelftalker.writing.writer import Writer, load

from shelftalker.version import __version__ as __version__

_HOMES = {
    "Product": "shelftalker.product",
    "Recipe": "shelftalker.recipe.recipe",
    "ShelftalkerError": "shelftalker.errors",
    "Writer": "shelftalker.writing.writer",
    "baseline": "shelftalker.evaluation.baseline",
    "compare": "shelftalker.evaluation.compare",
    "evaluate": "shelftalker.evaluation.evaluate",
    "finetune": "shelftalker.finetuning.trainer",
    "generate": "shelftalker.writing.job.job",
    "load": "shelftalker.writing.writer",
    "prepare": "shelftalker.catalogue.prepare",
}

__all__ = [
    "Product",
    "Recipe",
    "ShelftalkerError",
    "Writer",
    "baseline",
    "compare",
    "evaluate",
    "finetune",
    "generate",
    "load",
    "prepare",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import shelftalker`` stays light."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
