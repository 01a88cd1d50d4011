"""Recipe section of a shop's house rules: banned words, required phrases, claims that need proof, tone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pydantic import field_validator, model_validator

from shelftalker.recipe.section import Section

KNOWN_PROOF = ("medical", "ecological")
"""Kinds of claims that need proof for which every language brings words of its own."""
_GAP = re.compile(r"[\s\u00a0\-\u2010-\u2013]+")


class Required(Section):
    """A phrase that some products' descriptions must hold."""

    phrase: str
    """The phrase, in any letter case."""
    where: dict[str, str | list[str]] = {}
    """Column = value, or one of several values (`*` stands for anything); none: every product."""
    add: bool = False
    """Put it at the end of a finished text that lacks it."""


class Proof(Section):
    """Claims of one kind, which may stand only where an attribute or a fact of the product proves them."""

    claims: list[str] = []
    """Words and phrases (`heal*`: whatever begins so); empty, for medical and ecological: the language's own list."""
    proved_by: list[str] = []
    """What one of the product's attributes or facts must say, such as a certificate's name; empty: the claim itself."""
    columns: list[str] = []
    """Columns that may hold the proof, beside the attributes in the prompt."""


class Tone(Section):
    """Texts that show how the house writes; of several candidates those that sound like them are preferred."""

    like: list[str] = []
    """Texts in the house's tone."""
    unlike: list[str] = []
    """Texts that are not."""


class HouseSettings(Section):
    """House rules: inline, or `house: FILE`, a YAML file with these keys; what is broken is a finding."""

    banned: list[str] = []
    """Words and phrases that no description may hold, in any letter case (`cheap*`: whatever begins so)."""
    required: list[Required] = []
    """Phrases that descriptions must hold: `phrase`, `where` (column: value), `add` (put it at the end)."""
    proof: dict[str, Proof] = {}
    """Kind of claims (medical, ecological, or a name of your own) to `claims`, `proved_by` and `columns`."""
    tone: Tone = Tone()

    @field_validator("banned")
    @classmethod
    def _said(cls, value: list[str]) -> list[str]:
        if any(not _words(one) for one in value):
            raise ValueError("an empty word bans everything")
        return value

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> HouseSettings:
        for rule in self.required:
            if not _words(rule.phrase):
                raise ValueError("a required phrase is empty")
            self._holds_no_banned_word(rule.phrase, "required phrase")
        for text in self.tone.like:
            self._holds_no_banned_word(text, "text in the house's tone")
        for name, proof in self.proof.items():
            if not proof.claims and name not in KNOWN_PROOF:
                raise ValueError(
                    f"proof.{name} lists no claims: only {' and '.join(KNOWN_PROOF)} have words of their own"
                )
            if any(not _words(one) for one in (*proof.claims, *proof.proved_by)):
                raise ValueError(f"proof.{name} has an empty word")
        return self

    def _holds_no_banned_word(self, text: str, what: str) -> None:
        for banned in self.banned:
            if phrases([banned]).search(text):
                raise ValueError(f"the rules contradict each other: the {what} {text!r} holds the banned {banned!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the catalogue that the rules look at."""
        asked = [name for rule in self.required for name in rule.where]
        return tuple(dict.fromkeys([*asked, *(name for proof in self.proof.values() for name in proof.columns)]))

    def __bool__(self) -> bool:
        return bool(self.banned or self.required or self.proof or self.tone.like or self.tone.unlike)


def phrases(given: Iterable[str]) -> re.Pattern[str]:
    """What finds any of some phrases: whole words, in any letter case, however they are spaced or hyphenated."""
    return _pattern(tuple(given))


@lru_cache(maxsize=1024)
def _pattern(given: tuple[str, ...]) -> re.Pattern[str]:
    # Longest first: "free from BPA" is found whole where "free" is a phrase too.
    found = sorted(given, key=len, reverse=True)
    return re.compile("|".join(_one(phrase) for phrase in found) or r"(?!)", re.IGNORECASE)


def _one(phrase: str) -> str:
    is_open = phrase.rstrip().endswith("*")
    words = _words(phrase)
    before = r"(?<!\w)" if re.match(r"\w", words[0]) else ""
    after = r"\w*" if is_open else r"(?!\w)" if re.search(r"\w$", words[-1]) else ""
    return before + _GAP.pattern.join(re.sub("['’]", "['’]", re.escape(word)) for word in words) + after


def _words(phrase: str) -> list[str]:
    return [word for word in _GAP.split(phrase.replace("*", " ")) if word]
