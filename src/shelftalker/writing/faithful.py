"""What may stand: a text without the claims that the policy forbids, still prose; the best of several candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shelftalker.checks.check import HOUSE, Finding, check
from shelftalker.checks.claims import Claim, claims
from shelftalker.checks.facts import facts_used
from shelftalker.checks.given import Given
from shelftalker.checks.house import broken, in_tone
from shelftalker.checks.prose import joined, sentences
from shelftalker.checks.quantities import quantities
from shelftalker.writing.trim import spared

Policy = Literal["given", "shared", "any"]
"""What may stand: what the input says; also what two sources or more say; anything."""

_ALLOWED = {"given": {"given"}, "shared": {"given", "shared"}, "any": {"given", "shared", "source", "invented"}}
_ATTRIBUTES = {
    "colour": "colour",
    "contradiction": "colour",
    "material": "material",
    "size": "size",
    "number": "count of parts",
    "model_number": "model number",
    "name": "maker or author",
    "edition": "edition",
    "compatibility": "what it works with",
    "certification": "certificates",
    "proof": "proof of what is claimed",
}
_MEASURES = {"length": "dimensions", "mass": "weight", "volume": "volume", "time": "duration", "power": "power"}
MIN_WORDS = 8
"""What is left of a text with fewer words is declined."""


@dataclass(frozen=True)
class Faithful:
    """A text under a policy.

    Attributes:
        text: what may stand; empty where it was declined.
        claims: its claims, each with where it comes from.
        dropped: what was taken out: sentences as they were before.
        declined: why nothing could be left standing, and which attribute would help; None: something could.
        hit_cap: whether the text still ends where the model was stopped.
    """

    text: str
    claims: tuple[Claim, ...] = ()
    dropped: tuple[str, ...] = ()
    declined: str | None = None
    hit_cap: bool = False


def faithful(
    text: str, given: Given, sources: Sequence[str] = (), policy: Policy = "given", *, hit_cap: bool = False
) -> Faithful:
    """A description without the claims that ``policy`` forbids, and without what the house rules forbid.

    A sentence with a forbidden claim is rewritten without it where the grammar allows, and left out where not; so are
    a sentence that was said before and one that the length limit broke off. What remains is joined so that no pronoun
    hangs in the air. A text that became too thin is declined.

    Args:
        text: what the model wrote.
        given: what it was told.
        sources: texts of the sources it saw.
        policy: what may stand.
        hit_cap: the model was stopped by its token limit.
    """
    if policy == "any":
        return Faithful(text, tuple(claims(text, given, sources)), hit_cap=hit_cap)
    whole = sentences(text, given.words)
    parts: list[str | None] = []
    lacking: Counter[str] = Counter()
    for place, sentence in enumerate(whole):
        broken = place == len(whole) - 1 and (
            hit_cap or (place > 0 and _ended(whole[0].text) and not _ended(sentence.text))
        )
        part = None if broken or sentence.text in parts else _allowed(sentence.text, given, sources, policy)
        if part != sentence.text:
            forbidden = _forbidden(sentence.text, given, sources, policy)
            lacking.update(_attribute(one, given) for one in forbidden if one.kind != "banned")
        parts.append(part)
    left = joined(parts, given.title, given.words)
    dropped = tuple(one.text for one, part in zip(whole, parts, strict=True) if part != one.text)
    if not left or (dropped and is_thin(left, given)):
        return Faithful("", (), dropped, _reason(lacking, given))
    return Faithful(left, tuple(claims(left, given, sources)), dropped)


def uncontradicted(text: str, given: Given, against: Sequence[Finding]) -> str:
    """A text without the sentences that contradict the title; as it was where too little would be left.

    Args:
        text: what the model wrote.
        given: what it was told.
        against: the contradictions that the checks found in it.
    """
    parts = [
        None if any(sentence.start <= one.start < sentence.end for one in against) else sentence.text
        for sentence in sentences(text, given.words)
    ]
    left = joined(parts, given.title, given.words)
    return text if is_thin(left, given) else left


def is_thin(left: str, given: Given) -> bool:
    """Whether too little is said of the product to stand alone."""
    if len(left.split()) < MIN_WORDS:
        return True
    return any(one.check in {"thin", "title_copy"} for one in check(left, given))


def _ended(sentence: str) -> bool:
    """Whether it ends as sentences do; a catalogue of bare phrases has none that does."""
    return sentence.rstrip("\"'”’)").endswith((".", "!", "?", "…"))


def best(
    candidates: Sequence[str],
    given: Given,
    sources: Sequence[str] = (),
    policy: Policy = "given",
    *,
    hit_cap: Sequence[bool] | None = None,
) -> tuple[int, Faithful]:
    """The candidate of which most can stand: position and text.

    One that can be published comes before one that cannot, then the one that breaks fewest house rules, then one in
    the house's tone, then the one that uses most of the facts given, then the one of which least was taken out, then
    the longest, then the earliest.

    Args:
        candidates: texts, at least one.
        given: what the model was told.
        sources: texts of the sources it saw.
        policy: what may stand.
        hit_cap: which candidates were stopped by the token limit.
    """
    capped = hit_cap or [False] * len(candidates)
    results = [
        faithful(text, given, sources, policy, hit_cap=cap) for text, cap in zip(candidates, capped, strict=True)
    ]
    facts = [*given.facts, *(str(value) for value in given.attributes.values() if value)]

    sounding = set(in_tone([result.text for result in results], given.house, given.language))

    def rank(place: int) -> tuple[bool, int, bool, int, int, int, int]:
        result = results[place]
        found = check(result.text, given, hit_cap=result.hit_cap)
        return (
            bool(result.text) and not found,
            -sum(one.check in HOUSE for one in found),
            place in sounding,
            sum(facts_used(result.text, facts, given.language)),
            -len(result.dropped),
            len(result.text.split()),
            -place,
        )

    chosen = max(range(len(candidates)), key=rank)
    return chosen, results[chosen]


def _forbidden(text: str, given: Given, sources: Sequence[str], policy: Policy) -> list[Claim]:
    found = [claim for claim in claims(text, given, sources) if claim.support not in _ALLOWED[policy]]
    against = [(name, start, end) for name, start, end, _ in broken(text, given.house) if start < end]
    return found + [Claim(text[start:end], start, end, name, "invented") for name, start, end in against]


def _allowed(sentence: str, given: Given, sources: Sequence[str], policy: Policy) -> str | None:
    """The sentence, or what of it may stand; None where nothing can."""

    def wrong(text: str) -> list[tuple[int, int, str]]:
        return [(one.start, one.end, one.kind) for one in _forbidden(text, given, sources, policy)]

    return spared(sentence, wrong, given.words)


def _attribute(claim: Claim, given: Given) -> str:
    if claim.kind == "unit":
        dimension = next((item.dimension for item in quantities(claim.text, given.words) if item.dimension), None)
        return _MEASURES.get(dimension or "", "measures")
    return _ATTRIBUTES.get(claim.kind, claim.kind)


def _reason(lacking: Counter[str], given: Given) -> str:
    """Why a text was declined, with the attributes that would have let most of it stand."""
    wanted = [name for name, _ in lacking.most_common(2)]
    if not wanted:
        said = {claim.kind for claim in claims(given.title, Given("", language=given.language))}
        wanted = [name for name in ("material", "colour", "size") if name not in said][:2] or ["count of parts"]
    return f"too few facts: the {' or the '.join(wanted)} would help"
