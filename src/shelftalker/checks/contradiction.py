"""What a description says against its title: the sibling's colour, size or volume left in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shelftalker.checks.figures import title_sizes
from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known
from shelftalker.checks.lexicon import COLOUR_THINGS, COLOURS, WEAK_COLOURS, stem
from shelftalker.checks.quantities import Quantity, quantities

_WORD = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"[,;()|]|\s[-–—/]\s")
# Of lengths and times a product has many; of these it has one.
_ONE_EACH = frozenset({"volume", "mass", "storage", "power", "voltage", "charge"})
_PACK_OF = re.compile(r"\b(?:pack|set|box|case|bag|pair|tin|bundle)s? of $", re.I)
_PACKED = re.compile(r"[- ]?(?:pack|piece|count|pk|pc)s?(?!\w)", re.I)


def contradictions(title: str, text: str, found: Sequence[Raw]) -> list[Raw]:
    """The claims of ``found`` that differ from what the title says of the same thing, under this check's name.

    A colour, size, measure or count contradicts the title only where the title has one of its kind and the text
    never says it: "blue, with red stitching" under a blue title adds, "red" alone contradicts.

    Args:
        title: the product's title.
        text: the description.
        found: its unsupported claims.
    """
    tests = {"colour": _colour, "size": _size, "unit": _unit, "number": _number}
    against = []
    for kind, start, end, _ in found:
        said = tests[kind](title, text, start, end) if kind in tests else None
        if said:
            against.append(("contradiction", start, end, f"The title says {said!r}, not {text[start:end]!r}."))
    return against


def title_colours(title: str) -> list[str]:
    """Colour words by which the title names a colour, as written: plain ones, and any in a part that is only colour."""
    found = []
    for part in _PARTS.split(title):
        words = _WORD.findall(part)
        names = [stem(word) for word in words]
        shade = all(
            name in COLOURS or name in WEAK_COLOURS or name in {"and", "with", "dark", "light"} for name in names
        )
        for place, name in enumerate(names):
            following = names[place + 1] if place + 1 < len(names) else ""
            plain = name in COLOURS and following not in COLOUR_THINGS.get(name, ())
            if plain or (shade and name in WEAK_COLOURS):
                found.append(words[place])
    return found


def _colour(title: str, text: str, start: int, end: int) -> str | None:
    named = title_colours(title)
    said = Known(text[:start] + text[end:])
    if not named or any(stem(name) in said.colours for name in named):
        return None
    return named[0]


def _size(title: str, text: str, start: int, end: int) -> str | None:
    named = title_sizes(title)
    sentence = text[text.rfind(".", 0, start) + 1 : end]
    offered = re.search(r"\b(?:also|available|other|range|from)\b", sentence + text[end : end + 20], re.I)
    if (
        not named
        or offered
        or any(re.search(rf"(?<!\w){re.escape(size)}(?!\w)", text, re.I) for size in named.values())
    ):
        return None
    return next(iter(named.values()))


def _unit(title: str, text: str, start: int, end: int) -> str | None:
    there = [item for item in quantities(title) if item.dimension in _ONE_EACH]
    said = [item for item in quantities(text) if item.dimension in _ONE_EACH]
    for item in said:
        if not (start <= item.start and item.end <= end):
            continue
        alike = [other for other in there if other.dimension == item.dimension and not other.shared]
        if alike and not any(_same(one, other) for one in alike for other in said):
            return title[alike[0].start : alike[0].end]
    return None


def _same(one: Quantity, other: Quantity) -> bool:
    return one.dimension == other.dimension and abs(one.base - other.base) <= 0.02 * abs(one.base)


def _number(title: str, text: str, start: int, end: int) -> str | None:
    """How many there are in the pack, where both say it."""
    said, there = _packed(text), _packed(title)
    if not there or not any(start <= item.start < end for item in said):
        return None
    if {item.value for item in there} & {item.value for item in quantities(text)}:
        return None
    return title[there[0].start : there[0].end]


def _packed(text: str) -> list[Quantity]:
    return [
        item
        for item in quantities(text)
        if item.dimension is None
        and (_PACK_OF.search(text, max(0, item.start - 12), item.start) or _PACKED.match(text, item.end))
    ]
