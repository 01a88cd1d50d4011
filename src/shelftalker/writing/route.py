"""Who writes a product: the editor of a sibling's text, the model, or nobody. Decided here and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from shelftalker.checks.check import Finding, check
from shelftalker.checks.claims import claims
from shelftalker.checks.given import Given
from shelftalker.checks.lexicon import lexicon
from shelftalker.checks.prose import joined, sentences
from shelftalker.product import Source
from shelftalker.recipe.grounding import RouteSettings
from shelftalker.retrieve.differ import text_tokens, title_tokens, tokens
from shelftalker.retrieve.edit import Edited, edit
from shelftalker.retrieve.index import words
from shelftalker.writing.trim import spared

Route = Literal["edited", "written", "declined"]

_HELPFUL = {
    "material": "a material",
    "colour": "a colour",
    "unit": "a measure",
    "size": "a size",
    "number": "a count",
    "name": "a brand or a name",
    "model_number": "a model number",
    "edition": "an edition",
}
_LEAST_LEFT = 0.5
"""Share of an edited text's words that must be left when what speaks of the sibling is gone."""
_SIBLINGS = 0.5
"""Similarity of titles from which on they show by themselves that a text about the one may serve the other."""
_STEP = 0.05  # between the thresholds that are tried


@dataclass(frozen=True)
class Routed:
    """Who writes a product, and why.

    Attributes:
        route: edited, written or declined.
        why: a sentence for people.
        text: the edited text; empty on the other routes.
        source: place of the source that was edited; None on the other routes.
        findings: what the checks find in the edited text.
    """

    route: Route
    why: str = ""
    text: str = ""
    source: int | None = None
    findings: tuple[Finding, ...] = ()


def route(given: Given, sources: Sequence[Source], settings: RouteSettings) -> Routed:
    """Choose who writes a product.

    Args:
        given: what its writer is told of it.
        sources: the nearest products of the training split, nearest first, with their whole texts.
        settings: the recipe's, with the thresholds that compare chose.
    """
    if _words_known(given) < settings.least_words:
        return Routed("declined", f"too little is known of it: {wanted(given, sources)} would help")
    why = ""
    if not isinstance(settings.edit_from, str) and settings.edit_from is not None:
        for place, source in enumerate(sources):
            if source.score < settings.edit_from:
                break
            if source.score < _SIBLINGS and not _speaks_of_both(given.title, source):
                why = why or f"not edited from {source.product.title!r}: its text says nothing that both titles say"
                continue
            edited = edit(given.title, source.product.title, source.text)
            text = edited.text if edited.why_not is None else _without(edited, given)
            findings = tuple(check(text, given)) if text else ()
            against = [found for found in findings if found.check == "contradiction"]
            if against and (text := _agreeing(text, given, len(words(edited.text)))):
                findings = tuple(check(text, given))
                against = [found for found in findings if found.check == "contradiction"]
            # A sibling's text that breaks a house rule is left to the model, which may write another.
            against = against + [found for found in findings if found.check in ("banned", "proof")]
            if text and not against:
                near = f"from {source.product.title!r}, whose title has {source.score:.2f} of its words in common"
                return Routed("edited", near, text, place, findings)
            told = against[0].why if against else edited.why_not
            why = why or f"not edited from {source.product.title!r}: {told}"
    return Routed("written", why)


def wanted(given: Given, sources: Sequence[Source]) -> str:
    """What would help most to describe a product: what its sources have and it lacks, as words for people."""
    lacking = Counter(
        name
        for source in sources
        for name, text in source.product.attributes.items()
        if text and not given.attributes.get(name)
    )
    if lacking:
        return f"the attribute {lacking.most_common(1)[0][0]!r}"
    said = Counter(
        _HELPFUL[claim.kind]
        for source in sources
        for claim in claims(source.text, given)
        if claim.support != "given" and claim.kind in _HELPFUL
    )
    kinds = [kind for kind, _ in said.most_common(2)] or ["a material", "a size"]
    return " or ".join(kinds)


def choose_threshold(similarity: Sequence[float], gains: Sequence[float]) -> float | None:
    """The similarity from which editing scores best; None: it never does.

    Of equally good thresholds the highest is taken, which leaves most to the model.

    Args:
        similarity: of products' nearest sources, 0 to 1.
        gains: score of each one's edited text over that of the model's.
    """
    best, chosen = 0.0, None
    for step in range(round(1 / _STEP), 0, -1):
        threshold = round(step * _STEP, 2)
        gain = sum(gained for near, gained in zip(similarity, gains, strict=True) if near >= threshold)
        if gain > best + 1e-9:
            best, chosen = gain, threshold
    return chosen


def _speaks_of_both(title: str, source: Source) -> bool:
    """Whether a source's text has a telling word of both titles: a novel of war is not every novel of war."""
    common = {token.key for token in title_tokens(title)} & {token.key for token in title_tokens(source.product.title)}
    telling = {key for key in common if len(key) > 1} - lexicon().stop
    return not telling.isdisjoint(text_tokens(source.text)[1])


def _without(edited: Edited, given: Given) -> str:
    """The edited text without what still speaks of the sibling; empty where that is most of it."""
    parts: list[str | None] = []
    for one in sentences(edited.text, given.words):
        starts = {start - one.start for start, _ in edited.left_at if one.start <= start < one.end}
        keys = {token.key for token in tokens(one.text) if token.start in starts} if starts else set[str]()
        parts.append(_spared(one.text, keys, given) if starts else one.text)
    return _most(parts, given, len(words(edited.text)))


def _agreeing(text: str, given: Given, length: int) -> str:
    """A text without what contradicts the title; empty where less than most of ``length`` words is left."""

    def wrong(part: str) -> list[tuple[int, int, str]]:
        return [(found.start, found.end, "") for found in check(part, given) if found.check == "contradiction"]

    parts = [spared(one.text, wrong, given.words) for one in sentences(text, given.words)]
    return _most(parts, given, length)


def _most(parts: Sequence[str | None], given: Given, length: int) -> str:
    text = joined(parts, given.title, given.words)
    return text if len(words(text)) >= _LEAST_LEFT * length else ""


def _spared(sentence: str, keys: Set[str], given: Given) -> str | None:
    """A sentence without these words, the phrases that they stand in cut out; None where no English would be left."""

    def wrong(text: str) -> list[tuple[int, int, str]]:
        return [(token.start, token.end, token.kind) for token in tokens(text) if token.key in keys]

    return spared(sentence, wrong, given.words)


def _words_known(given: Given) -> int:
    """Different words of the title, the attributes and the facts."""
    return len({word for text in (given.title, *given.attributes.values(), *given.facts) for word in words(text)})
