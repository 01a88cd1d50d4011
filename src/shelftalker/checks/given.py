"""What the writer was given, and whether it supports a word, a code or a number: the one definition of both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from shelftalker.checks.lexicon import IMPLIED_COLOURS, IMPLIED_MATERIALS, stem
from shelftalker.checks.quantities import Figures, figures

WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PIECES = re.compile(r"[-.'’]")
_GAPS = re.compile(r"[\W_]+")


class Known:
    """An input's text, ready to be asked what it supports."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = text.lower()
        self.spaced = self.lower.replace("-", " ")
        self.figures: Figures = figures(text)
        words = [match.group() for match in WORD.finditer(text)]
        pieces = [piece for word in words for piece in _PIECES.split(word) if piece]
        self.stems = frozenset(stem(word) for word in [*words, *pieces])
        self._squeezed = _GAPS.sub("", self.lower)
        self.colours = self.stems | {name for word in self.stems for name in IMPLIED_COLOURS.get(word, "").split()}
        implied = {name for word in self.stems for name in IMPLIED_MATERIALS.get(word, "").split()}
        self.materials = self.stems | implied

    def has(self, word: str) -> bool:
        """Whether the input has the word, whatever its number and spelling, alone or inside a compound."""
        if stem(word) in self.stems:
            return True
        pieces = [piece for piece in _PIECES.split(word) if piece]
        return len(pieces) > 1 and all(stem(piece) in self.stems for piece in pieces)

    def has_code(self, code: str) -> bool:
        """Whether the input has the letters and digits of ``code`` in a row, whatever stands between them."""
        return _GAPS.sub("", code.lower()) in self._squeezed


@dataclass(frozen=True)
class Given:
    """What the writer was told of a product; nothing else supports a claim.

    Attributes:
        title: the product's title.
        attributes: the attributes that stand in the prompt, name to value; one that the prompt left out (a stock
            count, a picture's address) supports nothing and does not belong here.
        facts: facts typed or given beside the attributes, each a short phrase.
    """

    title: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()

    @property
    def known(self) -> Known:
        """All of it as one input, parsed once for several descriptions."""
        return known("\n".join([self.title, *(str(value) for value in self.attributes.values()), *self.facts]))


@lru_cache(maxsize=512)
def known(text: str) -> Known:
    """The input ``text``, parsed once for several descriptions."""
    return Known(text)
