"""Claims in words: colours, materials, brand-like names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelftalker.evaluation.checking.form import Raw
from shelftalker.evaluation.checking.lexicon import (
    CAPITALISED,
    COLOUR_THINGS,
    COLOURS,
    MATERIALS,
    WEAK_COLOURS,
    WEAK_MATERIALS,
)
from shelftalker.evaluation.checking.source import Source, stem

_WORD = re.compile(r"[^\W\d_]+")

_ALL_COLOURS = COLOURS | WEAK_COLOURS
_SHADE = re.compile(
    r"(?:\b(?:dark|light|pale|deep|bright|matte?|glossy|metallic|pastel|neon|soft|dusty|in|burnt|hot)\s)$", re.I
)
_COLOUR_NOUN = re.compile(r"[- ](?:colou?red|colou?r|finish(?:ed)?|trim|shade|hue|version|tint(?:ed)?)\b", re.I)
_OTHER_COLOUR = re.compile(rf"(?:\s?[,/]\s?|\s(?:and|or|with)\s)(?:{'|'.join(sorted(COLOURS))})\b", re.I)
_BLACK_AND_WHITE = re.compile(r"\bblack[- ]and[- ]white\b", re.I)


def colours(source: Source, text: str) -> Iterator[Raw]:
    """Colour words that speak of a colour."""
    exempt = [match.span() for match in _BLACK_AND_WHITE.finditer(text)]
    for match in _WORD.finditer(text):
        word = stem(match.group())
        if word not in _ALL_COLOURS or source.has(word):
            continue
        if any(start <= match.start() < end for start, end in exempt):
            continue
        after = text[match.end() : match.end() + 24]
        if word in WEAK_COLOURS:
            shade = _SHADE.search(text[: match.start()])
            named = _COLOUR_NOUN.match(after)
            beside = _OTHER_COLOUR.match(after)
            in_colour = shade and shade.group().strip().lower() == "in"
            if in_colour:
                named = named or re.match(r"\s*(?:[.,;]|$|and\b|or\b|with\b)", after)
                shade = None
            if not (shade or named or beside):
                continue
        else:
            following = re.match(r"[- ](\w+)", after)
            if following and following[1].lower() in COLOUR_THINGS.get(word, ()):
                continue
            if match.group()[0].isupper() and following and following[1][0].isupper():
                continue  # part of a name
        yield "colour", match.start(), match.end(), f"The input does not give the colour {match.group()!r}."


_MADE_OF = re.compile(
    r"(?:\b(?:made (?:of|from|in|with)|crafted (?:of|from|in)|cast in|turned from|cut from|carved from|in|of|solid|pure"
    r"|real|genuine|brushed|polished|durable|recycled|treated|coated|plated|tempered|cast|sturdy|stainless|powder-coated"
    r"|hardened|forged|galvanised|galvanized|anodised|anodized|reclaimed|sustainable|quality|natural|waterproof"
    r"|\d+ ?%|hammered|woven|toughened|high-carbon|steel|lacquered|oiled|moulded|molded|natural)\s(?:\w+\s)?)$",
    re.I,
)
_MADE_THING = re.compile(
    r"[- ](?:handles?|body|frame|case|casing|construction|shell|lid|base|legs?|blades?|top|tops|shade|plate|plates|bowl"
    r"|wire|rod|tube|pole|strap|lining|lined|coating|coated|plated|finish|fittings?|hardware|buckle|zip|buttons?"
    r"|parts?|feet|tray|pins?|rings?|hoops?|board|door|panels?|jar|bottle|hinges?|screws?|hooks?|rails?|bars?"
    r"|housing|wheels?|grips?|sleeves?|soles?|insoles?|tips?|ends?|nozzle|straws?|core|veneer|slats?|posts?|studs?"
    r"|basket|liner|stand|filling|fill|mesh|fabric|foam|slab|block|ferrule|tines?|bearings?|chain)\b",
    re.I,
)


def materials(source: Source, text: str) -> Iterator[Raw]:
    """Words for what something is made of."""
    for match in _WORD.finditer(text):
        word = stem(match.group())
        if word not in MATERIALS or word in source.materials:
            continue
        if word in WEAK_MATERIALS:
            before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 20]
            if not (_MADE_OF.search(before) or _MADE_THING.match(after)):
                continue
        if match.group()[0].isupper() and re.match(r"[ -][A-Z]", text[match.end() : match.end() + 2]):
            continue  # part of a name
        yield "material", match.start(), match.end(), f"The input does not give the material {match.group()!r}."


_CAPITAL = re.compile(r"(?<![\w./])[A-Z][\w'’&-]*(?:[™®©])?|\b[a-z]+[A-Z]\w*")
SENTENCE_START = re.compile(r"(?:^|[.!?:;…]['\"”’)]*\s+|[\"“‘(]\s*|\n\s*|[–—]\s*|[•*]\s*)$")
_LINK = re.compile(r"\s(?:(?:of|the|and|de|du|la|le|von|van|for|in|&)\s){0,2}")


def names(source: Source, text: str) -> Iterator[Raw]:
    """Capitalised words inside a sentence that the input does not have."""
    group: list[re.Match[str]] = []
    for match in [*_CAPITAL.finditer(text), None]:
        if match is not None and group and _LINK.fullmatch(text, group[-1].end(), match.start()):
            group.append(match)
            continue
        if group:
            yield from _name(source, text, group)
        group = [match] if match is not None else []


def _name(source: Source, text: str, group: list[re.Match[str]]) -> Iterator[Raw]:
    opens = bool(SENTENCE_START.search(text[: group[0].start()]))
    unknown = []
    for position, match in enumerate(group):
        word = match.group().rstrip("™®©")
        parts = [part for part in re.split(r"[-&]", re.sub(r"['’](?:s|ll|d|ve|re|m|t)?$", "", word)) if part]
        if not parts or all(part.lower() in CAPITALISED or source.has(part) for part in parts):
            continue
        if position == 0 and opens and not (match.group()[-1] in "™®©" or re.search(r"[a-z][A-Z]", word)):
            continue  # a sentence begins with a capital anyway
        if len(word) <= 1 or any(character.isdigit() for character in word):
            continue  # an initial, or a model number's business
        unknown.append(match)
    if unknown:
        start, end = unknown[0].start(), unknown[-1].end()
        yield "name", start, end, f"The input does not have the name {text[start:end]!r}."
