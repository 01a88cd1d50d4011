"""What a description says against its title: the sibling's colour, size or volume left in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shelftalker.checks.figures import title_sizes
from shelftalker.checks.form import Raw
from shelftalker.checks.given import Given, Known
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quantities import Quantity, quantities

_WORD = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"[,;()|]|\s[-–—/]\s")
# Of lengths and times a product has many; of these it has one.
_ONE_EACH = frozenset({"volume", "mass", "storage", "power", "voltage", "charge"})


def contradictions(given: Given, text: str, found: Sequence[Raw]) -> list[Raw]:
    """The claims of ``found`` that differ from what the title says of the same thing, under this check's name.

    A colour, size, measure or count contradicts the title only where the title has one of its kind and the text
    never says it: "blue, with red stitching" under a blue title adds, "red" alone contradicts.

    Args:
        given: what the writer was told; the title is what counts here.
        text: the description.
        found: its unsupported claims.
    """
    tests = {"colour": _colour, "size": _size, "unit": _unit, "number": _number}
    against = []
    for kind, start, end, _ in found:
        said = tests[kind](given, text, start, end) if kind in tests else None
        if said:
            against.append(("contradiction", start, end, f"The title says {said!r}, not {text[start:end]!r}."))
    return against


def title_colours(title: str, words: Lexicon) -> list[str]:
    """Colour words by which the title names a colour, as written: plain ones, and any in a part that is only colour."""
    found = []
    for part in _PARTS.split(title):
        written = _WORD.findall(part)
        names = [words.colour(word) for word in written]
        joiners = words.words("colours", "joiners")
        shade = all(name or word.lower() in joiners for name, word in zip(names, written, strict=True))
        for place, (name, word) in enumerate(zip(names, written, strict=True)):
            following = written[place + 1].lower() if place + 1 < len(written) else ""
            weak = word.lower() in words.weak_colours or words.stem(word) in words.weak_colours
            if name and (shade if weak else following not in words.colour_things.get(name, ())):
                found.append(word)
    return found


def _colour(given: Given, text: str, start: int, end: int) -> str | None:
    named = [] if _offered(given, text, start, end) else title_colours(given.title, given.words)
    said = Known(text[:start] + text[end:], given.language)
    if not named or any(given.words.colour(name) in said.colours for name in named):
        return None
    return named[0]


def _offered(given: Given, text: str, start: int, end: int) -> bool:
    """Whether the sentence speaks of what else there is: "also in red"."""
    sentence = text[text.rfind(".", 0, start) + 1 : end + 20]
    return bool(given.words.pattern("sizes", "offered").search(sentence))


def _size(given: Given, text: str, start: int, end: int) -> str | None:
    named = title_sizes(given.title, given.words)
    if not named or _offered(given, text, start, end):
        return None
    if any(re.search(rf"(?<!\w){re.escape(size)}(?!\w)", text, re.I) for size in named.values()):
        return None
    return next(iter(named.values()))


def _unit(given: Given, text: str, start: int, end: int) -> str | None:
    title, words = given.title, given.words
    compared = words.pattern("patterns", "compared")  # "60 W equivalent": the bulb itself takes 9
    there = [
        item for item in quantities(title, words) if item.dimension in _ONE_EACH and not compared.match(title, item.end)
    ]
    said = [item for item in quantities(text, words) if item.dimension in _ONE_EACH]
    for item in said:
        if not (start <= item.start and item.end <= end):
            continue
        alike = [other for other in there if other.dimension == item.dimension and not other.shared]
        if alike and not any(_same(one, other) for one in alike for other in said):
            return title[alike[0].start : alike[0].end]
    return None


def _same(one: Quantity, other: Quantity) -> bool:
    return one.dimension == other.dimension and abs(one.base - other.base) <= 0.02 * abs(one.base)


def _number(given: Given, text: str, start: int, end: int) -> str | None:
    """How many there are in the pack, where both say it."""
    said, there = _packed(text, given.words), _packed(given.title, given.words)
    if not there or not any(start <= item.start < end for item in said):
        return None
    if {item.value for item in there} & {item.value for item in quantities(text, given.words)}:
        return None
    return given.title[there[0].start : there[0].end]


def _packed(text: str, words: Lexicon) -> list[Quantity]:
    before, after = words.pattern("patterns", "pack_of"), words.pattern("patterns", "packed")
    return [
        item
        for item in quantities(text, words)
        if item.dimension is None
        and (before.search(text, max(0, item.start - 24), item.start) or after.match(text, item.end))
    ]
