"""A sibling's description made the product's: what differs between the two titles is replaced in its text.

The method: the differences of the titles part by part and word by word (Ratcliff and Obershelp's, by difflib), each
replaced run looked for in the description, numbers where their unit or their neighbours say that they mean the same,
plurals and articles put right. Where the description says the sibling's title from end to end, it says the product's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from shelftalker.checks.lexicon import lexicon
from shelftalker.retrieve.differ import (
    FIRST,
    NAMES,
    PACKS,
    SERIES,
    Change,
    Token,
    changes,
    may_say,
    measure_after,
    parts,
    plural,
    single,
    singular,
    split,
    text_tokens,
    title_tokens,
)

_GAP = re.compile(r"[\s\-–—/&+,'’\"“”()×]{0,3}")
_ARTICLE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)
_VOWEL = re.compile(r"(?!uni|use|usu|eur|one\b|uk\b|usb?\b)(?:[aeiou]|hour|honest|heir|8|11\b|18\b)", re.IGNORECASE)
_VERBS = frozenset({"may", "will"})  # as names they are capitalised
_SMALL = 10  # bare numbers below this one stand for many things in a description
_WHOLE = 3  # words of a title that a description says from end to end only where it means the title
_INTO = frozenset({"in", "to", "per"})
_COUNTED = 4  # words after a number in which a word of the title says that it is the title's count


@lru_cache(maxsize=1)
def _word_of() -> dict[int, str]:
    return {value: word for word, value in reversed(lexicon().number_words.items())}


@lru_cache(maxsize=1)
def _ordinal_of() -> dict[int, str]:
    return {1: "first", 2: "second"} | {value: word for word, value in lexicon().ordinals.items()}


@dataclass(frozen=True)
class Edited:
    """A sibling's text, edited.

    Attributes:
        text: the description.
        changed: what was replaced, and by what.
        left: words of the sibling's title that the product's has not and that still stand in the text.
        left_at: where in the text each of them stands, as (start, end) in order.
    """

    text: str
    changed: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()
    left_at: tuple[tuple[int, int], ...] = ()

    @property
    def why_not(self) -> str | None:
        """Why the text is not the product's own, for people; None: nothing of the sibling's title is left in it."""
        if not self.text:
            return "the sibling has no description"
        return f"the text still says {', '.join(map(repr, self.left))}, which the title does not" if self.left else None


class _Hit(NamedTuple):
    """Tokens ``first`` to ``last`` of the description, at ``start:end``, and what to write there."""

    first: int
    last: int
    start: int
    end: int
    text: str


def edit(title: str, neighbour: str, description: str) -> Edited:
    """The neighbour's description with what differs between the two titles replaced.

    Args:
        title: the product's title.
        neighbour: the title of the product that the description is of.
        description: its description.
    """
    ours, theirs = title_tokens(title), title_tokens(neighbour)
    differences = changes(theirs, ours)
    titled = len(theirs) >= _WHOLE and bool(ours) and neighbour.lower() in description.lower()
    keys = {token.key for change in differences for token in change.old}
    keys |= {word for word, number in FIRST.items() if number in keys}
    if not titled and not may_say(description, keys):
        return Edited(description)
    page = _Page(description, title, theirs)
    hits: dict[int, _Hit] = {}
    if titled and title != neighbour:
        for hit in page.whole(neighbour):
            hits.update(dict.fromkeys(range(hit.first, hit.last + 1), hit))
    whole = set(hits)
    for change in [*parts(theirs, neighbour, ours, title), *differences]:
        found = list(page.find(change) if change.new else page.dropped(change))
        if all(hit.first in hits and hit.first not in whole for hit in found):  # none, or parts stand there already
            found += [hit for part in split(change, theirs) for hit in page.find(part)]
        for hit in found:
            if not any(place in hits for place in range(hit.first, hit.last + 1)):
                hits.update(dict.fromkeys(range(hit.first, hit.last + 1), hit))
    kept = sorted(set(hits.values()))
    changed = tuple((description[hit.start : hit.end], hit.text) for hit in kept)
    left, places = page.left(differences, {token.key for token in ours}, hits)
    text, moved = page.replaced(kept)
    spans = ((page.row[at].start + moved(page.row[at].start), page.row[at]) for at in sorted(places))
    return Edited(text, changed, left, tuple((start, start + len(token.text)) for start, token in spans))


class _Page:
    """A sibling's description, searched for what its title says."""

    def __init__(self, text: str, title: str, neighbour: Sequence[Token]) -> None:
        self.text, self.title, self.neighbour = text, title, neighbour
        self.row, self.places = text_tokens(text)
        self.names = {token.key for token in neighbour if token.kind == "word"} - lexicon().stop

    def whole(self, neighbour: str) -> Iterator[_Hit]:
        """Where the description says the neighbour's title from end to end."""
        for match in re.finditer(rf"(?<!\w){re.escape(neighbour)}(?!\w)", self.text, re.IGNORECASE):
            inside = [place for place, token in enumerate(self.row) if match.start() <= token.start < match.end()]
            yield _Hit(inside[0], inside[-1], match.start(), match.end(), self.title)

    def find(self, change: Change) -> Iterator[_Hit]:
        """Where the description says what the neighbour's title says there."""
        old = change.old
        if len(old) == 1 and old[0].kind == "number":
            if len(change.new) == 1 and change.new[0].kind == "number":
                yield from self._numbers(change)
            return
        new = _fitting(change)
        if _is_letter(old[0]) and len(old) == len(new) == 1:
            for at in self._letters(change):
                yield self._hit(at, at, new[0].text)
            return
        if not new or all(token.key in lexicon().stop for token in old):
            return
        change = change._replace(new=new)
        words = self.title[new[0].start : new[-1].end]
        for first in self.places.get(old[0].key, ()):
            last = self._run(old, first)
            if last is not None:
                found = [token for token in self.row[first : last + 1] if token.key != "and" or last - first < len(old)]
                opens = _opens(self.text, found[0].start)
                yield self._hit(first, last, _dressed(change, words, found, opens))

    def _letters(self, change: Change) -> list[int]:
        """Where the description has the neighbour's single letter ("key of A", "grade B") in the title's sense."""
        letter, before = change.old[0], change.before[-1:]
        return [
            at
            for at in self.places.get(letter.key, ())
            if self.row[at].text == letter.text and at and (self.row[at - 1].key,) == before
        ]

    def dropped(self, change: Change) -> Iterator[_Hit]:
        """Where the description can do without what the product's title does without.

        That is beside the word that stands beside it in the neighbour's title, where the product's reads on.
        """
        old, stop = change.old, lexicon().stop
        if any(token.kind not in NAMES for token in old) or {old[0].key, old[-1].key} & stop:
            return
        for first in self.places.get(old[0].key, ()):
            last = first + len(old) - 1
            if self._run(old, first) != last or last + 1 == len(self.row):
                continue
            after = self.row[last + 1]
            before = self.row[first - 1].key if first and self.text[self.row[first].start - 1] == " " else None
            beside = before in change.before[-1:] or after.key in change.after[:1]
            if beside and after.key not in stop and self.text[self.row[last].end : after.start] == " ":
                opens = _opens(self.text, self.row[first].start)
                yield self._hit(first, last + 1, after.text[0].upper() + after.text[1:] if opens else after.text)

    def _hit(self, first: int, last: int, text: str) -> _Hit:
        return _Hit(first, last, self.row[first].start, self.row[last].end, text)

    def _run(self, old: Sequence[Token], first: int) -> int | None:
        """Where a run of tokens that begins at ``first`` ends; "lemon lime" may stand as "lemon and lime"."""
        if len(old) == 1:
            found = self.row[first]
            if old[0].key in _VERBS and not found.text[0].isupper():
                return None
            return first if old[0].kind == found.kind or {old[0].kind, found.kind} <= NAMES | {"unit"} else None
        at = first
        for token in old[1:]:
            if not _GAP.fullmatch(self.text, self.row[at].end, self.row[at + 1].start if at + 1 < len(self.row) else 0):
                return None
            at += 1
            if self.row[at].key == "and" != token.key and at + 1 < len(self.row):
                at += 1
            if self.row[at].key != token.key:
                return None
        return at

    def _numbers(self, change: Change) -> Iterator[_Hit]:
        """Where the description has the neighbour's number in the title's sense."""
        old, new = change.old[0], change.new[0]
        for at in self.places.get(old.key, ()):
            token = self.row[at]
            if not self._means(change, at):
                continue
            if token.kind == "ordinal":
                if word := _ordinal_of().get(int(new.key) if new.key.isdecimal() else 0):
                    yield self._hit(at, at, _cased(word, token.text))
                continue
            written = _figure(token, new)
            if (old.key == "1") != (new.key == "1") and at + 1 < len(self.row) and self._is_counted(at + 1):
                noun = self.row[at + 1]
                gap = self.text[token.end : noun.start]
                one = singular(noun.text)
                yield self._hit(at, at + 1, written + gap + (one if new.key == "1" else plural(one)))
            else:
                yield self._hit(at, at, written)

    def _is_counted(self, at: int) -> bool:
        """Whether the word after a number takes a plural with it ("litres", "cards", not "ml", not "bottle green")."""
        noun = self.row[at]
        if noun.kind == "unit":
            return len(singular(noun.text)) > 3
        return noun.kind == "word" and (noun.key in self.names or noun.key in PACKS)

    def _means(self, change: Change, at: int) -> bool:
        """Whether the number at a place of the description is the one of the neighbour's title."""
        token, unit = self.row[at], measure_after(self.row, at)
        before = self.row[at - 1].key if at else ""
        after = self.row[at + 1].key if at + 1 < len(self.row) else ""
        if SERIES & set(change.before[-1:]):
            return token.kind == "ordinal" or before in SERIES
        if token.kind != "number":
            return False
        if change.unit is not None:
            return unit == change.unit
        figure = token.text[0].isdecimal()
        if PACKS & {*change.before, *change.after[:1]}:
            if figure and after == "x":
                return True  # "3 x 50 ml"
            following = {one.key for one in self.row[at + 1 : at + 1 + _COUNTED]}
            around = following | {one.key for one in self.row[max(0, at - 2) : at]} & PACKS
            if _opens(self.text, token.start) and at + 1 < len(self.row) and self.row[at + 1].text in _INTO:
                return True  # "Eight in a sleeve."
            return unit is None and (bool(around & (PACKS | self.names)) or (figure and _is_large(token)))
        if unit is not None:
            return False
        if (change.before and before == change.before[-1]) or (change.after and after == change.after[0]):
            return True
        counted = {one.key for one in self.row[at + 1 : at + 1 + _COUNTED]} & self.names
        return (bool(counted) and not self._is_own(token, counted)) or (figure and _is_large(token))

    def _is_own(self, token: Token, counted: set[str]) -> bool:
        """Whether the product's title counts one of these as many, too ("2 discs")."""
        row = title_tokens(self.title)
        return any(one.key == token.key and row[at + 1].key in counted for at, one in enumerate(row[:-1]))

    def replaced(self, hits: Sequence[_Hit]) -> tuple[str, Callable[[int], int]]:
        """The description with every hit's words written in its place; by how much a place between them has moved."""
        text = ""
        position = 0
        ends, moves = [0], [0]
        for hit in hits:
            before, was = self.text[position : hit.start], self.text[hit.start : hit.start + 12]
            text += _with_article(before, was, hit.text) + hit.text
            position = hit.end
            ends.append(position)
            moves.append(len(text) - position)
        return text + self.text[position:], lambda place: moves[bisect_right(ends, place) - 1]

    def left(
        self, differences: Sequence[Change], own: set[str], hits: dict[int, _Hit]
    ) -> tuple[tuple[str, ...], set[int]]:
        """Words of the neighbour's title alone that still stand in the description, and their places in its row."""
        found: list[str] = []
        standing: set[int] = set()
        for change in differences:
            for place, token in enumerate(change.old):
                places = [at for at in self.places.get(token.key, ()) if at not in hits]
                if not places or token.text in found or token.kind == "unit":
                    continue
                if _is_letter(token):
                    places = [at for at in self._letters(single(change, place, self.neighbour)) if at not in hits]
                elif token.key in lexicon().stop | SERIES:
                    continue
                elif token.kind == "number":
                    one = single(change, place, self.neighbour)
                    places = [at for at in places if self._means(one, at)]
                elif token.key in own or len(token.key) == 1:
                    continue
                elif token.key in _VERBS:
                    places = [at for at in places if self.row[at].text[0].isupper()]
                if places:
                    found.append(token.text)
                    standing.update(places)
        return tuple(found), standing


