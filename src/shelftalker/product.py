"""A product, and a source: what every stage passes on between reading and rendering."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass


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
