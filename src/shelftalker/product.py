"""A product, and a source: what every stage passes on between reading and rendering."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

FACTS = "facts"
"""The column, and so the attribute, that holds facts: short phrases, parted by semicolons, bars, bullets or lines."""
_APART = re.compile(r"\s*[;|\n•]\s*")


@dataclass(frozen=True)
class Product:
    """One product of a catalogue. An example of a split is one whose description is the reference.

    Attributes:
        title: its title, one line.
        uid: what it is called in its catalogue; of a file without ids, the line's number.
        attributes: further columns (brand, colour, size), name to text.
        facts: what else is known of it, each a short phrase.
        group: products of one group are near-duplicates of each other.
        description: the human description, where it is known.
        input_text: a prompt of another tool's making, which stands in for the rendered one (rows of files that hold
            only ``input_text`` and ``target_text``); mostly empty.
        weight: how much it counts in training; 1: as much as any other.
        texts: human texts of the shop's other fields (a meta description, bullet points), by the field's name.
        field: which of these is to be written; empty: the description. As an example's, its text is ``description``.
        length: how long the text is to be ("60 words", "at most 155 characters"); empty: nobody says.
    """

    title: str
    uid: str = ""
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    facts: tuple[str, ...] = ()
    group: str = ""
    description: str = ""
    input_text: str = ""
    weight: float = 1.0
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    field: str = ""
    length: str = ""


@dataclass(frozen=True)
class Source:
    """A product of the training split that is shown to the writer of another.

    Attributes:
        product: the source itself.
        text: what is shown of its description.
        score: how near it is to the product that is written about; higher is nearer.
    """

    product: Product
    text: str
    score: float = 0.0


def facts_in(value: object) -> tuple[str, ...]:
    """The facts of a column's value, in order: a list's texts, or the parts of one text."""
    if isinstance(value, list):
        return tuple(item.strip() for item in value if isinstance(item, str) and item.strip())
    return tuple(filter(None, _APART.split(value.strip()))) if isinstance(value, str) else ()


def with_facts(product: Product) -> Product:
    """A product whose attribute `facts` has become facts, behind those that it has."""
    if FACTS not in product.attributes:
        return product
    others = {name: text for name, text in product.attributes.items() if name != FACTS}
    return replace(product, attributes=others, facts=(*product.facts, *facts_in(product.attributes[FACTS])))
