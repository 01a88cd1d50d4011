"""Every claim of a description and where it comes from: given, shared by sources, from one source, or invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shelftalker.checks import form
from shelftalker.checks.form import Raw
from shelftalker.checks.given import Given, known
from shelftalker.checks.rules import unsupported

Support = Literal["given", "shared", "source", "invented"]
"""The input says so; two sources or more say so; one source says so; nobody does."""


@dataclass(frozen=True)
class Claim:
    """Something that can be true or false: ``text`` is ``description[start:end]``, ``kind`` the check that judges it.

    Attributes:
        kind: number, unit, model_number, size, colour, material, name (of a brand, a person, a place), edition,
            compatibility or certification (certificates, approvals, guarantees, "free of").
        support: where it comes from.
        by: positions of the sources that say so, where the input does not.
    """

    text: str
    start: int
    end: int
    kind: str
    support: Support
    by: tuple[int, ...] = ()


def claims(text: str, given: Given, sources: Sequence[str] = ()) -> list[Claim]:
    """Every claim of ``text`` in order.

    Args:
        text: the description.
        given: what its writer was told.
        sources: texts of the sources that the writer saw (title and description of each); they are other products,
            so what they say is no fact of this one.
    """
    taken = [(start, end) for name, start, end, _ in form.faults_of_prose(text, given.words)]
    lacking = unsupported(given.known, text, taken)
    said = [raw for raw in unsupported(known("", given.language), text, taken) if not _met(raw, lacking)]
    missing = [unsupported(known(source, given.language), text, taken) for source in sources] if lacking else []
    found = [Claim(text[start:end], start, end, kind, "given") for kind, start, end, _ in said]
    for raw in lacking:
        by = tuple(number for number, faults in enumerate(missing) if not _met(raw, faults))
        support: Support = "shared" if len(by) > 1 else "source" if by else "invented"
        found.append(Claim(text[raw[1] : raw[2]], raw[1], raw[2], raw[0], support, by))
    return sorted(found, key=lambda claim: (claim.start, claim.end))


def _met(raw: Raw, others: Sequence[Raw]) -> bool:
    """Whether one of ``others`` shares a character with ``raw``."""
    return any(raw[1] < end and start < raw[2] for _, start, end, _ in others)
