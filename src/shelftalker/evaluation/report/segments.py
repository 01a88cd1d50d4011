"""Text cut where findings begin and end, so that page and script highlight without counting characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from shelftalker.evaluation.results import Finding

Segment = str | tuple[str, list[int]]
"""Plain text, or text with the numbers of the findings that cover it."""


def segments(text: str, findings: Sequence[Finding]) -> list[Segment]:
    """Cut ``text`` at the ends of ``findings``; empty findings vanish, overlapping ones share a piece."""
    size = len(text)
    spans = [(max(0, item.start), min(size, item.end)) for item in findings]
    cuts = sorted({0, size, *(at for start, end in spans if start < end for at in (start, end))})
    pieces: list[Segment] = []
    for start, end in pairwise(cuts):
        covering = [number for number, span in enumerate(spans) if span[0] <= start and end <= span[1]]
        pieces.append((text[start:end], covering) if covering else text[start:end])
    return pieces
