"""Where a text may end: behind a sentence or a point of a list, or where a sentence can be closed early."""

from __future__ import annotations

import re

from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.prose import sentences
from shelftalker.length import BETWEEN, Length
from shelftalker.writing.trim import hangs

CLOSED = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
_PIECE = re.compile(r"\S+")
_OPEN = " ,;:•&+/-–—"
_LAST_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*$")
_OWNS = re.compile(r"['’]s$")
_SENTENCE = 3
"""Words that the last sentence has at least: "It folds flat."."""
_LEAST = 0.7
"""A text that is closed early under "at most" has so much of the length at least."""


def ends(text: str, words: Lexicon) -> list[int]:
    """The places behind its sentences, or behind its points if it is a list, in order."""
    if BETWEEN not in text:
        return [one.end for one in sentences(text, words)]
    found, at = [], text.find(BETWEEN)
    while at >= 0:
        found.append(at)
        at = text.find(BETWEEN, at + len(BETWEEN))
    return [*found, len(text)]


def closed_early(text: str, asked: Length, words: Lexicon) -> list[str]:
    """Beginnings of a text that keep the length and end in the middle of a sentence, with a full stop put there.

    None ends at a word that wants another behind it (an article, a preposition, an auxiliary), inside brackets or
    quotes, or with fewer words of its last sentence than a sentence has. A point of a list gets no full stop.

    Args:
        text: what was written, longer than what is wanted.
        asked: the length.
        words: the text's language.
    """
    stop = "" if BETWEEN in text else "."
    least = round(asked.count * _LEAST) if asked.at_most else 0
    starts = [0, *ends(text, words)]
    found: dict[str, None] = {}
    for piece in _PIECE.finditer(text):
        start = max(place for place in starts if place <= piece.start())
        cut = text[: piece.end()].rstrip(_OPEN)
        closed = cut + stop
        if asked.of(closed) > asked.longest:
            break
        if asked.of(closed) >= least and asked.is_kept(closed) and _may_end(cut[start:], words, is_point=not stop):
            found[closed] = None
    return list(found)


def _may_end(part: str, words: Lexicon, *, is_point: bool) -> bool:
    """Whether a sentence may be over behind ``part`` of it."""
    last = _LAST_WORD.search(part)
    if last is None or CLOSED.search(part) or _OWNS.search(part):
        return False
    if len(_PIECE.findall(part.strip(_OPEN))) < (1 if is_point else _SENTENCE):
        return False
    if part.count("(") != part.count(")") or part.count('"') % 2 or part.count("“") != part.count("”"):
        return False
    wanting = words.stop | words.prepositions | words.auxiliaries | words.articles | words.copulas | words.connectives
    return last.group().lower() not in wanting and not (words.code == "en" and hangs(part))
