"""What differs between the titles of two siblings, as pairs of what to look for and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, NamedTuple

from shelftalker.checks.lexicon import lexicon

Kind = Literal["number", "ordinal", "unit", "code", "size", "colour", "material", "word"]

_TOKEN = re.compile(r"\d+(?:-\d+/\d+|[.,/]\d+)*(?:[^\W\d_]+\w*)?|[^\W\d_]+(?:\d\w*)?|(?<=\d)[\"″”%°](?!\w)")
_LEADING_NUMBER = re.compile(r"\d+(?:-\d+/\d+|[.,/]\d+)*")
_BETWEEN_PARTS = re.compile(r"[,;:|()\[\]]|\s[-–—]\s")
_THOUSANDS = re.compile(r",(?=\d{3}(?:\D|$))")
_SIZES = frozenset("xs s m l xl xxl xxxl".split())
_SIGNS = {'"': "inch", "″": "inch", "”": "inch", "%": "percent", "°": "degree"}
NAMES: frozenset[Kind] = frozenset({"word", "colour", "material"})
"""Kinds of tokens that are plain words, whatever list knows them."""
PACKS = frozenset("pack set box bundle case carton piece pc count multipack serve".split())
"""Words beside which a number counts what is in a package."""
SERIES = frozenset("vol volume book part no number season series episode edition level stage grade issue".split())
"""Words after which a number is a place in a series."""
FIRST = {"first": "1", "second": "2"}
"""Words that are a place in a series only where the next word says so."""
_IN_SERIES = SERIES | {"in", "of"}
_IRREGULAR = {"people": "person", "children": "child", "series": "series"}
CONTEXT = 2
"""Words before and after a change that say what a bare number in it means."""


class Token(NamedTuple):
    """A word, number, code or unit at ``start:end`` of a text."""

    text: str
    key: str
    """What equal tokens have in common: lower case, singular, a number's value, a unit's size."""
    start: int
    end: int
    kind: Kind


class Change(NamedTuple):
    """What stands in the neighbour's title and not in the product's (``old``), and what stands there instead."""

    old: tuple[Token, ...]
    new: tuple[Token, ...]
    before: tuple[str, ...]
    """Keys of the words before, in the neighbour's title."""
    after: tuple[str, ...]
    """Keys of the words after."""
    unit: str | None
    """What ``old`` is measured in, if it is one number."""


def tokens(text: str) -> list[Token]:
    """Words, numbers, codes ("M12", "A4") and units of a text, in order; "32GB" is a number and a unit."""
    found: list[Token] = []
    append, new = found.append, tuple.__new__  # a named tuple's own constructor costs twice as much
    after_number = False
    for match in _TOKEN.finditer(text):
        start = match.start()
        for piece, key, kind in _classified(match.group(), after_number):
            end = start + len(piece)
            if key in _IN_SERIES and found and found[-1].key in FIRST:
                found[-1] = found[-1]._replace(key=FIRST[found[-1].key], kind="ordinal")
            append(new(Token, (piece, key, start, end, kind)))
            start = end
        after_number = kind == "number"
    return found


@lru_cache(maxsize=4096)
def title_tokens(title: str) -> tuple[Token, ...]:
    """As `tokens`, kept: a neighbour's title is asked for by many products."""
    return tuple(tokens(title))


@lru_cache(maxsize=1024)
def text_tokens(text: str) -> tuple[tuple[Token, ...], Mapping[str, list[int]]]:
    """A description's tokens and where each key stands among them, kept: many products have the same neighbour."""
    row, places = tuple(tokens(text)), dict[str, list[int]]()
    for place, token in enumerate(row):
        places.setdefault(token.key, []).append(place)
    return row, places


def may_say(text: str, keys: Set[str]) -> bool:
    """False: none of the text's tokens has one of the keys; which takes a fraction of the time of `tokens`."""
    return any(not keys.isdisjoint(_keys(run)) for run in set(text.split()))