def _is_large(token: Token) -> bool:
    return not token.key.isdecimal() or int(token.key) >= _SMALL


def _is_letter(token: Token) -> bool:
    return len(token.text) == 1 and token.text.isupper() and token.kind != "size"


def _is_code(row: Sequence[Token]) -> bool:
    """Whether it stands for a kind, as measures do: "USB-C", "XLR"."""
    return all(token.text.isupper() for token in row)


def _fitting(change: Change) -> tuple[Token, ...]:
    """Of what the product's title has instead, what can stand where the old words stood; none: it is another thing."""
    old, new = change.old, change.new
    measured = new[0].kind == "number" or new[0].key == "x" or any(token.kind == "unit" for token in new)
    if len(new) > 1 and measured and all(token.kind in NAMES for token in old) and not _is_code(old):
        return ()
    if len(old) > 1 and any(token.kind == "unit" for token in old) and not measured and not _is_code(new):
        return ()
    kinds = {token.kind for token in old}
    if len(kinds) == 1 and kinds <= {"colour", "material"} and any(token.kind in kinds for token in new):
        return new[: max(place for place, token in enumerate(new) if token.kind in kinds) + 1]
    return new


def _opens(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"“‘('")
    return not before or before[-1] in ".!?:"


def _dressed(change: Change, new: str, found: Sequence[Token], opens: bool) -> str:
    """The new words in the case and number of those that they replace."""
    words, old = new, change.old
    if len(change.new) == 1 and len(old) == 1 and change.new[0].kind in NAMES:
        was, now = old[0].text.lower(), found[0].text.lower()
        if was != now and singular(was) == singular(now):
            words = singular(new) if now == singular(now) else plural(singular(new))
    plain = [token for token in found if token.text.isalpha() and token.kind != "size" and len(token.text) > 1]
    kept = {token.key for token in change.new}
    judged = [token for token in (plain[1:] if opens else plain) if token.key not in kept] or plain[opens:]
    judged = [token for token in judged if not token.text.isupper()] or judged
    lower = all(token.text.islower() for token in judged)
    # A word that opens a sentence has a capital, whatever it is; a colour is written small.
    plainly = any(token.kind in ("colour", "material") for token in (*old, *change.new))
    if plain and lower and (not opens or len(plain) > 1 or plainly):
        words = _lowered(words, change.new)
    return words[0].upper() + words[1:] if opens and plain else words


def _lowered(words: str, row: Sequence[Token]) -> str:
    """Title case taken off; what is written in capitals or with digits stays ("XL", "A4"), but for "RED" and "OAK"."""
    start = row[0].start
    for token in row:
        if token.kind in ("colour", "material") or (token.text[1:].islower() and token.kind != "code"):
            at = token.start - start
            words = words[:at] + words[at : at + len(token.text)].lower() + words[at + len(token.text) :]
    return words


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def _figure(found: Token, new: Token) -> str:
    """The new number, in letters where the old one was and English has a short word for it."""
    if found.text[0].isdecimal():
        return new.text if new.text[0].isdecimal() else new.key
    value = int(new.key) if new.key.isdecimal() else None
    word = _word_of().get(value) if value is not None else None
    return new.key if word is None else _cased(word, found.text)


def _with_article(before: str, was: str, now: str) -> str:
    """What stands before a replaced word, with "a" or "an" as the new word wants it."""
    match = _ARTICLE.search(before)
    if match is None or bool(_VOWEL.match(was)) == bool(_VOWEL.match(now)):
        return before
    return before[: match.start()] + match[1][0] + ("n" if _VOWEL.match(now) else "") + match[2]
