"""Sources as a model sees them, in training and in writing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from shelftalker.product import Product, Source
from shelftalker.recipe.grounding import GroundSettings
from shelftalker.retrieve.edit import edit
from shelftalker.retrieve.ground import Sources

_BATCH = 512


def shown(product: Product, sources: Sequence[Source], settings: GroundSettings) -> tuple[Source, ...]:
    """A product's sources (nearest first) as the prompt shows them: edited, cut to length, in the recipe's order.

    An edited text is nobody's: it comes without the sibling's title.
    """
    found = []
    for source in sources[: settings.sources]:
        if settings.edited:
            text = edit(product.title, source.product.title, source.text).text
            source = Source(replace(source.product, title=""), text, source.score)
        found.append(replace(source, text=_first_words(source.text, settings.words)))
    return tuple(found if settings.order == "nearest_first" else reversed(found))


def grounded(
    products: Sequence[Product], index: Sources, settings: GroundSettings, seed: int
) -> Iterator[tuple[Product, tuple[Source, ...]]]:
    """Training rows as they are to be rendered: each product of the split, in order, with the sources it is shown.

    What a row loses or is given instead is drawn by the seed and its uid: the same in every run, whatever else the
    split holds.
    """
    for start in range(0, len(products), _BATCH):
        batch = products[start : start + _BATCH]
        found = index.ground(batch, settings.sources, training=True)
        for product, sources in zip(batch, found, strict=True):
            draw = Random(hashlib.blake2b(f"{seed}\0{product.uid}\0{product.title}".encode()).digest())
            chance = draw.random()
            if chance < settings.without:
                sources = []
            elif chance < settings.without + settings.distractor:
                sources = [*sources[: settings.sources - 1], *_distractor(product, index, draw)]
            if product.attributes and draw.random() < settings.drop_attribute:
                dropped = draw.choice(sorted(product.attributes))
                kept = {name: text for name, text in product.attributes.items() if name != dropped}
                product = replace(product, attributes=kept)
            yield product, shown(product, sources, settings)


def _distractor(product: Product, index: Sources, draw: Random) -> list[Source]:
    other = index.product(draw.randrange(len(index)))
    if not other.description or other.uid == product.uid or (product.group and other.group == product.group):
        return []
    return [Source(other, other.description, 0.0)]


def _first_words(text: str, count: int) -> str:
    words = re.finditer(r"\S+", text)
    last = next((word for number, word in enumerate(words, 1) if number == count), None)
    return text if last is None else text[: last.end()]
