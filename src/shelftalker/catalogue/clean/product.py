"""A product's title and attributes, cleaned by the same rules as the catalogue that a model was trained on."""

from __future__ import annotations

from dataclasses import replace

from shelftalker.catalogue.clean.cleaner import Cleaner
from shelftalker.product import FACTS, Product, facts_in
from shelftalker.recipe.catalogue import CleanSettings


class ProductCleaner:
    """Cleans what `prepare` would have cleaned: `Tom &amp; Jerry <b>Mug</b>` is `Tom & Jerry Mug` to every door.

    Args:
        settings: which rules are on; those of the catalogue that the model learnt from.
    """

    def __init__(self, settings: CleanSettings) -> None:
        self._title = Cleaner(settings).title

    def line(self, text: str) -> str:
        """A text as one clean line, as it stands in a prompt."""
        return " ".join(self._title(text).split())

    def product(self, product: Product) -> Product:
        """The product with a clean title, clean attributes and clean facts."""
        title = self.line(product.title)
        if title == product.title and not product.attributes and not product.facts:
            return product
        return replace(
            product,
            title=title,
            attributes={
                name: "; ".join(filter(None, map(self.line, facts_in(text)))) if name == FACTS else self.line(text)
                for name, text in product.attributes.items()
            },
            facts=tuple(filter(None, map(self.line, product.facts))),
        )
