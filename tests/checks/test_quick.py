"""Looking cheaply first must find what looking dearly finds."""

from __future__ import annotations

import re

import pytest

from benchmarks.checks import labelled
from shelftalker.checks.figures import _sizes
from shelftalker.checks.form import _TOKEN, _words
from shelftalker.checks.lexicon import languages, lexicon
from shelftalker.checks.promises import _TECHNOLOGY, _certificate, _edition
from shelftalker.checks.quantities import _grammar, quantities
from shelftalker.checks.quick import Pattern, Sieve, phrases_of, words_in

TEXTS = [row["description"] for row in labelled()] + [
    "5x½ mugs, a dozen of them, one for $3.50",
    "HALF A DOZEN. 12x45 mm",
    "Made of cotton—Fairtrade—in snow_white, XL or A4; fits all iPads' docks, “BPA-free”, CE-marked.",
]


def _patterns(code: str) -> list[Pattern]:
    words = lexicon(code)
    sought = [("patterns", "idioms"), ("patterns", "works_with"), ("patterns", "induction"), ("colours", "none")]
    own = [_certificate(words), _edition(words)[0], _sizes(words).pattern, _TECHNOLOGY]
    return [*(words.sought(*path) for path in sought), *own]


@pytest.mark.parametrize("code", languages())
def test_a_pattern_finds_what_it_finds_without_a_look_before(code: str) -> None:
    found = 0
    for pattern in _patterns(code):
        for text in [*TEXTS, *(text.upper() for text in TEXTS[::5])]:
            spans = [match.span() for match in pattern.finditer(text)]
            assert spans == [match.span() for match in pattern.compiled.finditer(text)]
            found += len(spans)
    assert found


@pytest.mark.parametrize("code", languages())
def test_most_texts_need_no_second_look(code: str) -> None:
    looked = [pattern.may_be_in(text) for pattern in _patterns(code) for text in TEXTS]
    assert sum(looked) < 0.2 * len(looked)


@pytest.mark.parametrize(
    ("source", "phrases"),
    [
        (
            r"\b(?:compatible with|fits? (?:all|any))",
            {" compatible with", " fit all", " fits all", " fit any", " fits any"},
        ),
        (r"non-?toxic", {"non toxic", "nontoxic"}),
        (r"\w+ologist tested\b", {"ologist tested "}),
        (r"(?<![\w'])(?:size|A[45])(?!\w)", {" size ", " a4 ", " a5 "}),
        (r"colou?r|(?!)", {"color", "colour"}),
        (r"(?:free from \w+ )?lead", {"lead"}),
        (r"(?:tin )+kettles", {"kettles"}),
        (r"24/7", {"24 7"}),
        (r"(?!)", set()),
        (r"\d+", None),
        (r"red|\w+", None),
    ],
)
def test_phrases_that_a_pattern_needs(source: str, phrases: set[str] | None) -> None:
    assert phrases_of(source) == phrases


def test_case_counts_where_the_pattern_says_so() -> None:
    assert phrases_of(r"\b(?:CE|(?i:BPA)-free)", 0) == {" CE", " bpa free"}
    assert Pattern(r"\bCE\b", 0).search("a CE mark") and not Pattern(r"\bCE\b", 0).may_be_in("once")


def test_letters_that_are_like_ascii_ones_are_found_in_ascii() -> None:
    assert Pattern("ſlate").search("a SLATE roof")
    assert Pattern("slate").search("a ſlate roof")
    assert Pattern(r"(?P<what>BPA)\W+Free").search("bpa - free")
    assert not Pattern(r"\Bfree").search("free")


def test_a_sieve_says_the_same_twice_and_asks_once() -> None:
    asked = []

    def is_short(word: str) -> bool:
        asked.append(word)
        return len(word) < 4

    sieve, words = Sieve(is_short), words_in("The mug and the kettle, the mug")
    assert sorted(sieve(words)) == sorted(sieve(words)) == ["The", "and", "mug", "the"]
    assert sorted(asked) == ["The", "and", "kettle", "mug", "the"]


def test_numbers_are_found_wherever_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only figures and words that open a number are tried; trying every word finds no more."""
    every = re.compile(r"[^\W\d_]+|(?:[$£€]\s?)?\.?[\d½¼¾⅓⅔⅛⅜⅝⅞][\d.,]*")
    for code in languages():
        words = lexicon(code)
        quick = [quantities.__wrapped__(text, words) for text in TEXTS]
        with monkeypatch.context() as patch:
            patch.setattr(
                type(_grammar(words)), "starts", lambda _, text: [match.start() for match in every.finditer(text)]
            )
            assert quick == [quantities.__wrapped__(text, words) for text in TEXTS]
        assert any(quick)


def test_words_are_told_apart_as_the_pattern_tells_them() -> None:
    odd = ["'tis -- rock 'n' roll, well--known x-ray's; 3.5-inch ’cause snow_white é-è", *TEXTS]
    for text in odd:
        assert _words(text) == [word.lower() for word in _TOKEN.findall(text)]
