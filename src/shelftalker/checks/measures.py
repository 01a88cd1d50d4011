"""How faithful a description is, in counts whose sums over rows give the rates of a whole system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shelftalker.checks.claims import claims
from shelftalker.checks.contradiction import contradictions
from shelftalker.checks.facts import facts_used
from shelftalker.checks.given import Given
from shelftalker.checks.rules import unsupported

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
RUN = 5
"""A run of so many words in a row that a source has, too, counts as copied."""


@dataclass(frozen=True)
class Faith:
    """Counts of one description; a rate is the sum of its first count over the sum of its second.

    Attributes:
        given: claims that the input supports.
        shared: claims that two sources or more support, and the input does not.
        claims: all claims. Precision is given (or given and shared) over this.
        used: facts and attributes that the text says.
        facts: facts and attributes that it was given. Recall is used over this.
        title_used: words of the title, function words aside, that the text uses.
        title: such words that the title has.
        copied: words in runs that a source has word for word.
        words: all words. The share copied is copied over this.
        contradictions: claims against the title.
    """

    given: int
    shared: int
    claims: int
    used: int
    facts: int
    title_used: int
    title: int
    copied: int
    words: int
    contradictions: int


def faith(text: str, given: Given, sources: Sequence[str] = ()) -> Faith:
    """Count claims, facts, copies and contradictions of one description.

    Args:
        text: the description.
        given: what its writer was told.
        sources: texts of the sources that the writer saw.
    """
    found = claims(text, given, sources)
    told = [*given.facts, *(str(value) for value in given.attributes.values() if str(value).strip())]
    words = [match.group().lower() for match in _WORD.finditer(text)]
    stem = given.words.stem
    said = {stem(word) for word in words}
    named = {stem(word) for word in _WORD.findall(given.title) if word.lower() not in given.words.stop}
    return Faith(
        given=sum(claim.support == "given" for claim in found),
        shared=sum(claim.support == "shared" for claim in found),
        claims=len(found),
        used=sum(facts_used(text, told, given.language)),
        facts=len(told),
        title_used=len(named & said),
        title=len(named),
        copied=_copied(words, sources),
        words=len(words),
        contradictions=len(contradictions(given, text, unsupported(given.known, text))),
    )


def _copied(words: Sequence[str], sources: Sequence[str]) -> int:
    """How many of ``words`` stand in a run that a source has."""
    runs: set[tuple[str, ...]] = set()
    for source in sources:
        theirs = [match.group().lower() for match in _WORD.finditer(source)]
        runs |= {tuple(theirs[place : place + RUN]) for place in range(len(theirs) - RUN + 1)}
    taken: set[int] = set()
    for place in range(len(words) - RUN + 1):
        if tuple(words[place : place + RUN]) in runs:
            taken.update(range(place, place + RUN))
    return len(taken)