@lru_cache(maxsize=65536)
def _keys(run: str) -> frozenset[str]:
    """Every key that a token in a run without white space may have."""
    pieces = [(piece, after) for piece in _TOKEN.findall(run) for after in (False, True)]
    return frozenset(key for piece, after in pieces for _, key, _ in _classified(piece, after))


@lru_cache(maxsize=65536)
def _classified(text: str, after_number: bool) -> tuple[tuple[str, str, Kind], ...]:
    """The pieces of a run of letters and digits, each with its key and kind."""
    lower = text.lower()
    if text in _SIGNS:
        return ((text, _unit(_SIGNS[text]) or text, "unit"),)
    if text[0].isdecimal():
        number = _LEADING_NUMBER.match(text)
        figure = number.group() if number else text
        rest = lower[len(figure) :]
        value: tuple[str, str, Kind] = (figure, _THOUSANDS.sub("", figure), "number")
        if not rest or rest in {"st", "nd", "rd", "th"}:
            return (value,)
        unit = _unit(rest)
        if unit or rest == "x":
            return (value, (text[len(figure) :], unit or rest, "unit" if unit else "word"))
        return ((text, lower, "code"),)
    if any(letter.isdecimal() for letter in text):
        return ((text, lower, "code"),)
    key, kind = _word(text, lower, after_number)
    return ((text, key, kind),)


def _word(text: str, lower: str, after_number: bool) -> tuple[str, Kind]:
    words = lexicon()
    if lower in words.number_words:
        return str(words.number_words[lower]), "number"
    if lower in words.ordinals:
        return str(words.ordinals[lower]), "ordinal"
    if after_number and (unit := _unit(lower)):
        return unit, "unit"
    if lower in _SIZES and text.isupper():
        return lower, "size"
    single = singular(lower)
    if single in words.colours or single in words.weak_colours:
        return single, "colour"
    return single, "material" if single in words.materials else "word"


def _unit(name: str) -> str | None:
    units = lexicon().units
    found = units.get(name) or units.get(singular(name))
    return f"{found[0]} {found[1]:g}" if found else None


