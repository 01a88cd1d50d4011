"""What can be seen to be wrong with a description from its title and columns alone: rules, no model, about 1 ms a row.

Three kinds of checks. *Claims*: a number, measure, model number, size, colour, material, name, compatibility or
certification that the input does not support; the description may be right, but nothing that the writer was given
says so. *Form*: loops, cut-off endings, copies of the title, another language, markup. *House rules*: what the shop
bans, requires, or wants to see proved.
"""

from __future__ import annotations

from dataclasses import dataclass

from shelftalker.checks import form
from shelftalker.checks.contradiction import contradictions
from shelftalker.checks.form import NO_PROSE
from shelftalker.checks.given import Given
from shelftalker.checks.house import broken, said_by_house
from shelftalker.checks.rules import unsupported
from shelftalker.checks.sense import Surprise, nonsense


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: ``text`` is ``description[start:end]``, ``why`` a sentence for people."""

    check: str
    text: str
    start: int
    end: int
    why: str


CHECKS: dict[str, str] = {
    "number": "a number or count that the input does not give",
    "unit": "a measure (number with a unit) that the input does not give, after conversion",
    "model_number": "a model number or code that the input does not give",
    "size": "a clothing, shoe, bed or paper size that the input does not give",
    "colour": "a colour that the input does not give",
    "material": "a material that the input does not give",
    "name": "a brand-like name that the input does not give",
    "compatibility": "a device, standard or product it is said to work with that the input does not give",
    "certification": "a certificate, approval, award or guarantee that the input does not give",
    "edition": "an edition or binding that the input does not give",
    "contradiction": "a colour, size, measure or count other than the title's",
    "thin": "hardly a word beyond the title",
    "repetition": "a loop: the same words again and again",
    "cut_off": "an ending in the middle of a sentence",
    "title_copy": "nothing but the title again",
    "language": "another language than its catalogue's",
    "nonsense": "a sentence that does not hang together (only where a reference language model is at hand)",
    "markup": "leftover tags, entities, special tokens or pieces of the prompt",
    "banned": "a word that the house rules ban",
    "required": "a phrase missing that the house rules want for such products",
    "proof": "a claim that the house rules want proved, and no attribute or fact proves",
}
"""Name of every check and what it looks for."""

FORM = frozenset(
    {"thin", "repetition", "cut_off", "title_copy", "language", "nonsense", "markup", "banned", "required"}
)
"""The checks on form; the others judge claims."""

HOUSE = frozenset({"banned", "required", "proof"})
"""The checks on house rules."""


def check(text: str, given: Given, *, hit_cap: bool = False, surprise: Surprise | None = None) -> list[Finding]:
    """Find what ``given`` does not support and what is malformed in ``text``.

    Args:
        text: the description to check.
        given: what its writer was told: title, attributes that stand in the prompt, facts.
        hit_cap: the generation was stopped by its token limit.
        surprise: a reference language model (``models.surprise``), for the check `nonsense`, which is off without one.
            A reading costs more than all the rest, so it is asked last, where nothing else was found.

    Returns:
        The findings in order of their place; none: the description is publishable.
    """
    faults = list(form.findings(given.title, text, given.words, hit_cap=hit_cap))
    # Text that is no prose of its language makes no claims that its word lists could judge.
    taken = [(start, end) for name, start, end, _ in faults if name in NO_PROSE]
    # Nor does what the house has written into the text itself.
    claims = unsupported(given.known, text, taken + said_by_house(text, given.house))
    against = contradictions(given, text, claims)
    spans = {(start, end) for _, start, end, _ in against}
    faults += broken(text, given.house) + against + [claim for claim in claims if claim[1:3] not in spans]
    if surprise is not None and not faults and given.language == "en":
        faults += nonsense(given.title, text, surprise)
    faults.sort(key=lambda fault: (fault[1], fault[2], fault[0]))
    return [Finding(name, text[start:end], start, end, why) for name, start, end, why in faults]
