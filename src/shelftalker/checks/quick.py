"""Cheap questions before dear ones: a text's words say which patterns cannot match in it.

Which phrases a pattern needs is read off the pattern itself, and what was found out about a word is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]
from typing import Any

WORD = re.compile(r"[^\W\d_]+")
_MOST = 1 << 17  # words that a sieve remembers
_SPELLINGS = 64  # most that is told apart of what stands in one place of a pattern
_LIKE_ASCII = str.maketrans("ıİſ\u212a", "iisk")  # which to a pattern that ignores case are these


_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_NOTHING = frozenset({""})
_Parsed = Iterable[tuple[Any, Any]]


class _Gaps(dict[int, int]):
    """For `str.translate`: whatever is neither letter nor figure becomes a space."""

    def __missing__(self, point: int) -> int:
        found = self[point] = point if chr(point).isalnum() else 32
        return found


_GAPS = _Gaps()


@lru_cache(maxsize=1024)
def _plain(text: str) -> tuple[frozenset[str], str, str]:
    """The different words of a text, all of them with one space between and around, and the same in small letters."""
    words = text.translate(_GAPS).split()
    plain = f" {' '.join(words)} "
    return frozenset(words), plain, (plain if plain.isascii() else plain.translate(_LIKE_ASCII)).lower()


def words_in(text: str) -> frozenset[str]:
    """The different words (runs of letters and figures) of a text, as written."""
    return _plain(text)[0]


def places_of(words: Iterable[str], text: str) -> list[re.Match[str]]:
    """Where the words (runs of letters, as written) stand in a text, in order."""
    found = []
    for word in words:
        at = text.find(word)
        while at >= 0:
            match = WORD.match(text, at)
            if match and match.end() == at + len(word) and not (at and WORD.match(text, at - 1)):
                found.append(match)
            at = text.find(word, at + 1)
    return sorted(found, key=lambda match: match.start())


class Sieve:
    """Which of some words pass a test; answers are remembered, so that most texts cost two set operations.

    Args:
        passes: the test, which must always say the same of a word.
    """

    def __init__(self, passes: Callable[[str], object]) -> None:
        self._passes = passes
        self._passed: set[str] = set()
        self._known: set[str] = set()

    def __call__(self, words: Set[str]) -> list[str]:
        """The words that pass, in no order."""
        found = list(words & self._passed)
        if not words <= self._known:
            new = words - self._known
            passing = [word for word in new if self._passes(word)]
            found += passing
            if len(self._known) < _MOST:
                self._passed.update(passing)
                self._known |= new
        return found


class Pattern:
    """A regular expression that is tried only on texts with a phrase that it needs.

    Args:
        source: the expression.
        flags: of `re`; whatever the case by default.
    """

    def __init__(self, source: str, flags: int = re.IGNORECASE) -> None:
        self.compiled = re.compile(source, flags)
        needed = phrases_of(source, flags)
        self._always = needed is None
        self._small = [phrase for phrase in needed or () if phrase == phrase.lower()]
        self._as_written = [phrase for phrase in needed or () if phrase != phrase.lower()]

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All matches, in order."""
        return self.compiled.finditer(text) if self.may_be_in(text) else iter(())

    def search(self, text: str) -> re.Match[str] | None:
        """The first match."""
        return self.compiled.search(text) if self.may_be_in(text) else None

    def may_be_in(self, text: str) -> bool:
        """False: it is not in the text."""
        _, plain, small = _plain(text)
        return (
            self._always or any(map(small.__contains__, self._small)) or any(map(plain.__contains__, self._as_written))
        )


def phrases_of(source: str, flags: int = re.IGNORECASE) -> frozenset[str] | None:
    """Phrases of which every match of a pattern has one, as `_plain` writes texts; small where it ignores case.

    Returns:
        The phrases; none: nothing matches; None: something matches that needs no certain phrase.
    """
    parsed = _parser.parse(source, flags)
    return _needed(parsed, bool(parsed.state.flags & re.IGNORECASE))


def _needed(parsed: _Parsed, caseless: bool, before: frozenset[str] = _NOTHING) -> frozenset[str] | None:
    """Of the phrases that stand there one after the other, the first of them after ``before``, those that say most."""
    found: list[frozenset[str]] = []
    run = before
    for operation, value in parsed:
        said = _said(operation.name, value, caseless)
        longer = None if said is None else _joined(run, said)
        if longer is not None:
            run = longer
            continue
        found.append(run)
        inner = _inside(operation.name, value, caseless, run) if said is None else None
        if inner is not None:
            found.append(inner)
        run = said if said is not None else _NOTHING
    shortest = [_shortest(phrases) for phrases in (*found, run)]
    telling = [phrases for phrases in shortest if all(phrase.strip() for phrase in phrases)]
    return max(telling, key=lambda phrases: (min(map(len, phrases), default=99), -len(phrases)), default=None)


