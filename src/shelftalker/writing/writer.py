"""Title in, checked description out: what the server and the playground share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shelftalker import prompt
from shelftalker.errors import ShelftalkerError
from shelftalker.recipe.generation import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.describer import Describer

if TYPE_CHECKING:
    from shelftalker.checks.check import Finding
    from shelftalker.generation.engine import Engine
    from shelftalker.models.load import ModelRef


@dataclass(frozen=True)
class Product:
    """What is known of a product: its title, and further columns; the checks believe those that the prompt names."""

    title: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """A description with what the checks found in it; ``engine`` is the signature of what wrote it."""

    title: str
    text: str
    findings: tuple[Finding, ...]
    tokens: int
    hit_cap: bool
    score: float | None
    engine: str


def one_line(text: str) -> str:
    """White space and control characters become single spaces: a title is one line of the prompt."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class Writer:
    """One model, written with and checked under one recipe; the engine is loaded at once.

    Calls are serialised: engines are not built for several threads.

    Args:
        model: MODEL (hub name, `bundled`, adapter, run or exported folder) or what it resolved to.
        recipe: prompt, decoding, engine and device.

    Raises:
        ShelftalkerError: the model cannot be had or does not fit its base.
    """

    def __init__(self, model: str | ModelRef, recipe: Recipe, *, load: Callable[..., Engine] | None = None) -> None:
        self.recipe = recipe
        self._fields = [name for name in prompt.fields(recipe.prompt) if name != "title"]
        self._lock = threading.Lock()
        self.engine: Engine = (load or _load_engine)(model, recipe)

    def write(self, products: Sequence[Product], decoding: Decoding | None = None) -> list[Written]:
        """Describe products, in order. Sampling is seeded by the prompt, so it does not depend on the batch.

        Raises:
            ShelftalkerError: a title without text, or a decoding that no engine can honour.
        """
        from shelftalker.checks.check import check
        from shelftalker.checks.given import Given

        decoding = decoding or self.recipe.decoding
        cleaned = [
            Product(one_line(item.title), {name: one_line(text) for name, text in item.columns.items()})
            for item in products
        ]
        if not all(item.title for item in cleaned):
            raise ShelftalkerError("the title is empty", where="title", mend="give the product's title")
        with self._lock:
            engine = self._engine_for(decoding)
            known = [{name: item.columns.get(name, "") for name in self._fields} for item in cleaned]
            drawn = Describer(engine, self.recipe).generate([item.title for item in cleaned], known, decoding=decoding)
            signature = engine.signature()
        return [
            Written(
                title=item.title,
                text=one.text,
                findings=tuple(check(one.text, Given(item.title, told), hit_cap=one.hit_cap)),
                tokens=one.tokens,
                hit_cap=one.hit_cap,
                score=one.score,
                engine=signature,
            )
            for item, told, one in zip(cleaned, known, drawn, strict=True)
        ]

    def about(self) -> dict[str, Any]:
        """Model, content hash, base, engine, device, number format: plain values for people and machines."""
        ref = self.engine.model
        return {
            "id": ref.given,
            "kind": ref.kind,
            "note": ref.note,
            "base": ref.base,
            "revision": ref.revision,
            "hash": ref.content_hash,
            "engine": self.engine.signature(),
            "device": self.engine.device,
            "dtype": self.engine.dtype,
        }

    def _engine_for(self, decoding: Decoding) -> Engine:
        """What will write: where the recipe leaves the engine open (auto), one that can do what is asked."""
        choose = getattr(self.engine, "for_decoding", None)
        return choose(decoding) if choose else self.engine


def _load_engine(model: str | ModelRef, recipe: Recipe) -> Engine:
    from shelftalker.generation.engine import load_engine

    return load_engine(model, recipe)