def singular(word: str) -> str:
    """A rough singular, the same for both numbers of a noun ("boxes", "berries", "lamps")."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        if word.endswith(("ches", "shes", "xes", "sses", "zes")):
            return word[:-2]
        return word[:-1]
    return word


def plural(word: str) -> str:
    """A plural: a regular one but for a few."""
    for many, one in _IRREGULAR.items():
        if word == one:
            return many
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def measure_after(row: Sequence[Token], place: int) -> str | None:
    """The unit of the number at ``place``, also where a list shares it ("54 x 30 x 30 cm")."""
    place += 1
    while place < len(row):
        token = row[place]
        if token.kind == "unit":
            return token.key
        if not (token.key == "x" or (token.kind == "number" and row[place - 1].key == "x")):
            return None
        place += 1
    return None


def changes(neighbour: Sequence[Token], product: Sequence[Token]) -> list[Change]:
    """The runs of the neighbour's title that the product's title has not, with what it has in their place.

    A word that only stands elsewhere in the other title does not differ; a number does, unless the same follows it.
    """
    keys, other_keys = _aligned(neighbour), _aligned(product)
    known, other_known = set(keys), set(other_keys)
    found: list[Change] = []
    for code, start, end, other_start, other_end in SequenceMatcher(None, keys, other_keys, False).get_opcodes():
        if code in ("equal", "insert") or other_known.issuperset(keys[start:end]):
            continue
        # What follows a number tells it from another; where the same stands before both ("all in one"), it is the same.
        while (
            start < end
            and other_start < other_end
            and neighbour[start].kind == "number"
            and neighbour[start].key == product[other_start].key
        ):
            start, other_start = start + 1, other_start + 1
        if start == end:
            continue
        new = tuple(product[other_start:other_end])
        if known.issuperset(other_keys[other_start:other_end]):
            new = ()
        found.append(_change(neighbour, start, end, new))
    return found


def _aligned(row: Sequence[Token]) -> list[str]:
    """Keys to compare titles by: a number goes with what it is a number of."""
    return [
        f"{token.key} {row[place + 1].key if place + 1 < len(row) else ''}" if token.kind == "number" else token.key
        for place, token in enumerate(row)
    ]


def _change(row: Sequence[Token], start: int, end: int, new: tuple[Token, ...]) -> Change:
    unit = measure_after(row, start) if end == start + 1 and row[start].kind == "number" else None
    before = tuple(token.key for token in row[max(0, start - CONTEXT) : start])
    return Change(tuple(row[start:end]), new, before, tuple(token.key for token in row[end : end + CONTEXT]), unit)


def parts(neighbour: Sequence[Token], neighbour_title: str, product: Sequence[Token], title: str) -> list[Change]:
    """Parts of the neighbour's title (between commas, colons, brackets) for which the product's has another.

    Only where they are as many between two parts that the titles share, and without numbers, whose sense decides.
    """
    theirs, ours = _parts(neighbour, neighbour_title), _parts(product, title)
    if len(theirs) < 2 or len(ours) < 2:
        return []
    keys = [[" ".join(token.key for token in part) for part in side] for side in (theirs, ours)]
    found = []
    for code, start, end, other_start, other_end in SequenceMatcher(None, keys[0], keys[1], False).get_opcodes():
        if code != "replace" or end - start != other_end - other_start:
            continue
        for there, here in zip(theirs[start:end], ours[other_start:other_end], strict=True):
            old, new = _differing(there, here)
            if old and new and all(token.kind in NAMES for token in (*old, *new)):
                first = neighbour.index(old[0])
                found.append(_change(neighbour, first, first + len(old), tuple(new)))
    return found


def _differing(old: Sequence[Token], new: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """Two runs without the tokens with which both begin and end."""
    while old and new and old[0].key == new[0].key:
        old, new = old[1:], new[1:]
    while old and new and old[-1].key == new[-1].key:
        old, new = old[:-1], new[:-1]
    return old, new


def _parts(row: Sequence[Token], title: str) -> list[list[Token]]:
    found: list[list[Token]] = []
    for place, token in enumerate(row):
        if not place or _BETWEEN_PARTS.search(title, row[place - 1].end, token.start):
            found.append([])
        found[-1].append(token)
    return found


def split(change: Change, neighbour: Sequence[Token]) -> list[Change]:
    """A change as pairs of single tokens: number for number, colour for colour, and word for word of equal runs."""
    first, old, new = neighbour.index(change.old[0]), list(change.old), list(change.new)
    found = []

    def pair(place: int, token: Token) -> None:
        if old[place].key != token.key:
            found.append(_change(neighbour, first + place, first + place + 1, (token,)))

    start, end, ahead = 0, len(old), 0
    while start < end and ahead < len(new) and old[start].kind == new[ahead].kind == "number":
        pair(start, new[ahead])
        start, ahead = start + 1, ahead + 1
    behind = len(new)
    while start < end and ahead < behind and old[end - 1].kind == new[behind - 1].kind == "number":
        end, behind = end - 1, behind - 1
        pair(end, new[behind])
    alike = end - start == behind - ahead
    for kind in ("number", "code", "size", "colour", "material", "word"):
        ours = [place for place in range(start, end) if old[place].kind == kind]
        theirs = [token for token in new[ahead:behind] if token.kind == kind]
        if (kind == "word" and not alike) or len(ours) != len(theirs):
            if not alike or kind not in NAMES:
                continue
            # "May Emerald" and "January Garnet": equally long, of kinds that the lists know by halves.
            theirs = [new[ahead + place - start] for place in ours]
            if any(token.kind not in NAMES for token in theirs):
                continue
        for place, token in zip(ours, theirs, strict=True):
            pair(place, token)
    return found


def single(change: Change, place: int, neighbour: Sequence[Token]) -> Change:
    """One token of a change alone, with what stands around it in the neighbour's title."""
    first = neighbour.index(change.old[0]) + place
    return _change(neighbour, first, first + 1, ())
