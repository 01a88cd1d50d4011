"""A description with all that is known of it: who wrote it, from what, and what the checks found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shelftalker.checks.check import Finding, check
from shelftalker.checks.claims import Claim, claims
from shelftalker.checks.conflict import conflicts
from shelftalker.checks.facts import facts_used
from shelftalker.checks.given import Given
from shelftalker.checks.house import completed
from shelftalker.checks.prose import sentences
from shelftalker.product import Product, Source
from shelftalker.writing.faithful import Faithful, Policy, best, faithful, uncontradicted
from shelftalker.writing.fitted import held, off_length
from shelftalker.writing.route import Route, Routed

if TYPE_CHECKING:
    from shelftalker.checks.sense import Surprise
    from shelftalker.generation.engine import Generation
    from shelftalker.length import Length
    from shelftalker.prompt import Prepared

EDITOR = "editor"
"""What stands for an engine's signature where no model wrote."""


@dataclass(frozen=True)
class Written:
    """A description with what is known of it.

    Attributes:
        title: the product's title, as it was cleaned for the prompt.
        text: the description; empty where the product was declined.
        findings: what the checks found in it.
        tokens: tokens written, the end token included; 0 where no model wrote.
        hit_cap: whether the text was stopped by ``max_new_tokens``.
        score: mean log-probability (natural) of its tokens, where the engine gives it.
        engine: signature of what wrote it.
        candidates: with ``decoding.candidates`` above 1, all texts among which this one was chosen.
        problem: what is wrong with the input (a title that was too long), which facts the text does not say, or why
            it was declined; None: nothing.
        route: edited, written or declined.
        why: a sentence about the route, for people; mostly empty where the model wrote.
        sources: products of the training split that the text was edited from, or that the model was shown.
        given: what the writer was told, and so what the checks believe.
        prompt_tokens: tokens that the model read; 0 where no model wrote.
        field: which of the shop's fields it is; empty: the description.
    """

    title: str
    text: str
    findings: tuple[Finding, ...]
    tokens: int
    hit_cap: bool
    score: float | None
    engine: str
    candidates: tuple[str, ...] = ()
    problem: str | None = None
    route: Route = "written"
    why: str = ""
    sources: tuple[Source, ...] = ()
    given: Given = dataclasses.field(default_factory=lambda: Given(""))
    prompt_tokens: int = 0
    field: str = ""

    @property
    def heading(self) -> str:
        """The title, and which field it is where that is not the description."""
        return f"{self.title} ({self.field.replace('_', ' ')})" if self.field else self.title

    @property
    def publishable(self) -> bool:
        """There is a text, and the checks found nothing in it."""
        return bool(self.text) and not self.findings

    def summary(self) -> dict[str, Any]:
        """What a person or a program wants to know of it, as plain values."""
        return {
            "title": self.title,
            "description": self.text,
            "publishable": self.publishable,
            "findings": [{"check": one.check, "text": one.text, "why": one.why} for one in self.findings],
            "route": self.route,
            "problem": self.problem,
            **({"field": self.field} if self.field else {}),
            **({"facts": self.facts_used()} if self.given.facts else {}),
        }

    def facts_used(self) -> dict[str, bool]:
        """Every fact that the writer was told, and whether the text uses it."""
        return dict(zip(self.given.facts, facts_used(self.text, self.given.facts, self.given.language), strict=True))

    def claims(self) -> list[Claim]:
        """Every claim of the text and where it comes from: given, shared, from one source, or invented."""
        return claims(self.text, self.given, said_by(self.sources))


def said_by(sources: Sequence[Source]) -> list[str]:
    """What each source says: its title and its description."""
    return [f"{source.product.title}. {source.product.description or source.text}" for source in sources]


def declined(product: Product, given: Given, why: str, near: Sequence[Source] = ()) -> Written:
    """A product that nobody describes."""
    return Written(
        product.title, "", (), 0, False, None, EDITOR, (), why, "declined", why, tuple(near), given, field=product.field
    )


