"""Claims in words: colours, materials, brand-like names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import pairwise

from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known, Question, unless
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quick import Sieve, words_in

_ENDS = re.compile(r"\s*(?:[.,;)]|$|and\b|or\b|with\b)")
_LISTED = re.compile(r"\s?[,/]\s?(?:and |or )?|\s(?:and|or|&)\s")
_NEXT = re.compile(r"[- ](\w+)")


def colours(text: str, words: Lexicon) -> Iterator[Question]:
    """Colour words that speak of a colour."""
    found = words.colours_in(text)
    exempt = [match.span() for match in words.sought("colours", "none").finditer(text)] if found else []
    for run in _runs(found, text, words) if found else ():
        plain = any(_plain(words, match.group()) for match in run)
        # "Peach, mint, sky and blush": listed names of things are colours, and so are those beside a plain colour.
        sure = len(run) > 2 or (len(run) > 1 and plain)
        for match in run:
            word, (start, end) = match.group(), match.span()
            if any(begin <= start < stop for begin, stop in exempt) or not _speaks_of_colour(words, match, text, sure):
                continue
            why = f"The input does not give the colour {word!r}."
            yield unless(partial(_has_colour, words.colour(word)), "colour", start, end, why)


def _has_colour(name: str | None, known: Known) -> bool:
    return name in known.colours


def _plain(words: Lexicon, word: str) -> bool:
    """Whether the word is a colour before anything else."""
    return word.lower() not in words.weak_colours and words.stem(word) not in words.weak_colours


def _runs(found: list[re.Match[str]], text: str, words: Lexicon) -> Iterator[list[re.Match[str]]]:
    run: list[re.Match[str]] = []
    listed = words.pattern("colours", "listed") if words.text("colours", "listed") else _LISTED
    for match in found:
        if run and not listed.fullmatch(text, run[-1].end(), match.start()):
            yield run
            run = []
        run.append(match)
    yield run


def _speaks_of_colour(words: Lexicon, match: re.Match[str], text: str, sure: bool) -> bool:
    name = words.colour(match.group()) or ""
    following = _NEXT.match(text, match.end())
    if following and following[1].lower() in words.words("colours", "not_before"):
        return False
    if _plain(words, match.group()):
        if following and following[1].lower() in words.colour_things.get(name, ()):
            return False
        if match.group().lower() in words.no_colours and not sure:
            return False  # of a screen, of a wine list, of a salad
        named = match.group()[0].isupper() and following and following[1][0].isupper()
        return not named or words.nouns_have_capitals
    if sure or words.pattern("colours", "after").match(text, match.end()):
        return True
    if following and following[1].lower() != "wood" and not words.material(match.group()):
        made = name not in words.edible_colours and words.pattern("materials", "made_thing").match(text, match.end())
        if made or words.material(following[1]):
            return True  # "ivory cotton", "charcoal frame"
    start = max(0, match.start() - 16)
    if words.pattern("colours", "before").search(text, start, match.start()):
        return True
    return bool(
        words.pattern("colours", "ending").search(text, start, match.start()) and _ENDS.match(text, match.end())
    )


def materials(text: str, words: Lexicon) -> Iterator[Question]:
    """Words for what something is made of."""
    for match in words.materials_in(text):
        name = words.material(match.group()) or ""
        before, following = text[max(0, match.start() - 40) : match.start()], _NEXT.match(text, match.end())
        if words.weak_material(match.group()) and not (
            words.pattern("materials", "made_of").search(before)
            or words.pattern("materials", "made_thing").match(text, match.end())
        ):
            continue
        previous = before.rsplit(None, 1)[-1].lower() if before.endswith(" ") and before.strip() else ""
        if previous in words.no_material_after.get(name, ()):
            continue
        after = following[1].lower() if following else ""
        if after in words.words("materials", "not_before_any") or after in words.no_material_before.get(name, ()):
            continue
        if name in words.exact_materials and match.group().lower() != name:
            continue  # glasses are drunk from, or worn
        if not words.nouns_have_capitals and match.group()[0].isupper() and following and following[1][0].isupper():
            continue  # part of a name
        why = f"The input does not give the material {match.group()!r}."
        yield unless(partial(_has_material, name), "material", match.start(), match.end(), why)


def _has_material(name: str, known: Known) -> bool:
    return name in known.materials


_LARGE = "[A-ZÀ-ÖØ-Þ]"
_INITIAL = re.compile(rf"{_LARGE}(?<![\w./]{_LARGE})[\w'’&-]*(?:[™®©])?")
_CAPITAL = re.compile(rf"{_INITIAL.pattern}|\b[a-z]+[A-Z]\w*")
_has_mixed = Sieve(re.compile("[a-z][A-Z]").search)
SENTENCE_START = re.compile(r"(?:^|:+|[.!?:;…]['\"”’)]*\s+|[\"“‘(]\s*|\n\s*|[–—]\s*|[•*]\s*)$")
_SPACE = re.compile(r" ")
_LINK = re.compile(r"\s(?:(?:of|the|and|de|du|la|le|von|van|for|in|&)\s){0,2}")


def names(text: str, words: Lexicon) -> Iterator[Question]:
    """Capitalised words inside a sentence that the input does not have."""
    group: list[re.Match[str]] = []
    link = _SPACE if words.nouns_have_capitals else _LINK
    capital = _CAPITAL if _has_mixed(words_in(text)) else _INITIAL  # eBooks and iPods are dear to look for
    for match in [*capital.finditer(text), None]:
        if match is not None and group and link.fullmatch(text, group[-1].end(), match.start()):
            group.append(match)
            continue
        if group:
            yield from _name(text, group, words)
        group = [match] if match is not None else []


_BRANDED = re.compile(r"[a-z][A-Z]|[™®©]$")
_GOES_ON = re.compile(r" [a-z]")
_SUFFIX = re.compile(r"['’](?:s|ll|d|ve|re|m|t)?$")
_JOINT = re.compile(r"[-&]")
_NATION = re.compile(r"[A-Z][a-z]+(?:ian|ean|ese|ish)")
_MEASURED = re.compile(r"\d[\w.,/]*[\"'%°]? (?:[A-Za-z]{1,3} )?$")
_QUOTED = re.compile(r"[^\"“”\n]{1,60}(?=[\"”])")


def _opens(text: str, position: int) -> bool:
    """Whether a sentence begins at ``position``; a quoted title ("Sixteen Chairs") is none."""
    before = text[max(0, position - 8) : position]
    if before.endswith((". ", "! ", "? ")):
        return True
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


@lru_cache(maxsize=1 << 16)
def _parts_of(written: str) -> tuple[str, tuple[str, ...]]:
    """A capitalised word without its trade mark, and what it is joined of."""
    word = written.rstrip("™®©")
    return word, tuple(part for part in _JOINT.split(_SUFFIX.sub("", word)) if part)


def _has(known: Known, parts: tuple[str, ...]) -> bool:
    """Whether the input has every part, or it is capitalised anywhere."""
    return all(part.lower() in known.words.capitalised or known.has(part) for part in parts)


def _name(text: str, group: list[re.Match[str]], words: Lexicon) -> Iterator[Question]:
    opens = _opens(text, group[0].start())
    if len(group) == 1 and opens and not _BRANDED.search(group[0].group()):
        return  # a sentence begins with a capital anyway
    if len(group) == 1 and _NATION.fullmatch(group[0].group()) and _GOES_ON.match(text, group[0].end()):
        return  # "Tanzanian beans": where it is from, not who made it
    if len(group) == 1 and _MEASURED.search(text, max(0, group[0].start() - 12), group[0].start()):
        return  # "1080p Resolution", "2.5 L Capacity": a feature in title case
    named = []
    for position, match in enumerate(group):
        word, parts = _parts_of(match.group())
        if position == 0 and opens and not _BRANDED.search(match.group()):
            continue  # a sentence begins with a capital anyway
        if word.isupper() and word.lower() in words.stop:
            continue  # shouted ("come OUT!")
        if len(word) <= 1 or any(character.isdigit() for character in word):
            continue  # an initial, or a model number's business
        named.append((match, parts))
    if named:
        yield partial(_unknown_name, text, tuple(named))


def _unknown_name(text: str, named: Sequence[tuple[re.Match[str], tuple[str, ...]]], known: Known) -> Raw | None:
    unknown = [match for match, parts in named if not _has(known, parts)]
    if known.words.nouns_have_capitals and not _named(unknown, known.words, text):
        return None  # every noun has a capital there; two in a row are a name
    if not unknown:
        return None
    start, end = unknown[0].start(), unknown[-1].end()
    return "name", start, end, f"The input does not have the name {text[start:end]!r}."


def _named(unknown: list[re.Match[str]], words: Lexicon, text: str) -> bool:
    """Whether words are written as only names are, where every noun has a capital: two in a row, "SoftTec", "Acme™"."""
    pairs = pairwise(unknown)
    return any(text[one.end() : other.start()] == " " for one, other in pairs) or any(
        re.search(r"[a-zäöü][A-Z]|[™®©]", match.group()) or match.group().lower() in words.places for match in unknown
    )
