"""A text held at the length that is asked for: it ends where a sentence or a line ends, never in a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shelftalker.checks.check import Finding
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.prose import sentences
from shelftalker.length import BETWEEN, Length

if TYPE_CHECKING:
    from shelftalker.generation.engine import Generation

_CLOSED = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")


def held(text: str, asked: Length, words: Lexicon, *, hit_cap: bool = False) -> str:
    """The beginning of a text that comes nearest to the length, up to the end of a sentence or of a point of a list.

    What is longer than asked for is only taken where nothing shorter is there.

    Args:
        text: what was written.
        asked: the length.
        words: the text's language, for its abbreviations.
        hit_cap: its last sentence was broken off.
    """
    ends = _ends(text, words)
    if hit_cap and len(ends) > 1 and not _CLOSED.search(text):
        ends.pop()
    starts = [text[:end] for end in ends] or [text]
    fitting = [start for start in starts if asked.of(start) <= asked.longest]
    if not fitting:
        return starts[0]
    return max(fitting, key=len) if asked.at_most else min(fitting, key=lambda start: (asked.off(start), -len(start)))


def _ends(text: str, words: Lexicon) -> list[int]:
    """Where the text may end, in order."""
    if BETWEEN not in text:
        return [one.end for one in sentences(text, words)]
    ends, at = [], text.find(BETWEEN)
    while at >= 0:
        ends.append(at)
        at = text.find(BETWEEN, at + len(BETWEEN))
    return [*ends, len(text)]


def nearest(drawn: Sequence[Generation], asked: Length, words: Lexicon) -> list[Generation]:
    """The candidates held at the length: those that keep it, or, where none does, the one that is least off."""
    found = []
    for one in drawn:
        text = held(one.text, asked, words, hit_cap=one.hit_cap)
        found.append(replace(one, text=text, hit_cap=one.hit_cap and text == one.text))
    return [one for one in found if asked.is_kept(one.text)] or [min(found, key=lambda one: asked.off(one.text))]


def has_length(drawn: Sequence[Generation], asked: Length, words: Lexicon) -> bool:
    """Whether one of the candidates, held at the length, keeps it."""
    return asked.is_kept(nearest(drawn, asked, words)[0].text)


def off_length(text: str, asked: Length) -> list[Finding]:
    """What is to be said of a text that does not keep the length."""
    if not text or asked.is_kept(text):
        return []
    return [Finding("length", text, 0, len(text), f"{asked.of(text)} {asked.unit}; asked for were {asked}")]
