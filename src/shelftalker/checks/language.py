"""Which language a text or a catalogue is written in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from shelftalker.checks.lexicon import lexicon, stop_words

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
SAMPLE = 500
"""Texts of a catalogue that are asked for its language."""
MIXED = 0.05
"""Share of its descriptions from which a catalogue is in a language, too."""
_SURE = 0.8
_MANY = 40


def language_of(text: str) -> str | None:
    """The language of a text as two letters; None where it cannot be told (names, figures, a word or two).

    Function words decide where they are clear; else py3langid (Lui and Baldwin 2012), which loads on first use.
    """
    best, most = _by_words(text)
    if best is not None:
        return best
    if len(text) < _MANY and most == 0 and text.isascii():
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability >= _SURE else None


@lru_cache(maxsize=4096)
def clear_language(text: str) -> str | None:
    """The language of a text by its function words alone; None where they are few or of several languages."""
    return _by_words(text)[0]


def _by_words(text: str) -> tuple[str | None, int]:
    """The language whose function words are clearly the most, and how many there are of the most frequent one."""
    known = _spoken()
    counts = Counter(code for word in _WORD.findall(text) for code in known.get(word.lower(), ()))
    (best, most), (_, next_best) = (*counts.most_common(2), ("", 0), ("", 0))[:2]
    return (best if most >= 3 and most >= 1.5 * next_best else None), most


@lru_cache(maxsize=1)
def _spoken() -> dict[str, tuple[str, ...]]:
    """Function word -> the languages that it belongs to."""
    profiles = stop_words()
    words = {word for profile in profiles.values() for word in profile}
    return {word: tuple(code for code, profile in profiles.items() if word in profile) for word in words}


def code_of(name: str) -> str | None:
    """What a column calls a language as two letters: `pt-BR`, `PT` and `Portuguese` are pt; None: it is unknown."""
    said = name.strip().casefold()
    if re.fullmatch(r"[a-z]{2}(?:[-_].*)?", said):
        return said[:2]
    return next((code for code in stop_words() if lexicon(code).name.casefold() == said), None)


def of_neighbours(texts: Iterable[str]) -> str | None:
    """The language in which most of a product's neighbours are described, two at least; None: they do not agree."""
    found = Counter(code for text in texts if (code := clear_language(text)))
    code, count = next(iter(found.most_common(1)), (None, 0))
    return code if count >= 2 and count > found.total() / 2 else None


def spoken_in(texts: Iterable[str]) -> dict[str, float]:
    """The languages of a catalogue's descriptions with their shares (0 to 1), most frequent first, by clear texts."""
    found = Counter(code for text in texts if (code := clear_language(text)))
    return {code: count / found.total() for code, count in found.most_common()}


def main_language(texts: Iterable[str], otherwise: str = "en") -> str:
    """The language that most of a catalogue's descriptions are written in.

    Args:
        texts: descriptions; the first few hundred are looked at.
        otherwise: the answer where none can be told.
    """
    found = Counter(code for text in islice(texts, SAMPLE) if (code := language_of(text)))
    return found.most_common(1)[0][0] if found else otherwise


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
