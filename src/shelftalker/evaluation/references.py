"""Reference systems: what a title alone, or a look into the training catalogue, is worth without any model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shelftalker.evaluation.results import Similarity
from shelftalker.product import Product
from shelftalker.retrieve.edit import edit
from shelftalker.retrieve.index import CatalogueIndex, words

CANDIDATES = 10
"""BM25 neighbours among which the most similar title is looked for."""
THRESHOLDS: tuple[tuple[Similarity, float], ...] = (("sibling", 0.6), ("near", 0.3), ("distant", 0.15))
"""Lowest similarity of each class; below the last: none."""

LABELS = {
    "copy-title": "copy-title",
    "nearest-neighbour": "nearest-neighbour",
    "nearest-edited": "nearest-edited",
    "lead-sentence": "lead-sentence",
}


@dataclass(frozen=True)
class Neighbour:
    """The nearest training product of a title."""

    title: str | None
    """That of the most similar title."""
    description: str
    """That of the first BM25 neighbour."""
    edited: str
    """The most similar title's description, with what differs between the two titles replaced."""
    similarity: float
    """Jaccard similarity of the two titles' word sets (0 to 1), the highest among the BM25 neighbours."""
    kind: Similarity


def copy_title(example: Product) -> str:
    """The title as the description: what zero-shot FLAN-T5 mostly does."""
    return example.title


def lead_sentence(example: Product) -> str:
    """A sentence that every product could begin with, around the title."""
    title = example.title.strip().rstrip(".")
    article = "" if re.match(r"(?i)(the|a|an)\b", title) else "the "
    return f"This is {article}{title}."


def neighbours(examples: Sequence[Product], index: CatalogueIndex) -> list[Neighbour]:
    """The nearest training product of every example.

    The reference system nearest-neighbour is the first by BM25; ``similarity`` is the highest among ten, because
    BM25 ranks by rare words and the closest title by words may come second: that one is edited.
    """
    found = []
    for example, places in zip(examples, index.nearest([row.title for row in examples], CANDIDATES), strict=True):
        if not places:
            found.append(Neighbour(None, "", "", 0.0, "none"))
            continue
        own = words(example.title)
        scored = [(similarity(own, words(index.titles[place])), -rank) for rank, (place, _) in enumerate(places)]
        best, rank = max(scored)
        place = places[-rank][0]
        nearest = index.titles[place]
        edited = edit(example.title, nearest, index.payloads[place]).text
        found.append(Neighbour(nearest, index.payloads[places[0][0]], edited, best, classify(best)))
    return found


def similarity(first: Sequence[str], second: Sequence[str]) -> float:
    """Jaccard similarity of two titles' sets of words, 0 to 1 (Jaccard 1912)."""
    one, other = set(first), set(second)
    return len(one & other) / len(one | other) if one | other else 0.0


def classify(value: float) -> Similarity:
    """The class of a similarity: none, distant, near or sibling."""
    return next((kind for kind, least in THRESHOLDS if value >= least), "none")


WITHOUT_TRAINING: dict[str, Callable[[Product], str]] = {"copy-title": copy_title, "lead-sentence": lead_sentence}


def describe(examples: Sequence[Product], near: Sequence[Neighbour] | None) -> dict[str, list[str]]:
    """Predictions of every reference system, in table order; without a training split no nearest neighbour."""
    texts = {name: [write(example) for example in examples] for name, write in WITHOUT_TRAINING.items()}
    if near is None:
        return texts
    return {
        "copy-title": texts["copy-title"],
        "nearest-neighbour": [neighbour.description for neighbour in near],
        "nearest-edited": [neighbour.edited for neighbour in near],
        "lead-sentence": texts["lead-sentence"],
    }
