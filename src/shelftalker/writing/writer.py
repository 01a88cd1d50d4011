"""The one door from a product to checked text: render, generate, choose, check. Every command goes through it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.product import Product
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe

if TYPE_CHECKING:
    from shelftalker.checks.check import Finding
    from shelftalker.generation.engine import Engine, Generation
    from shelftalker.models.load import ModelRef
    from shelftalker.prompt import Prepared

CUT = "the prompt was too long: the title lost its last words"


@dataclass(frozen=True)
class Written:
    """A description with what is known of it.

    Attributes:
        title: the product's title, as it was cleaned for the prompt.
        text: the description.
        findings: what the checks found in it.
        tokens: tokens written, the end token included.
        hit_cap: whether the text was stopped by ``max_new_tokens``.
        score: mean log-probability (natural) of its tokens, where the engine gives it.
        engine: signature of what wrote it.
        candidates: with ``decoding.candidates`` above 1, all texts among which this one was chosen.
        problem: what is wrong with the input (a title that was too long); None: nothing.
    """

    title: str
    text: str
    findings: tuple[Finding, ...]
    tokens: int
    hit_cap: bool
    score: float | None
    engine: str
    candidates: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def publishable(self) -> bool:
        """There is a text, and the checks found nothing in it."""
        return bool(self.text) and not self.findings


class Writer:
    """One model, written with and checked under one recipe; get one from `load`.

    Calls are serialised: engines are not built for several threads.

    Args:
        engine: what executes the model.
        recipe: prompt, length limit, decoding and the cleaning rules.
    """

    def __init__(self, engine: Engine, recipe: Recipe) -> None:
        from shelftalker.catalogue.clean.product import ProductCleaner

        self.engine, self.recipe, self.prompt = engine, recipe, recipe.as_prompt
        self.clean: Callable[[Product], Product] = ProductCleaner(recipe.clean).product
        self._lock = threading.Lock()

    def write(
        self,
        products: Sequence[Product],
        decoding: Decoding | None = None,
        *,
        advance: Callable[[int], None] | None = None,
    ) -> list[Written]:
        """Describe products, in order. Sampling is seeded by the prompt, so it does not depend on the batch.

        Args:
            products: what to describe; titles and attributes are cleaned as `prepare` cleans them.
            decoding: how text is drawn; none: the recipe's.
            advance: called with the number of products just finished.

        Raises:
            ShelftalkerError: a title without text, or a decoding that no engine can honour.
        """
        decoding = decoding or self.recipe.decoding
        with self._lock:
            engine = self.engine.for_decoding(decoding)
            cleaned, prompts = self._prepare(products, engine)
            drawn = engine.generate(prompts, decoding, advance=advance)
            signature = engine.signature()
        return [
            _written(product.title, prompt, texts, decoding, signature)
            for product, prompt, texts in zip(cleaned, prompts, drawn, strict=True)
        ]

    def log_probs(self, products: Sequence[Product]) -> list[list[float]]:
        """Natural log-probabilities of the tokens of each product's own description, the end token included."""
        with self._lock:
            _, prompts = self._prepare(products, self.engine)
            return self.engine.token_log_probs(prompts, [product.description for product in products])

    def describe(self, title: str, *, decoding: Decoding | None = None, **columns: str) -> str:
        """Write the description of one product.

        Args:
            title: the product's title.
            decoding: how text is drawn; default: the recipe's.
            columns: attributes that the prompt asks for, by name.

        Raises:
            ShelftalkerError: an empty title, a column that the prompt has no place for, or an option that the engine
                cannot honour.
        """
        return self.describe_many([title], [columns], decoding=decoding)[0]

    def describe_many(
        self,
        titles: Sequence[str],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        decoding: Decoding | None = None,
    ) -> list[str]:
        """Write one description a title, in their order; see `describe`."""
        rows = columns if columns is not None else [{} for _ in titles]
        if len(rows) != len(titles):
            raise ShelftalkerError(
                f"{len(titles)} titles, but columns for {len(rows)}", mend="give one mapping of columns a title"
            )
        for row in rows:
            self.expect(row)
        products = [Product(title, attributes=row) for title, row in zip(titles, rows, strict=True)]
        return [written.text for written in self.write(products, decoding)]

    def expect(self, columns: Mapping[str, str]) -> None:
        """See that the prompt has a place for every column.

        Raises:
            ShelftalkerError: it has none for one of them; whoever typed it meant to change the text.
        """
        unknown = sorted(columns.keys() - set(self.prompt.names)) if not self.prompt.takes_all else []
        if unknown:
            known = ", ".join(sorted(["title", *self.prompt.names]))
            raise ShelftalkerError(
                f"the prompt template has no field {unknown[0]}",
                where="recipe key prompt",
                mend=f"put {{{unknown[0]}}} into the template; it has {known}",
            )

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

    def _prepare(self, products: Sequence[Product], engine: Engine) -> tuple[list[Product], list[Prepared]]:
        cleaned = [self.clean(product) for product in products]
        if not all(product.title for product in cleaned):
            raise ShelftalkerError("a title is empty", where="title", mend="give a title with a word in it")
        return cleaned, self.prompt.prepare(cleaned, engine.encode)


def load(model: str | Path | ModelRef | None = None, recipe: Recipe | str | Path | None = None) -> Writer:
    """Load a model that writes descriptions.

    Args:
        model: a hub name, `bundled`, a model's, an adapter's, a run's or an exported folder; none: what the recipe's
            `generate.model` says, or the recipe's promoted model.
        recipe: a recipe, its file or its name; what it sets wins over what the model's folder says of itself.

    Raises:
        ShelftalkerError: the model cannot be had, or does not fit its base.
    """
    from shelftalker.models.open import open_model

    given = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    opened = open_model(model if model is not None else given.generate.model or given.promoted_dir, given)
    return write_with(opened.ref, opened.recipe)


def write_with(ref: ModelRef, recipe: Recipe) -> Writer:
    """A writer for a model that is open already, under the recipe that it was opened with."""
    from shelftalker.generation.load import load_engine

    return Writer(load_engine(ref, recipe), recipe)


def _written(title: str, prompt: Prepared, drawn: list[Generation], decoding: Decoding, engine: str) -> Written:
    from shelftalker.checks.check import check
    from shelftalker.checks.given import Given
    from shelftalker.generation.candidates import choose

    given = Given(title, prompt.given.attributes, prompt.given.facts)
    texts = tuple(one.text for one in drawn)
    best = drawn[
        choose(
            texts,
            given,
            hit_cap=[one.hit_cap for one in drawn],
            prefer_publishable=decoding.prefer_publishable,
        )
    ]
    return Written(
        title=title,
        text=best.text,
        findings=tuple(check(best.text, given, hit_cap=best.hit_cap)),
        tokens=best.tokens,
        hit_cap=best.hit_cap,
        score=best.score,
        engine=engine,
        candidates=texts if len(texts) > 1 else (),
        problem=CUT if prompt.cut else None,
    )
