"""What the writer was given, and whether it supports a word, a code or a number: the one definition of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from shelftalker.checks.form import Raw
from shelftalker.checks.house import NO_RULES, House
from shelftalker.checks.lexicon import Lexicon, lexicon
from shelftalker.checks.quantities import Figures, figures

WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PIECES = re.compile(r"[-.'’]")
_GAPS = re.compile(r"[\W_]+")


class Known:
    """An input's text, ready to be asked what it supports."""

    def __init__(self, text: str, language: str = "en") -> None:
        self.words: Lexicon = lexicon(language)
        self.text = text
        self.lower = text.lower()
        self.spaced = self.lower.replace("-", " ")
        self._squeezed = _GAPS.sub("", self.lower)

    # Each is worked out when a text first asks for it: few speak of figures, colours and materials alike.
    @cached_property
    def figures(self) -> Figures:
        """Its numbers and measures."""
        return figures(self.text, self.words)

    @cached_property
    def _seen(self) -> tuple[str, ...]:
        words = WORD.findall(self.text)
        return (*words, *(piece for word in words for piece in _PIECES.split(word) if piece))

    @cached_property
    def stems(self) -> frozenset[str]:
        """Its words, and the pieces of compounds, without their endings."""
        return frozenset(map(self.words.stem, self._seen))

    @cached_property
    def colours(self) -> frozenset[str]:
        """Its words and the colours that they name or imply."""
        return self.stems.union(*map(self._colours, self._seen))

    @cached_property
    def materials(self) -> frozenset[str]:
        """Its words and the materials that they name or imply."""
        return self.stems.union(*map(self._materials, self._seen))

    def _colours(self, word: str) -> frozenset[str]:
        name = self.words.colour(word)
        implied = self.words.implied_colours
        return implied.get(name or self.words.stem(word), frozenset()) | ({name} if name else set())

    def _materials(self, word: str) -> frozenset[str]:
        name = self.words.material(word)
        implied = self.words.implied_materials
        return implied.get(name or self.words.stem(word), frozenset()) | ({name} if name else set())

    def has(self, word: str) -> bool:
        """Whether the input has the word, whatever its number and spelling, alone or inside a compound."""
        stem = self.words.stem
        if stem(word) in self.stems:
            return True
        pieces = [piece for piece in _PIECES.split(word) if piece]
        return len(pieces) > 1 and all(stem(piece) in self.stems for piece in pieces)

    def has_code(self, code: str) -> bool:
        """Whether the input has the letters and digits of ``code`` in a row, whatever stands between them."""
        return _GAPS.sub("", code.lower()) in self._squeezed


Question = Callable[[Known], Raw | None]
"""A claim of a text, to be asked of any input: what is wrong with it there; None: the input supports it."""


def unless(supported: Callable[[Known], object], kind: str, start: int, end: int, why: str) -> Question:
    """The claim at ``start:end``, with what to say of it where it is not ``supported``."""
    return lambda known: None if supported(known) else (kind, start, end, why)


@dataclass(frozen=True)
class Given:
    """What the writer was told of a product; nothing else supports a claim.

    Attributes:
        title: the product's title.
        attributes: the attributes that stand in the prompt, name to value; one that the prompt left out (a stock
            count, a picture's address) supports nothing and does not belong here.
        facts: facts typed or given beside the attributes, each a short phrase.
        language: what its catalogue is written in, as two letters (``language.language_of`` tells it from texts).
        house: the house rules that hold for it.
    """

    title: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    language: str = "en"
    house: House = NO_RULES

    @property
    def words(self) -> Lexicon:
        """The words of its language."""
        return lexicon(self.language)

    @property
    def known(self) -> Known:
        """All of it as one input, parsed once for several descriptions."""
        return known(
            "\n".join([self.title, *(str(value) for value in self.attributes.values()), *self.facts]), self.language
        )


@lru_cache(maxsize=512)
def known(text: str, language: str = "en") -> Known:
    """The input ``text``, parsed once for several descriptions."""
    return Known(text, language)
