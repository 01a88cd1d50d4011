"""Which language a text is in, and that a language more is a file more."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelftalker.checks import lexicon as words
from shelftalker.checks.check import check
from shelftalker.checks.given import Given
from shelftalker.checks.language import code_of, language_of, main_language, of_neighbours, spoken_in

TEXTS = {
    "en": "A kettle that pours without a drip and sings when it is done.",
    "de": "Ein Kessel, der nicht tropft und singt, wenn er fertig ist.",
    "pt": "Uma chaleira que não pinga e que canta quando a água está pronta.",
    "es": "Una tetera que no gotea y que canta cuando el agua está lista.",
    "fr": "Une bouilloire qui ne goutte pas et qui chante quand elle est prête.",
    "it": "Un bollitore che non gocciola e che canta quando è pronto per il tè.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_of_a_sentence(code: str) -> None:
    assert language_of(TEXTS[code]) == code


def test_a_code_has_no_language_and_a_catalogue_that_of_most() -> None:
    assert language_of("CX-220") is None
    assert main_language([TEXTS["pt"], TEXTS["en"], TEXTS["pt"], "CX-220"]) == "pt"
    assert main_language(["CX-220"], otherwise="fr") == "fr"


@pytest.mark.parametrize("code", ["de", "pt", "es", "fr"])
def test_a_description_in_its_catalogues_language_is_no_fault_and_one_in_another_is(code: str) -> None:
    def fired(language: str) -> set[str]:
        return {one.check for one in check(TEXTS[code], Given("Kelmarsh 1", language=language))}

    assert "language" not in fired(code)
    assert "language" in fired("en")
    assert "language" in {one.check for one in check(TEXTS["en"], Given("Kelmarsh 1", language=code))}


@pytest.mark.parametrize(
    ("language", "title", "text", "supported"),
    [
        ("pt", "Caneca 0,35 l", "Cabem 350 ml.", True),
        ("pt", "Kit com 3 potes", "São três potes.", True),
        ("pt", "Saco 1.200 g", "Pesa 1,2 quilos.", True),
        ("de", "Seil 2,5 m", "Es misst 250 Zentimeter.", True),
        ("de", "Schrauben, 24 Stück", "Vierundzwanzig Schrauben.", True),
        ("de", "Schrauben, 24 Stück", "Fünfundzwanzig Schrauben.", False),
        ("es", "Libro, 31 recetas", "Treinta y una recetas.", True),
        ("fr", "Puzzle 96 pièces", "Quatre-vingt-seize pièces.", True),
        ("fr", "Puzzle 96 pièces", "Quatre-vingt-dix pièces.", False),
        ("it", "Pentola 24 cm", "Una pentola di 24 cm, 2 kg.", False),
    ],
)
def test_numbers_and_units_in_every_language(language: str, title: str, text: str, supported: bool) -> None:
    fired = {one.check for one in check(text, Given(title, language=language))}
    assert fired.isdisjoint({"number", "unit", "contradiction"}) == supported


def test_a_sixth_language_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in words.FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "da.toml").write_text(
        'name = "Danish"\ndecimal = ","\nstop = "en et og er med til af på den det som"\n'
        '[numbers.words]\nto = 2\n[colours.plain]\nred = "rød rødt røde"\n[materials.plain]\nwood = "træ"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    caches = (words.languages, words.lexicon, words.stop_words)
    for cache in caches:
        cache.cache_clear()
    try:
        found = check("En rød kop af træ og med to hanke.", Given("Kop", language="da"))
        assert {(one.check, one.text) for one in found} == {("colour", "rød"), ("material", "træ"), ("number", "to")}
    finally:
        for cache in caches:
            cache.cache_clear()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("pt-BR", "pt"),
        ("PT", "pt"),
        ("Portuguese", "pt"),
        ("de_AT", "de"),
        ("Italian", "it"),
        ("Klingon", None),
        ("", None),
    ],
)
def test_what_a_column_calls_a_language(said: str, code: str | None) -> None:
    assert code_of(said) == code


def test_neighbours_agree_on_a_language_or_do_not() -> None:
    assert of_neighbours([TEXTS["pt"], TEXTS["en"], TEXTS["pt"]]) == "pt"
    assert of_neighbours([TEXTS["pt"]]) is None, "one is none"
    assert of_neighbours([TEXTS["pt"], TEXTS["en"]]) is None
    assert of_neighbours(["CX-220", "Blue."]) is None


def test_the_shares_of_a_catalogues_languages() -> None:
    assert spoken_in([TEXTS["pt"]] * 3 + [TEXTS["en"]]) == {"pt": 0.75, "en": 0.25}
    assert spoken_in(["CX-220"]) == {}
