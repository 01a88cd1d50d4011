"""Looking cheaply first must find what looking dearly finds."""

from __future__ import annotations

import re

import pytest

from benchmarks.checks import labelled
from shelftalker.checks.lexicon import languages, lexicon
from shelftalker.checks.promises import _certificate, _hinted, _may_promise
from shelftalker.checks.quantities import _TOKEN, _Grammar, _grammar, quantities
from shelftalker.checks.quick import Caseless, Sieve, words_in

TEXTS = [row["description"] for row in labelled()] + [
    "5x½ mugs, a dozen of them, one for $3.50",
    "HALF A DOZEN. 12x45 mm",
]


@pytest.mark.parametrize(
    "path",
    [
        ("patterns", "idioms"),
        ("patterns", "works_with"),
        ("patterns", "induction"),
        ("patterns", "editions"),
        ("sizes", "hint"),
        ("colours", "none"),
    ],
)
def test_a_pattern_finds_the_same_whatever_the_case(path: tuple[str, str]) -> None:
    for code in languages():
        words = lexicon(code)
        for text in [*TEXTS, *(text.upper() for text in TEXTS[::5])]:
            found = [match.span() for match in words.caseless(*path).finditer(text)]
            assert found == [match.span() for match in words.pattern(*path).finditer(text)]


def test_letters_that_are_like_ascii_ones_are_found_in_ascii() -> None:
    assert Caseless("ſlate").search("a SLATE roof")
    assert Caseless(r"(?P<what>BPA)\W+Free").search("bpa - free")
    assert not Caseless(r"\Bfree").search("free")


def test_a_sieve_says_the_same_twice_and_asks_once() -> None:
    asked = []

    def is_short(word: str) -> bool:
        asked.append(word)
        return len(word) < 4

    sieve, words = Sieve(is_short), words_in("The mug and the kettle, the mug")
    assert sorted(sieve(words)) == sorted(sieve(words)) == ["The", "and", "mug", "the"]
    assert sorted(asked) == ["The", "and", "kettle", "mug", "the"]


def test_figures_alone_are_looked_at_only_where_no_word_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in languages():
        words = lexicon(code)
        quick = [quantities.__wrapped__(text, words) for text in TEXTS]
        with monkeypatch.context() as patch:
            patch.setattr(_Grammar, "tokens", lambda _, __: _TOKEN)
            assert quick == [quantities.__wrapped__(text, words) for text in TEXTS]
        assert any(_grammar(words).tokens(text) is not _TOKEN for text in TEXTS)


def test_every_promise_is_looked_for() -> None:
    capitals = re.compile(r"[A-Z]{2}")
    for code in languages():
        words = lexicon(code)
        hints = words.words("patterns", "promise_hints")
        for text in TEXTS:
            if _certificate(words).search(text) and (capitals.search(text) or _hinted(text.lower(), hints)):
                assert _may_promise(text, words), text
