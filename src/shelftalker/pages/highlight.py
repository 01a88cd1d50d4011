"""Text with pieces of it marked, and why: the one highlighter of report, playground and notebook."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Protocol

Segment = str | tuple[str, list[int]]
"""Plain text, or text with the numbers of the findings that cover it."""


class Finding(Protocol):
    """What a check found in a text, from ``start`` to ``end`` in characters."""

    @property
    def check(self) -> str:
        """Which check."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One past the last."""

    @property
    def why(self) -> str:
        """A sentence for people."""


def segments(text: str, findings: Iterable[Finding]) -> list[Segment]:
    """Cut ``text`` at the ends of ``findings``; empty findings vanish, overlapping ones share a piece."""
    size = len(text)
    spans = [(max(0, item.start), min(size, item.end)) for item in findings]
    cuts = sorted({0, size, *(at for start, end in spans if start < end for at in (start, end))})
    pieces: list[Segment] = []
    for start, end in pairwise(cuts):
        covering = [number for number, span in enumerate(spans) if span[0] <= start and end <= span[1]]
        pieces.append((text[start:end], covering) if covering else text[start:end])
    return pieces


def marked(text: str, findings: Sequence[Finding], form: Container[str] = ()) -> str:
    """``text`` as HTML, escaped, its findings in <mark>, each with its reasons and within reach of the keyboard.

    Args:
        text: a description.
        findings: what was found in it.
        form: checks whose marks have the class ``form``.
    """
    parts = []
    for piece in segments(text, findings):
        if isinstance(piece, str):
            parts.append(escape(piece))
            continue
        over = [findings[number] for number in piece[1]]
        css = ' class="form"' if any(one.check in form for one in over) else ""
        why = escape(" ".join(f"{pretty(one.check)}: {one.why}" for one in over))
        parts.append(f'<mark{css} tabindex="0" data-why="{why}">{escape(piece[0])}</mark>')
    return "".join(parts)


def pretty(check: str) -> str:
    """A check's name for people."""
    return check.replace("_", " ")
