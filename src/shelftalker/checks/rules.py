"""All rules on claims, applied in turn: what a text says that an input does not support."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shelftalker.checks import figures, promises, words
from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known
from shelftalker.checks.quantities import quantities


def unsupported(known: Known, text: str, taken: Sequence[tuple[int, int]] = ()) -> list[Raw]:
    """Claims of ``text`` that ``known`` does not support; what one rule explains, a later one does not report again.

    Args:
        known: the input; the empty one supports nothing, so that every claim comes back.
        text: the description.
        taken: spans that are no prose, and so claim nothing.
    """
    found = quantities(text, known.words)
    groups: tuple[Iterable[Raw], ...] = (
        promises.certifications(known, text),
        promises.compatibility(known, text),
        promises.editions(known, text),
        figures.sizes(known, text),
        figures.model_numbers(known, text, found),
        figures.numbers(known, text, found),
        words.colours(known, text),
        words.materials(known, text),
        words.names(known, text),
    )
    claims: list[Raw] = []
    seen = list(taken)
    for group in groups:
        new = [raw for raw in group if not any(raw[1] < end and start < raw[2] for start, end in seen)]
        seen += ((start, end) for _, start, end, _ in new)
        claims += new
    return claims
