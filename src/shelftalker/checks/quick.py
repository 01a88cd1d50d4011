"""Cheap questions before dear ones: in most texts there is nothing to judge, and a look at their words says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+")
_MOST = 1 << 17  # words that a sieve remembers
_UPPER = re.compile(r"\(\?P|\\.|[A-Z]")
_LIKE_ASCII = frozenset("ıİſ\u212a")  # to a pattern that ignores case these are i, s and k


@lru_cache(maxsize=1024)
def words_in(text: str) -> frozenset[str]:
    """The different words (runs of letters) of a text, as written."""
    return frozenset(WORD.findall(text))


class Sieve:
    """Which of some words pass a test; answers are remembered, so that most texts cost two set operations.

    Args:
        passes: the test, which must always say the same of a word.
    """

    def __init__(self, passes: Callable[[str], object]) -> None:
        self._passes = passes
        self._passed: set[str] = set()
        self._known: set[str] = set()

    def __call__(self, words: frozenset[str]) -> list[str]:
        """The words that pass, in no order."""
        found = list(words & self._passed)
        new = words - self._known
        if new:
            passing = [word for word in new if self._passes(word)]
            found += passing
            if len(self._known) < _MOST:
                self._passed.update(passing)
                self._known |= new
        return found


class Caseless:
    """A regular expression whatever the case: in plain ASCII first looked for in small letters, which is far quicker.

    Args:
        source: the expression.
    """

    def __init__(self, source: str) -> None:
        self.pattern = re.compile(source, re.IGNORECASE)
        self._small = None if _LIKE_ASCII & set(source) else re.compile(_UPPER.sub(_small, source))

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All matches, in order."""
        return self.pattern.finditer(text) if self.may_be_in(text) else iter(())

    def search(self, text: str) -> re.Match[str] | None:
        """The first match."""
        return self.pattern.search(text) if self.may_be_in(text) else None

    def may_be_in(self, text: str) -> bool:
        """False: it is not in the text."""
        return self._small is None or not text.isascii() or self._small.search(text.lower()) is not None


def _small(match: re.Match[str]) -> str:
    return match.group().lower() if len(match.group()) == 1 else match.group()
