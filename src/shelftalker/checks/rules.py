"""All rules on claims, applied in turn: what a text says that an input does not support."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from shelftalker.checks import figures, promises, words
from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known, Question
from shelftalker.checks.lexicon import Lexicon


@lru_cache(maxsize=4096)
def questions(text: str, words_: Lexicon) -> tuple[tuple[Question, ...], ...]:
    """What a text claims, by rule: looked for once, and asked of its title, of its sources, of another's title."""
    rules = (
        promises.certifications,
        promises.works_with,
        promises.technologies,
        promises.editions,
        figures.sizes,
        figures.model_numbers,
        figures.numbers,
        words.colours,
        words.materials,
        words.names,
    )
    return tuple(found for rule in rules if (found := tuple(rule(text, words_))))


def unsupported(known: Known, text: str, taken: Sequence[tuple[int, int]] = ()) -> list[Raw]:
    """Claims of ``text`` that ``known`` does not support; what one rule explains, a later one does not report again.

    Args:
        known: the input; the empty one supports nothing, so that every claim comes back.
        text: the description.
        taken: spans that are no prose, and so claim nothing.
    """
    claims: list[Raw] = []
    seen = list(taken)
    for asked in questions(text, known.words):
        lacking = [raw for ask in asked if (raw := ask(known)) is not None]
        new = [raw for raw in lacking if not any(raw[1] < end and start < raw[2] for start, end in seen)]
        seen += ((start, end) for _, start, end, _ in new)
        claims += new
    return claims