def edited(
    product: Product,
    given: Given,
    routed: Routed,
    near: Sequence[Source],
    policy: Policy,
    asked: Length | None = None,
) -> Written | None:
    """A sibling's text, edited, under the policy; None where too little is left, or it has not the length asked."""
    text, findings = routed.text, routed.findings
    if policy != "any":
        found = faithful(text, given, said_by(near), policy)
        if found.declined is not None:
            return None
        text = found.text
    if asked is not None:
        text = held(text, asked, given.words)
        if not asked.is_kept(text):
            return None
    text = completed(text, given.house)
    if text != routed.text:
        findings = tuple(check(text, given))
    assert routed.source is not None
    return Written(
        product.title,
        text,
        findings,
        tokens=0,
        hit_cap=False,
        score=None,
        engine=EDITOR,
        problem=_problem(given),
        route="edited",
        why=routed.why,
        sources=(near[routed.source],),
        given=given,
    )


def written(
    product: Product,
    known: Given,
    prompt: Prepared,
    drawn: Sequence[Generation],
    routed: Routed,
    near: Sequence[Source],
    *,
    engine: str,
    policy: Policy,
    prefer_publishable: bool,
    surprise: Surprise | None = None,
    asked: Length | None = None,
) -> Written:
    """What a model wrote, the best of its candidates, under the policy.

    Args:
        product: the product.
        known: what its prompt was to tell of it, and the house rules that hold for it.
        prompt: what the model read.
        drawn: its candidates, at least one.
        routed: why the model writes it.
        near: the sources that the model was shown.
        engine: signature of what wrote.
        policy: what a text may claim.
        prefer_publishable: of several candidates those that pass the checks come first.
        surprise: a reference language model that judges whether the text hangs together; None: nobody does.
        asked: how long the text is to be; None: nobody says.
    """
    given = replace(known, attributes=prompt.given.attributes, facts=prompt.given.facts)
    texts = tuple(one.text for one in drawn)
    capped = [one.hit_cap for one in drawn]
    chosen, found = _chosen(texts, capped, given, near, policy, prefer_publishable)
    if found is not None and found.declined is not None:
        return declined(product, given, found.declined, near)
    one = drawn[chosen]
    text, hit_cap = (found.text, found.hit_cap) if found is not None else (one.text, one.hit_cap)
    text = text if hit_cap else completed(text, given.house)
    findings = check(text, given, hit_cap=hit_cap, surprise=surprise)
    against = [one for one in findings if one.check == "contradiction"] if asked is None else []
    if against and (left := uncontradicted(text, given, against)) != text:
        last = sentences(text, given.words)[-1]  # the one that the cap broke off
        hit_cap = hit_cap and all(one.start < last.start for one in against)
        text, findings = left, check(left, given, hit_cap=hit_cap, surprise=surprise)
    return Written(
        title=product.title,
        text=text,
        findings=(*findings, *(off_length(text, asked) if asked is not None else ())),
        tokens=one.tokens,
        hit_cap=hit_cap,
        score=one.score,
        engine=engine,
        candidates=texts if len(texts) > 1 else (),
        problem=_cut(prompt.cut) if prompt.cut else _problem(given),
        why=routed.why,
        sources=tuple(near),
        given=given,
        prompt_tokens=len(prompt.ids),
        field=product.field,
    )


def _chosen(
    texts: Sequence[str],
    capped: Sequence[bool],
    given: Given,
    near: Sequence[Source],
    policy: Policy,
    prefer_publishable: bool,
) -> tuple[int, Faithful | None]:
    """Place of the best candidate, and what of it may stand; None where anything may."""
    if policy != "any":
        return best(texts, given, said_by(near), policy, hit_cap=capped)
    from shelftalker.generation.candidates import choose

    return choose(texts, given, hit_cap=capped, prefer_publishable=prefer_publishable), None


def _cut(field: str) -> str:
    lost = "the title lost its last words" if field == "title" else f"{field} was cut"
    return f"the prompt was too long: {lost}"


def _problem(given: Given) -> str | None:
    """What contradicts itself in the input; the row is described all the same."""
    return "; ".join(conflicts(given.title, given.attributes, given.language)) or None
