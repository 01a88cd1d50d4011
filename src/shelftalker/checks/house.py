"""House rules as they hold for one product: what a text breaks, how near it is to the house's tone."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from shelftalker.checks.form import Raw
from shelftalker.checks.lexicon import lexicon
from shelftalker.product import Product
from shelftalker.recipe.house import HouseSettings, phrases

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True)
class House:
    """The rules that hold for one product.

    Attributes:
        banned: words and phrases that no text may hold.
        required: phrases that its texts must hold.
        added: of these, what is put at the end of a text that lacks it.
        unproved: kind of claim to the words of it that nothing known of the product proves.
        like: texts in the house's tone.
        unlike: texts that are not.
    """

    banned: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    unproved: tuple[tuple[str, tuple[str, ...]], ...] = ()
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


NO_RULES = House()


def house_of(settings: HouseSettings, product: Product, language: str = "en") -> House:
    """The rules that hold for a product.

    Args:
        settings: the house's.
        product: with all attributes that are known of it, those that stand in no prompt included.
        language: what its texts are written in; its word lists say what a medical or an ecological claim is.
    """
    if not settings:
        return NO_RULES
    told = [*(text for text in product.attributes.values() if text), *product.facts]
    required = [rule for rule in settings.required if _meets(product.attributes, rule.where)]
    unproved = []
    for kind, proof in settings.proof.items():
        claims = tuple(proof.claims) or listed(kind, language)
        if proof.proved_by and not any(phrases(proof.proved_by).search(text) for text in told):
            unproved.append((kind, claims))
        elif not proof.proved_by:
            unproved.append((kind, tuple(one for one in claims if not any(phrases([one]).search(t) for t in told))))
    return House(
        tuple(settings.banned),
        tuple(rule.phrase for rule in required),
        tuple(rule.phrase for rule in required if rule.add),
        tuple(unproved),
        tuple(settings.tone.like),
        tuple(settings.tone.unlike),
    )


@lru_cache(maxsize=64)
def listed(kind: str, language: str) -> tuple[str, ...]:
    """A language's own words for claims of a kind; those of English where it has none."""
    return tuple(sorted(lexicon(language).words("proof", kind) or lexicon("en").words("proof", kind)))


def broken(text: str, house: House) -> list[Raw]:
    """What a text breaks: banned words, missing phrases (without a place), claims without proof."""
    if house is NO_RULES or not text.strip():
        return []
    found: list[Raw] = [
        ("banned", match.start(), match.end(), "The house rules ban this.")
        for match in phrases(house.banned).finditer(text)
    ]
    found += [
        ("required", len(text), len(text), f"The house rules want {phrase!r} here.")
        for phrase in house.required
        if not phrases([phrase]).search(text)
    ]
    for kind, claims in house.unproved:
        why = f"A claim of the kind {kind!r}; no attribute or fact proves it."
        found += [("proof", match.start(), match.end(), why) for match in phrases(claims).finditer(text)]
    return found


def said_by_house(text: str, house: House) -> list[tuple[int, int]]:
    """Where a text holds a required phrase: what the house says itself claims nothing of its own."""
    if not house.required:
        return []
    return [match.span() for match in phrases(house.required).finditer(text)]


def completed(text: str, house: House) -> str:
    """A text with the required phrases at its end that it lacks; one that is empty or broken off stays as it is."""
    body = text.rstrip()
    if not house.added or not body.endswith((".", "!", "?", "…", "”", '"', ")")):
        return text
    lacking = [phrase for phrase in house.added if not phrases([phrase]).search(text)]
    return " ".join([body, *lacking])


def in_tone(texts: Sequence[str], house: House, language: str = "en") -> list[int]:
    """Places of the texts that sound most like the house: the nearer half, rounded up; all where no tone is set.

    How a text sounds is taken from what does not depend on its product: the shares of function words (Mosteller and
    Wallace 1964), the length of its sentences, and how many of them exclaim, ask or shout.
    """
    places = range(len(texts))
    if not (house.like or house.unlike) or len(texts) < 2:
        return list(places)
    gaps = [tone_gap(text, house, language) for text in texts]
    nearest = sorted(places, key=lambda place: (gaps[place], place))
    return sorted(nearest[: -(-len(texts) // 2)])


def tone_gap(text: str, house: House, language: str = "en") -> float:
    """How far a text is from the house's tone; less is nearer, below 0 is nearer to it than to what it is not."""
    own = _voice(text, language)
    near, far = (
        min((_distance(own, _voice(one, language)) for one in examples), default=0.0)
        for examples in (house.like, house.unlike)
    )
    return near - far


@lru_cache(maxsize=512)
def _voice(text: str, language: str) -> Mapping[str, float]:
    words = _WORD.findall(text)
    spoken = max(1, len(words))
    sentences = [one for one in _SENTENCE.findall(text) if one.strip()]
    stop = lexicon(language).stop
    rates: dict[str, float] = {
        word: count / spoken for word, count in Counter(word.lower() for word in words).items() if word in stop
    }
    each = max(1, len(sentences))
    rates["!"], rates["?"] = text.count("!") / each, text.count("?") / each
    rates["CAPITALS"] = sum(len(word) > 2 and word.isupper() for word in words) / spoken
    rates["length"] = math.log(1 + spoken / each)
    return rates


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in one.keys() | other.keys())


def _meets(attributes: Mapping[str, str], where: Mapping[str, str | list[str]]) -> bool:
    asked = {name: [wanted] if isinstance(wanted, str) else wanted for name, wanted in where.items()}
    return all(_is(attributes.get(name, ""), wanted) for name, wanted in asked.items())


def _is(text: str, wanted: Iterable[str]) -> bool:
    return any(fnmatchcase(text.strip().casefold(), one.strip().casefold()) for one in wanted)
