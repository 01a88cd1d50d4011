"""Which language a text or a catalogue is written in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from shelftalker.checks.lexicon import stop_words

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
SAMPLE = 500
"""Texts of a catalogue that are asked for its language."""
_SURE = 0.8
_MANY = 40


def language_of(text: str) -> str | None:
    """The language of a text as two letters; None where it cannot be told (names, figures, a word or two).

    Function words decide where they are clear; else py3langid (Lui and Baldwin 2012), which loads on first use.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    counts = Counter({code: sum(word in stops for word in words) for code, stops in stop_words().items()})
    (best, most), (_, next_best) = counts.most_common(2)
    if most >= 3 and most >= 1.5 * next_best:
        return best
    if len(text) < _MANY and most == 0 and text.isascii():
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability >= _SURE else None


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
