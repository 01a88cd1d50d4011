"""Facts: short phrases that say what a description claims beyond its title, mined, kept or dropped, and looked for."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shelftalker.checks.given import Given, Known, known
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.prose import joined, sentences
from shelftalker.checks.quantities import quantities
from shelftalker.checks.rules import unsupported

_WORD = re.compile(r"[^\W_]+(?:['’.,/-][^\W_]+)*")
_NEXT = re.compile(r"[ -]([^\W_]+(?:['’/-][^\W_]+)*)")
_CAPITALISED = re.compile(r"(?<![^\s(\"“‘])[A-Z][\w’'-]+ $")
_CAPITAL = re.compile(r" [A-Z][\w'’-]*")
_BREAK = re.compile(r"[.,;:!?()–—\"“”]")
_OF_SOMETHING = frozenset({"number", "unit", "colour", "material", "size", "model_number"})
_NAMES = frozenset({"name", "compatibility", "certification", "model_number"})


@dataclass(frozen=True)
class Fact:
    """A phrase of a description and its evidence.

    Attributes:
        text: the phrase, as short as it can be understood ("twelve outlines", "soup for twenty", "carries 120 kg").
        sentence: the sentence that says it.
        position: that sentence's position in the description.
    """

    text: str
    sentence: str
    position: int


def mine(description: str, given: Given) -> list[Fact]:
    """The facts of a description that its writer was not given anyway, in order, each once.

    Args:
        description: a text that people wrote.
        given: its product's title, and the attributes that stand in the prompt.
    """
    facts: dict[str, Fact] = {}
    for position, sentence in enumerate(sentences(description, given.words)):
        for text in _phrases(sentence.text, given):
            facts.setdefault(text.lower(), Fact(text, sentence.text, position))
    return list(facts.values())


def _phrases(sentence: str, given: Given) -> list[str]:
    """The phrases around the claims of one sentence; those that overlap become one."""
    spans: list[tuple[int, int, str]] = []
    for kind, start, end, _ in sorted(unsupported(given.known, sentence), key=lambda raw: raw[1]):
        start, end = _phrase(sentence, kind, start, end, given.words)
        if spans and (start < spans[-1][1] or sentence[spans[-1][1] : start] in {" ", "-"}):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), spans[-1][2])
        else:
            spans.append((start, end, kind))
    return [_lowered(sentence[start:end], kind) if start == 0 else sentence[start:end] for start, end, kind in spans]


def _lowered(phrase: str, kind: str) -> str:
    """A sentence's first words without the capital that only their place gave them."""
    first = _WORD.match(phrase)
    keeps = kind in _NAMES or first is None or not (first.group()[1:].islower() or len(first.group()) == 1)
    return phrase if keeps else phrase[:1].lower() + phrase[1:]


def _phrase(text: str, kind: str, start: int, end: int, words: Lexicon) -> tuple[int, int]:
    """A claim's span with the words that say what it is about."""
    if kind == "name":
        while following := _CAPITAL.match(text, end):
            end = following.end()
        while earlier := _CAPITALISED.search(text, 0, start):
            start = earlier.start()
        return (
            _before(text, start, words)
            if words.pattern("patterns", "of_name").search(text, max(0, start - 12), start)
            else start
        ), end
    if kind not in _OF_SOMETHING:
        return start, end
    lasting = kind == "unit" and any(item.dimension == "time" for item in quantities(text[start:end], words))
    after = end if lasting and text[end : end + 1] != "-" else _after(text, end, words, 3 if kind == "number" else 2)
    return (start, after) if after > end else (_before(text, start, words), end)


def _after(text: str, end: int, words: Lexicon, most: int) -> int:
    """Where the noun ends that follows ``end`` ("twelve | engraved plates in a ..."); ``end`` where none does."""
    position = end
    for count in range(most):
        word = _NEXT.match(text, position)
        if (
            word is None
            or word[1].lower() in words.prepositions | words.auxiliaries
            or word[1][0].isdigit()
            or len(word[1]) < 2
        ):
            break
        if count and words.pattern("patterns", "done").fullmatch(word[1]):
            break  # "birch handle | stamped with": what was done to it
        position = word.end()
        if most > 2 and word[1].endswith("s") and not word[1].endswith(("ss", "us")):
            break  # "two cross braces | stop the sides": what is counted
    return position


def _before(text: str, start: int, words: Lexicon) -> int:
    """Where the word begins that ``start`` depends on ("carries |120 kg", "a festival in |Marseille")."""
    for count, word in enumerate(reversed(list(_WORD.finditer(text, max(0, start - 60), start)))):
        plain = word.group().lower()
        if _BREAK.search(text, word.end(), start) or plain == "x":
            return start
        if plain in words.prepositions or plain in words.auxiliaries:
            if count == 2:
                break
            continue
        unit = plain in words.units or plain.removesuffix("s") in words.units
        return start if unit or words.pattern("patterns", "adverb").fullmatch(plain) else word.start()
    return start


def training_target(description: str, kept: Collection[Fact], given: Given) -> str:
    """The description without the sentences that need a fact which is not kept; empty where none remains.

    With no fact kept it is what the input supports, and nothing else (``finetune.targets: supported``).

    Args:
        description: the reference.
        kept: the facts that the model will be given, some of ``mine(description, given)``.
        given: its product's title, and the attributes that stand in the prompt.
    """
    said = {fact.text.lower() for fact in kept}
    parts: list[str | None] = [
        sentence.text if all(text.lower() in said for text in _phrases(sentence.text, given)) else None
        for sentence in sentences(description, given.words)
    ]
    return joined(parts, given.title, given.words) if None in parts else description


def drawn(facts: Sequence[Fact], uid: str, seed: int, *, none: float = 0.15, every: float = 0.45) -> list[Fact]:
    """The facts that one training example is given: none, all, or half of them; the same for the same uid and seed.

    Args:
        facts: what was mined from its reference.
        uid: the example's id.
        seed: the run's seed.
        none: share of examples that get no fact.
        every: share of examples that get all.
    """
    chance = random.Random(f"{seed}:{uid}")
    draw = chance.random()
    if draw < none:
        return []
    if draw < none + every:
        return list(facts)
    half = set(chance.sample(range(len(facts)), (len(facts) + 1) // 2))
    return [fact for number, fact in enumerate(facts) if number in half]


def facts_used(text: str, facts: Sequence[str], language: str = "en") -> list[bool]:
    """Which facts a text says, however their numbers, plurals and units are written.

    Every number and measure of a fact must stand in the text, after conversion, and two thirds of its other words.

    Args:
        text: the description.
        facts: facts, or values of attributes.
        language: the text's.
    """
    said = known(text, language)
    return [_used(fact, said) for fact in facts]


def _used(fact: str, said: Known) -> bool:
    figures = quantities(fact, said.words)
    if not all(said.figures.supports(figure) for figure in figures if figure.value not in (0, 1)):
        return False
    rest = [
        said.words.stem(word.group())
        for word in _WORD.finditer(fact)
        if not any(figure.start <= word.start() < figure.end for figure in figures)
        and word.group().lower() not in said.words.stop
    ]
    return 3 * sum(word in said.stems for word in rest) >= 2 * len(rest)
