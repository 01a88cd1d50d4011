"""Text with pieces of it marked, and why: the one highlighter of report, playground and notebook."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Protocol

Segment = str | tuple[str, list[int]]
"""Plain text, or text with the numbers of what covers it."""
_ORDER = ("form", "invented", "source", "shared", "given")  # which colour wins where two overlap


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


class Claim(Protocol):
    """A claim of a text and where it comes from (checks/claims.py)."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One past the last."""

    @property
    def support(self) -> str:
        """given, shared, source or invented."""


@dataclass(frozen=True)
class Mark:
    """A piece of a text to be marked: ``text[start:end]``, with the reason, in the colour of ``kind``."""

    start: int
    end: int
    why: str
    kind: str


SUPPORT = {
    "given": "the title, attributes or facts say so",
    "shared": "several similar products say so; this one's title does not",
    "source": "one similar product says so; this one's title does not",
    "invented": "nothing that was given says so",
}
"""Where a claim comes from, in words."""


def marks(findings: Iterable[Finding], form: Container[str] = (), claims: Iterable[Claim] = ()) -> list[Mark]:
    """What to mark: what was found, and the claims that are supported.

    Args:
        findings: what the checks found.
        form: checks that judge the form; the others judge claims.
        claims: claims with where they come from; those that a finding is about give it its kind.
    """
    known = list(claims)
    found = []
    for one in findings:
        support = next(
            (claim.support for claim in known if claim.start < one.end and one.start < claim.end), "invented"
        )
        kind = "form" if one.check in form else support
        why = f"{pretty(one.check)}: {one.why}"
        if kind in ("shared", "source"):
            why += f" ({SUPPORT[kind]})"
        found.append(Mark(one.start, one.end, why, kind))
    found += [Mark(claim.start, claim.end, SUPPORT["given"], "given") for claim in known if claim.support == "given"]
    return found


def segments(text: str, spans: Iterable[Finding | Mark]) -> list[Segment]:
    """Cut ``text`` at the ends of ``spans``; empty ones vanish, overlapping ones share a piece."""
    size = len(text)
    ends = [(max(0, item.start), min(size, item.end)) for item in spans]
    cuts = sorted({0, size, *(at for start, end in ends if start < end for at in (start, end))})
    pieces: list[Segment] = []
    for start, end in pairwise(cuts):
        covering = [number for number, span in enumerate(ends) if span[0] <= start and end <= span[1]]
        pieces.append((text[start:end], covering) if covering else text[start:end])
    return pieces


def marked(text: str, found: Sequence[Mark]) -> str:
    """``text`` as HTML, escaped, with <mark>s of their kind's class, each with its reasons."""
    parts = []
    for piece in segments(text, found):
        if isinstance(piece, str):
            parts.append(escape(piece))
            continue
        over = sorted((found[number] for number in piece[1]), key=lambda one: _ORDER.index(one.kind))
        why = escape(" ".join(dict.fromkeys(one.why for one in over)))
        parts.append(f'<mark class="{over[0].kind}" tabindex="0" data-why="{why}">{escape(piece[0])}</mark>')
    return "".join(parts)


def pretty(check: str) -> str:
    """A check's name for people."""
    return check.replace("_", " ")
