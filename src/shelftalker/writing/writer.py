"""The one door from a product to checked text: ground, route, edit or write, check. Every command goes through it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelftalker.errors import ShelftalkerError
from shelftalker.length import Length, length
from shelftalker.product import FACTS, Product, Source
from shelftalker.recipe.decoding import Decoding
from shelftalker.recipe.recipe import Recipe
from shelftalker.retrieve.shown import shown
from shelftalker.writing.editor import Editor, Task, open_sources
from shelftalker.writing.fitted import fitted
from shelftalker.writing.told import told, unsaid, with_unsaid
from shelftalker.writing.written import Written, written

if TYPE_CHECKING:
    from shelftalker.checks.sense import Surprise
    from shelftalker.generation.engine import Engine
    from shelftalker.models.load import ModelRef
    from shelftalker.prompt import Prepared
    from shelftalker.retrieve.ground import Sources


class Writer(Editor):
    """One model, written with and checked under one recipe; get one from `load`.

    Calls are serialised: engines are not built for several threads.

    Args:
        engine: what executes the model.
        recipe: prompt, length limit, decoding, sources, routes and the cleaning rules.
        sources: the index of the products that the model was trained on; None: nothing is edited, nothing shown.
        surprise: a reference language model that judges whether what the model wrote hangs together; None: nobody does.
    """

    def __init__(
        self, engine: Engine, recipe: Recipe, sources: Sources | None = None, surprise: Surprise | None = None
    ) -> None:
        super().__init__(recipe, sources)
        self.engine, self._surprise = engine, surprise
        self._shows = self.prompt.shows_sources
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
        settled = self.settled(products)
        left = [place for place, (_, done) in enumerate(settled) if done is None]
        if advance is not None and len(left) < len(settled):
            advance(len(settled) - len(left))
        tasks = [task for task, _ in settled]
        written = iter(self._by_model([tasks[place] for place in left], decoding, advance))
        return self._with_facts(tasks, [done or next(written) for _, done in settled], decoding)

    def _with_facts(self, tasks: Sequence[Task], found: list[Written], decoding: Decoding) -> list[Written]:
        """The texts, with the facts that they left out; a text whose length was asked for only says which."""
        lacking = [place for place, one in enumerate(found) if one.given.facts and unsaid(one)]
        places = [place for place in lacking if not tasks[place][0].length]
        if places:
            with self._lock:
                prompts = self._prompts(
                    [tasks[place][0] for place in places], [tasks[place][2] for place in places], self.engine
                )
                more = told(self.engine, prompts, [found[place] for place in places], decoding, self._surprise)
            for place, one in zip(places, more, strict=True):
                found[place] = one
        for place in lacking:
            found[place] = with_unsaid(found[place])
        return found

    def _by_model(
        self, tasks: Sequence[Task], decoding: Decoding, advance: Callable[[int], None] | None
    ) -> list[Written]:
        """What the model writes. Where the policy leaves nothing of it, it is asked once more without its sources."""
        found = self._asked(tasks, decoding, advance) if tasks else []
        again = [place for place, one in enumerate(found) if one.route == "declined" and one.sources]
        if again:
            alone: list[Task] = [(*tasks[place][:2], [], tasks[place][3]) for place in again]
            for place, second in zip(again, self._asked(alone, decoding), strict=True):
                if second.route != "declined":
                    found[place] = second
        return found

    def _asked(
        self, tasks: Sequence[Task], decoding: Decoding, advance: Callable[[int], None] | None = None
    ) -> list[Written]:
        with self._lock:
            engine = self.engine.for_decoding(decoding)
            prompts = self._prompts([product for product, _, _, _ in tasks], [near for _, _, near, _ in tasks], engine)
            wanted = [
                (length(product.length), given.words) if product.length else None for product, given, _, _ in tasks
            ]

            def otherwise(place: int, other: Length) -> Prepared:
                product, _, near, _ = tasks[place]
                return self._prompts([replace(product, length=str(other))], [near], engine)[0]

            known = otherwise if self.recipe.knows_lengths else None
            drawn = fitted(engine, prompts, wanted, decoding, asked_otherwise=known, advance=advance)
            signature = engine.signature()
        return [
            written(
                product,
                given,
                prompt,
                texts,
                routed,
                near[: self.recipe.ground.sources] if self._shows else [],
                engine=signature,
                policy=self.recipe.generate.facts,
                prefer_publishable=decoding.prefer_publishable,
                surprise=self._surprise,
                asked=length(product.length) if product.length else None,
            )
            for (product, given, near, routed), prompt, texts in zip(tasks, prompts, drawn, strict=True)
        ]

    def log_probs(self, products: Sequence[Product]) -> list[list[float]]:
        """Natural log-probabilities of the tokens of each product's own description, the end token included."""
        with self._lock:
            cleaned, near = self._grounded(products)
            prompts = self._prompts([self._told(product) for product in cleaned], near, self.engine)
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
        """See that the prompt has a place for every column, or the house rules look at it.

        Raises:
            ShelftalkerError: it has none for one of them; whoever typed it meant to change the text.
        """
        known_names = {*self.prompt.names, *self.recipe.house.columns, self.recipe.prepare.language_column}
        known_names |= {FACTS} if self.prompt.takes_facts else set()
        unknown = sorted(columns.keys() - known_names) if not self.prompt.takes_all else []
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

    def _prompts(self, products: Sequence[Product], near: Sequence[Sequence[Source]], engine: Engine) -> list[Prepared]:
        if not self.recipe.knows_lengths:  # then it is only held to it
            products = [replace(product, length="") for product in products]
        if not self._shows:
            return self.prompt.prepare(products, engine.encode)
        seen = [shown(product, found, self.recipe.ground) for product, found in zip(products, near, strict=True)]
        return self.prompt.prepare(products, engine.encode, seen)


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
    return write_with(opened.ref, opened.recipe, judged=True)


def write_with(ref: ModelRef, recipe: Recipe, *, judged: bool = False) -> Writer:
    """A writer for a model that is open already, under the recipe that it was opened with.

    Args:
        ref: the model.
        recipe: the recipe.
        judged: whether texts must hang together where the recipe leaves that open (`generate.sense`).
    """
    from shelftalker.generation.load import load_engine
    from shelftalker.models.surprise import judge

    surprise = judge(recipe.generate.sense, otherwise=judged)
    return Writer(load_engine(ref, recipe), recipe, open_sources(ref, recipe), surprise)
