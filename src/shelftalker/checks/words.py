"""Claims in words: colours, materials, brand-like names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known
from shelftalker.checks.lexicon import (
    CAPITALISED,
    COLOUR_THINGS,
    COLOURS,
    EDIBLE_COLOURS,
    ENGLISH,
    MATERIALS,
    NO_MATERIAL_AFTER,
    NO_MATERIAL_BEFORE,
    WEAK_COLOURS,
    WEAK_MATERIALS,
    stem,
)

_WORD = re.compile(r"[^\W\d_]+")

_ALL_COLOURS = COLOURS | WEAK_COLOURS
_SHADE = re.compile(
    r"\b(?:dark|light|pale|deep|bright|matte?|glossy|metallic|pastel|neon|dusty|burnt|hot|painted|coloured|in)\s$", re.I
)
_COLOUR_NOUN = re.compile(r"[- ](?:colou?red|colou?rs?|finish(?:ed)?|trim|shade|hue|version|tint(?:ed)?)\b", re.I)
_ENDS = re.compile(r"\s*(?:[.,;)]|$|and\b|or\b|with\b)")
_LISTED = re.compile(r"\s?[,/]\s?(?:and |or )?|\s(?:and|or|&)\s")
_BLACK_AND_WHITE = re.compile(r"\bblack[- ]and[- ]white\b", re.I)
_NEXT = re.compile(r"[- ](\w+)")


def colours(known: Known, text: str) -> Iterator[Raw]:
    """Colour words that speak of a colour."""
    found = [match for match in _WORD.finditer(text) if stem(match.group()) in _ALL_COLOURS]
    if not found:
        return
    exempt = [match.span() for match in _BLACK_AND_WHITE.finditer(text)]
    for run in _runs(found, text):
        names = [stem(match.group()) for match in run]
        # "Peach, mint, sky and blush": listed names of things are colours, and so are those beside a plain colour.
        sure = len(run) > 2 or (len(run) > 1 and any(name in COLOURS for name in names))
        for match, name in zip(run, names, strict=True):
            if name in known.colours or any(start <= match.start() < end for start, end in exempt):
                continue
            if _speaks_of_colour(match, name, text, sure):
                yield "colour", match.start(), match.end(), f"The input does not give the colour {match.group()!r}."


def _runs(found: list[re.Match[str]], text: str) -> Iterator[list[re.Match[str]]]:
    run: list[re.Match[str]] = []
    for match in found:
        if run and not _LISTED.fullmatch(text, run[-1].end(), match.start()):
            yield run
            run = []
        run.append(match)
    yield run


def _speaks_of_colour(match: re.Match[str], name: str, text: str, sure: bool) -> bool:
    following = _NEXT.match(text, match.end())
    if following and following[1].lower() in {"free", "proof", "resistant"}:
        return False
    if name in COLOURS:
        if following and following[1].lower() in COLOUR_THINGS.get(name, ()):
            return False
        if match.group().lower() in {"blacks", "whites", "reds", "greens"} and not sure:
            return False  # of a screen, of a wine list, of a salad
        return not (match.group()[0].isupper() and following and following[1][0].isupper())  # part of a name
    if sure or _COLOUR_NOUN.match(text, match.end()):
        return True
    if following and following[1].lower() != "wood" and name not in MATERIALS:
        made = name not in EDIBLE_COLOURS and _MADE_THING.match(text, match.end())
        if made or stem(following[1]) in MATERIALS:
            return True  # "ivory cotton", "charcoal frame"
    shade = _SHADE.search(text, max(0, match.start() - 12), match.start())
    if shade is None:
        return False
    return shade.group().strip().lower() != "in" or bool(_ENDS.match(text, match.end()))


_MADE_OF = re.compile(
    r"(?:\b(?:made (?:of|from|in|with)|crafted (?:of|from|in)|cast in|turned from|cut from|carved from|in|of|solid|pure"
    r"|real|genuine|brushed|polished|durable|recycled|treated|coated|plated|tempered|cast|sturdy|stainless"
    r"|powder-coated|hardened|forged|galvanised|galvanized|anodised|anodized|reclaimed|sustainable|quality|natural"
    r"|waterproof|\d+ ?%|hammered|woven|toughened|high-carbon|lacquered|oiled|moulded|molded|bare|carat|sterling)"
    r"\s(?:\w+\s)?)$",
    re.I,
)
_MADE_THING = re.compile(
    r"[- ](?:handles?|body|bodies|frame|cases?|casing|construction|shell|lid|base|legs?|blades?|tops?|shade|plates?"
    r"|bowl|wire|rod|tube|pole|straps?|lining|lined|coating|coated|plated|finish|fittings?|hardware|buckles?|zips?|buttons?"
    r"|parts?|feet|tray|pins?|rings?|hoops?|boards?|doors?|panels?|jar|bottle|hinges?|screws?|hooks?|rails?|bars?|pads?"
    r"|housing|wheels?|grips?|sleeves?|soles?|insoles?|tips?|ends?|nozzle|straws?|core|veneer|slats?|posts?|studs?"
    r"|basket|liner|stand|filling|fill|mesh|fabric|slab|block|ferrule|tines?|bearings?|chain|contacts?|spikes?|reeds?"
    r"|strings?|conductors?|eyelets?|grommets?|caps?|valves?|comb|neck|spine|corners?|brackets?|arms?|clasp|cord|trim"
    r"|steel|alloy|upper|uppers|box)\b",
    re.I,
)


def materials(known: Known, text: str) -> Iterator[Raw]:
    """Words for what something is made of."""
    for match in _WORD.finditer(text):
        word = stem(match.group())
        if word not in MATERIALS or word in known.materials:
            continue
        before, following = text[max(0, match.start() - 40) : match.start()], _NEXT.match(text, match.end())
        if word in WEAK_MATERIALS and not (_MADE_OF.search(before) or _MADE_THING.match(text, match.end())):
            continue
        previous = before.rsplit(None, 1)[-1].lower() if before.endswith(" ") and before.strip() else ""
        if previous in NO_MATERIAL_BEFORE.get(word, "").split():
            continue
        if following and following[1].lower() in {"free", *NO_MATERIAL_AFTER.get(word, "").split()}:
            continue
        if word == "glass" and match.group().lower() != "glass":
            continue  # glasses are drunk from, or worn
        if match.group()[0].isupper() and following and following[1][0].isupper():
            continue  # part of a name
        yield "material", match.start(), match.end(), f"The input does not give the material {match.group()!r}."


_CAPITAL = re.compile(r"(?<![\w./])[A-Z][\w'’&-]*(?:[™®©])?|\b[a-z]+[A-Z]\w*")
SENTENCE_START = re.compile(r"(?:^|:+|[.!?:;…]['\"”’)]*\s+|[\"“‘(]\s*|\n\s*|[–—]\s*|[•*]\s*)$")
_LINK = re.compile(r"\s(?:(?:of|the|and|de|du|la|le|von|van|for|in|&)\s){0,2}")


def names(known: Known, text: str) -> Iterator[Raw]:
    """Capitalised words inside a sentence that the input does not have."""
    group: list[re.Match[str]] = []
    for match in [*_CAPITAL.finditer(text), None]:
        if match is not None and group and _LINK.fullmatch(text, group[-1].end(), match.start()):
            group.append(match)
            continue
        if group:
            yield from _name(known, text, group)
        group = [match] if match is not None else []


_NATION = re.compile(r"[A-Z][a-z]+(?:ian|ean|ese|ish)")
_MEASURED = re.compile(r"\d[\w.,/]*[\"'%°]? (?:[A-Za-z]{1,3} )?$")
_QUOTED = re.compile(r"[^\"“”\n]{1,60}(?=[\"”])")


def _opens(text: str, position: int) -> bool:
    """Whether a sentence begins at ``position``; a quoted title ("Sixteen Chairs") is none."""
    before = text[max(0, position - 8) : position]
    if not SENTENCE_START.search(before) and position > 0:
        return False
    if before.endswith(('"', "“")):
        quoted = _QUOTED.match(text, position)
        words = quoted.group().split() if quoted else []
        if (
            words
            and not words[-1].endswith((".", "!", "?"))
            and all(word[0].isupper() or len(word) < 5 for word in words)
        ):
            return len(words) > 6
    return True


def _name(known: Known, text: str, group: list[re.Match[str]]) -> Iterator[Raw]:
    opens = _opens(text, group[0].start())
    if len(group) == 1 and _NATION.fullmatch(group[0].group()) and re.match(r" [a-z]", text[group[0].end() :][:2]):
        return  # "Tanzanian beans": where it is from, not who made it
    if len(group) == 1 and _MEASURED.search(text, max(0, group[0].start() - 12), group[0].start()):
        return  # "1080p Resolution", "2.5 L Capacity": a feature in title case
    unknown = []
    for position, match in enumerate(group):
        word = match.group().rstrip("™®©")
        parts = [part for part in re.split(r"[-&]", re.sub(r"['’](?:s|ll|d|ve|re|m|t)?$", "", word)) if part]
        if not parts or all(part.lower() in CAPITALISED or known.has(part) for part in parts):
            continue
        if position == 0 and opens and not (match.group()[-1] in "™®©" or re.search(r"[a-z][A-Z]", word)):
            continue  # a sentence begins with a capital anyway
        if word.isupper() and word.lower() in ENGLISH:
            continue  # shouted ("come OUT!")
        if len(word) <= 1 or any(character.isdigit() for character in word):
            continue  # an initial, or a model number's business
        unknown.append(match)
    if unknown:
        start, end = unknown[0].start(), unknown[-1].end()
        yield "name", start, end, f"The input does not have the name {text[start:end]!r}."
