"""Facts that a text left out, put to the model once more: it goes on with a sentence that begins with one.

What a model is told it uses as it likes; what a person typed is to stand in the text. A fact with which the model makes
no sentence that claims nothing else is said as it is: "Hardback, 408 pages."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shelftalker.checks.check import check
from shelftalker.checks.claims import claims
from shelftalker.checks.facts import facts_used
from shelftalker.checks.prose import sentences
from shelftalker.writing.faithful import is_thin
from shelftalker.writing.written import Written

if TYPE_CHECKING:
    from shelftalker.checks.given import Given
    from shelftalker.checks.sense import Surprise
    from shelftalker.generation.engine import Engine
    from shelftalker.prompt import Prepared
    from shelftalker.recipe.decoding import Decoding

_TOKENS = 32
"""Of a sentence that begins with a fact, at most."""
_ENDS = (".", "!", "?", "…")


def unsaid(one: Written) -> list[str]:
    """The facts that its writer was told and that its text does not say."""
    return [fact for fact, used in one.facts_used().items() if not used]


def with_unsaid(one: Written) -> Written:
    """The text with the facts that it does not say named in its problem, where there are any."""
    left = unsaid(one) if one.text else []
    said = [one.problem] if one.problem else []
    return replace(one, problem="; ".join([*said, f"not said: {', '.join(left)}"])) if left else one


def told(
    engine: Engine,
    prompts: Sequence[Prepared],
    found: Sequence[Written],
    decoding: Decoding,
    surprise: Surprise | None = None,
) -> list[Written]:
    """Texts with the facts in them that they lacked, in the order of ``found``.

    Args:
        engine: what writes.
        prompts: what it read, or would have read, of each product.
        found: the texts; one that was declined, or broken off in its first sentence, is begun with its facts.
        decoding: how text is drawn; what is added is drawn greedily or by sampling, one candidate.
        surprise: judges whether the whole hangs together; None: nobody does.
    """
    signature = engine.signature()
    rows = [_Row(one, prompt, signature, _whole(one), unsaid(one)) for one, prompt in zip(found, prompts, strict=True)]
    short = decoding.over({"beams": 1, "min_new_tokens": 0, "max_new_tokens": _TOKENS})
    short = short.over({"candidates": 1}) if short.sample else short
    writer = engine.for_decoding(short)
    while open_rows := [row for row in rows if row.waiting]:
        begun = [replace(row.prompt, begun=row.begun) for row in open_rows]
        for row, drawn in zip(open_rows, writer.generate(begun, short), strict=True):
            row.take(drawn[0].text, drawn[0].tokens)
    return [row.finished(surprise) for row in rows]


@dataclass
class _Row:
    """One product: its text so far, the facts that wait for a sentence, and those that got none."""

    one: Written
    prompt: Prepared
    engine: str
    text: str
    waiting: list[str]
    bare: list[str] = field(default_factory=list)
    tokens: int = 0

    @property
    def given(self) -> Given:
        return self.one.given

    @property
    def begun(self) -> str:
        """The text, and behind it the next fact as the beginning of a sentence."""
        return f"{self.text} {_opening(self.waiting[0])}".strip()

    def take(self, written: str, tokens: int) -> None:
        """The sentence that the model made of the next fact, where it is one and claims nothing that nobody gave."""
        fact, self.tokens = self.waiting[0], self.tokens + tokens
        # A tokenizer that cannot spell the beginning gives another one back.
        added = sentences(written[len(self.text) :], self.given.words) if written.startswith(self.begun) else []
        sentence = added[0].text if added else ""
        if self._stands(sentence, fact):
            self.text = f"{self.text} {sentence}".strip()
        else:
            self.bare.append(fact)
        said = facts_used(self.text, self.waiting[1:], self.given.language)
        self.waiting = [other for other, used in zip(self.waiting[1:], said, strict=True) if not used]

    def _stands(self, sentence: str, fact: str) -> bool:
        if not sentence.rstrip("\"'”’)").endswith(_ENDS) or not all(facts_used(sentence, [fact], self.given.language)):
            return False
        if any(claim.support != "given" for claim in claims(sentence, self.given)):
            return False
        return not self._faults(f"{self.text} {sentence}") - self._faults(self.text)

    def _faults(self, text: str) -> set[tuple[str, str]]:
        return {(one.check, one.text) for one in check(text.strip(), self.given)} if text.strip() else set()

    def finished(self, surprise: Surprise | None) -> Written:
        """The row's text with its bare facts in a sentence of their own, checked anew."""
        said = facts_used(self.text, self.bare, self.given.language)
        bare = [fact for fact, used in zip(self.bare, said, strict=True) if not used]
        parts = [self.text, *(fact for fact in bare if fact.endswith(_ENDS))]
        if phrases := [fact.rstrip(" ,;:") for fact in bare if not fact.endswith(_ENDS)]:
            parts.append(f"{_opening(', '.join(phrases))}.")
        text = " ".join(part for part in parts if part)
        if text == self.one.text or (not _whole(self.one) and is_thin(text, self.given)):
            return self.one
        was_declined = self.one.route == "declined"
        return replace(
            self.one,
            text=text,
            findings=tuple(check(text, self.given, surprise=surprise)),
            tokens=self.one.tokens + self.tokens,
            hit_cap=False,
            score=None,
            route="written" if was_declined else self.one.route,
            engine=self.engine if was_declined else self.one.engine,
            why="" if was_declined else self.one.why,
            problem=None if was_declined else self.one.problem,
        )


def _opening(fact: str) -> str:
    return fact[:1].upper() + fact[1:]


def _whole(one: Written) -> str:
    """The text without the sentence that the cap broke off."""
    if not one.hit_cap or not one.text:
        return one.text
    return one.text[: sentences(one.text, one.given.words)[-1].start].rstrip()
