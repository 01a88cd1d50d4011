"""What needs no model: sources found, a product routed, a sibling's text edited and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shelftalker import console
from shelftalker.checks.given import Given
from shelftalker.checks.house import house_of
from shelftalker.checks.language import code_of, of_neighbours
from shelftalker.errors import ShelftalkerError
from shelftalker.length import length
from shelftalker.product import Product, Source
from shelftalker.recipe.recipe import Recipe
from shelftalker.writing.route import Routed, route
from shelftalker.writing.told import unsaid
from shelftalker.writing.written import Written, declined, edited

if TYPE_CHECKING:
    from shelftalker.models.load import ModelRef
    from shelftalker.retrieve.ground import Sources

Task = tuple[Product, Given, Sequence[Source], Routed]
"""A product that the model writes, what the checks believe of it, the nearest to it, and why the model does."""
_CANDIDATES = 3
"""Nearest products that are looked at for a text to edit, and for what siblings say alike."""


class Editor:
    """Describes the products that need no model; `Writer` is one that has a model for the others.

    Args:
        recipe: prompt, sources, routes and the cleaning rules.
        sources: the index of the products that the model was trained on; None: nothing is edited, nothing shown.
    """

    def __init__(self, recipe: Recipe, sources: Sources | None = None) -> None:
        from shelftalker.catalogue.clean.product import ProductCleaner

        self.recipe, self.prompt, self.sources = recipe, recipe.as_prompt, sources
        self._language = recipe.language or "en"
        self.clean: Callable[[Product], Product] = ProductCleaner(recipe.clean).product

    def without_model(self, products: Sequence[Product]) -> list[Written | None]:
        """What `Writer.write` makes of the products for which it asks no model, in order; None for the others.

        Raises:
            ShelftalkerError: a title without text.
        """
        found = [done for _, done in self.settled(products)]
        return [None if one is None or (one.given.facts and unsaid(one)) else one for one in found]

    def settled(self, products: Sequence[Product]) -> list[tuple[Task, Written | None]]:
        """Of every product what a model needs to write it; beside it what was edited or declined.

        Raises:
            ShelftalkerError: a title without text.
        """
        cleaned, near = self._grounded([self.limited(product) for product in products])
        found: list[tuple[Task, Written | None]] = []
        for product, sources in zip(cleaned, near, strict=True):
            given = self._given(product, sources)
            # A sibling's description is not its meta description.
            routed = route(given, [] if product.field else sources, self.recipe.route)
            known = self._told(product)
            done = self._without_model(known, given, routed, sources)
            found.append(((known, given, sources, routed), done))
        return found

    def editable(self, products: Sequence[Product], *, training: bool = False) -> list[Written | None]:
        """What the editor would make of each product, however far its siblings are; None where it makes nothing.

        Args:
            products: the products.
            training: they are the training split's own, which are no siblings of themselves.
        """
        every = self.recipe.route.model_copy(update={"edit_from": 0.0})
        found: list[Written | None] = []
        for product, near in zip(*self._grounded(products, training=training), strict=True):
            given = self._given(product, near)
            routed = route(given, near, every)
            found.append(self._without_model(product, given, routed, near) if routed.route == "edited" else None)
        return found

    def limited(self, product: Product) -> Product:
        """The product with the length that its field's text is to have, where neither row nor caller says another.

        Raises:
            ShelftalkerError: a field that the model has not learnt to write, or a length that is none.
        """
        self.recipe.expect_field(product.field or "description")
        said = product.length or self.recipe.generate.limits.get(product.field or "description", "")
        asked = str(length(said)) if said else ""
        return product if asked == product.length else replace(product, length=asked)

    def cleaned(self, products: Sequence[Product]) -> list[Product]:
        """Products as `prepare` would have cleaned them.

        Raises:
            ShelftalkerError: one has a title of which nothing is left.
        """
        found = [self.clean(product) for product in products]
        if not all(product.title for product in found):
            raise ShelftalkerError("a title is empty", where="title", mend="give a title with a word in it")
        return found

    def _grounded(
        self, products: Sequence[Product], *, training: bool = False
    ) -> tuple[list[Product], list[list[Source]]]:
        """Cleaned products, and the nearest of the training split to each."""
        cleaned = self.cleaned(products)
        if self.sources is None:
            return cleaned, [[] for _ in cleaned]
        return cleaned, self.sources.ground(cleaned, max(self.recipe.ground.sources, _CANDIDATES), training=training)

    def _told(self, product: Product) -> Product:
        """The product without the columns that only the house rules look at: `{attributes}` would show them."""
        prepared = self.recipe.prepare
        learnt = {*self.prompt.names, *prepared.keep_columns, prepared.language_column}
        house = set(self.recipe.house.columns) - learnt
        if not house & product.attributes.keys():
            return product
        return replace(
            product, attributes={name: text for name, text in product.attributes.items() if name not in house}
        )

    def _given(self, product: Product, near: Sequence[Source]) -> Given:
        """What the checks believe of a product, the language that it is to be in, and the house rules for it."""
        told = self.prompt.given(self._told(product))
        language = self._language_of(product, near)
        house = house_of(self.recipe.house, product, language)
        if product.field:  # what every description must hold, a line for search engines has no room for
            house = replace(house, required=(), added=())
        return Given(product.title, told.attributes, told.facts, language, house)

    def _language_of(self, product: Product, near: Sequence[Source]) -> str:
        """What its column says, else what its neighbours are described in, else the catalogue's language."""
        column = self.recipe.prepare.language_column
        said = code_of(product.attributes.get(column, "")) if column else None
        return said or of_neighbours(source.text for source in near) or self._language

    def _without_model(self, product: Product, given: Given, routed: Routed, near: Sequence[Source]) -> Written | None:
        """What is edited or declined; None: the model writes."""
        if routed.route == "declined":
            return declined(product, given, routed.why, near)
        if routed.route != "edited":
            return None
        asked = length(product.length) if product.length else None
        return edited(product, given, routed, near, self.recipe.generate.facts, asked)


def open_sources(ref: ModelRef, recipe: Recipe) -> Sources | None:
    """The index of sources beside a model, where the recipe has a use for it.

    Raises:
        ShelftalkerError: the index is broken, or not the one that the adapter was trained with.
    """
    from shelftalker.models.folder import facts
    from shelftalker.retrieve.ground import Sources

    shows = recipe.as_prompt.shows_sources and recipe.ground.sources > 0
    if not (shows or recipe.route.edit_from is not None or recipe.generate.facts == "shared"):
        return None
    if ref.sources is None:
        console.note(f"{Path(ref.path).name} brings no index of sources along: it writes without")
        return None
    index = Sources(ref.sources)
    expected = facts(Path(ref.path)).get("sources")
    if expected and expected != index.hash:
        raise ShelftalkerError(
            "the index of sources is not the one that this model was trained with",
            where=str(ref.sources),
            mend="copy the folder sources/ of its own run there, or promote the model again",
        )
    return index