def _inside(operation: str, value: Any, caseless: bool, before: frozenset[str]) -> frozenset[str] | None:
    """What a part needs of which not all can be told that may stand there."""
    match operation:
        case "SUBPATTERN":
            return _needed(value[3], _ignores_case(value, caseless), before)
        case "BRANCH":
            branches = [_needed(branch, caseless, before) for branch in value[1]]
            known = [branch for branch in branches if branch is not None]
            return frozenset[str]().union(*known) if len(known) == len(branches) else None
        case "ATOMIC_GROUP":
            return _needed(value, caseless, before)
    return _needed(value[2], caseless, before) if operation in _REPEATS and value[0] > 0 else None


def _said(operation: str, value: Any, caseless: bool) -> frozenset[str] | None:
    """All that can stand there; None: too much to tell."""
    match operation:
        case "LITERAL":
            return frozenset({_letter(value, caseless)})
        case "IN":
            return _one_of(value, caseless)
        case "AT":
            return _NOTHING if value.name == "AT_NON_BOUNDARY" else frozenset({" "})
        case "FAILURE":
            return frozenset()
        case "ASSERT":
            return _NOTHING
        case "ASSERT_NOT":  # nothing may stand there; or a word begins or ends; or that says nothing of what does
            parts = list(value[1])
            return frozenset({" "}) if _is_word(parts) else _NOTHING if parts else frozenset()
        case "SUBPATTERN":
            return _all_of(value[3], _ignores_case(value, caseless))
        case "BRANCH":
            branches = [_all_of(branch, caseless) for branch in value[1]]
            told = frozenset[str]().union(*(branch for branch in branches if branch is not None))
            return told if None not in branches and len(told) <= _SPELLINGS else None
    if operation in _REPEATS and value[0] <= 1 == value[1]:
        once = _all_of(value[2], caseless)
        return once if once is None or value[0] else once | _NOTHING
    return None


def _all_of(parsed: _Parsed, caseless: bool) -> frozenset[str] | None:
    run: frozenset[str] | None = _NOTHING
    for operation, value in parsed:
        said = None if run is None else _said(operation.name, value, caseless)
        run = None if run is None or said is None else _joined(run, said)
    return run


def _one_of(items: Sequence[tuple[Any, Any]], caseless: bool) -> frozenset[str] | None:
    letters: set[str] = set()
    for kind, value in items:
        if kind.name == "CATEGORY" and value.name == "CATEGORY_SPACE":
            letters.add(" ")
        elif kind.name == "LITERAL":
            letters.add(_letter(value, caseless))
        elif kind.name == "RANGE" and value[1] - value[0] <= _SPELLINGS:
            letters.update(_letter(point, caseless) for point in range(value[0], value[1] + 1))
        else:
            return None
    return frozenset(letters) if len(letters) <= _SPELLINGS else None


def _is_word(parts: Sequence[tuple[Any, Any]]) -> bool:
    """Whether all letters and figures, and maybe more, are what may not stand there."""
    if len(parts) != 1 or parts[0][0].name != "IN":
        return False
    kinds = [(kind.name, value.name if kind.name == "CATEGORY" else "") for kind, value in parts[0][1]]
    return ("CATEGORY", "CATEGORY_WORD") in kinds and ("NEGATE", "") not in kinds


def _letter(point: int, caseless: bool) -> str:
    letter = chr(point)
    if not letter.isalnum():
        return " "
    return letter.translate(_LIKE_ASCII).lower() if caseless else letter


def _ignores_case(group: Any, caseless: bool) -> bool:
    _, added, taken, _ = group
    return bool((caseless or added & re.IGNORECASE) and not taken & re.IGNORECASE)


def _joined(starts: frozenset[str], ends: frozenset[str]) -> frozenset[str] | None:
    """Each of one with each of the other behind it, a space never doubled; None: too many."""
    if len(starts) * len(ends) > _SPELLINGS:
        return None
    return frozenset(one + (end[1:] if one[-1:] == end[:1] == " " else end) for one in starts for end in ends)


def _shortest(phrases: frozenset[str]) -> frozenset[str]:
    """Phrases without those that hold another of them."""
    return frozenset(one for one in phrases if not any(other in one for other in phrases - {one}))
