"""The words that the checks know, one file a language: a file more in ``languages/`` is a language more."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from shelftalker.checks.quick import WORD, Pattern, Sieve, places_of, words_in

FOLDER = Path(__file__).parent / "languages"
T = TypeVar("T")
_NEVER = r"(?!)"
# Shortest stem of a compound ("Holzgriff") and least that must follow it.
_COMPOUND = (4, 3)


def _kept(look: Callable[[Lexicon, str], T]) -> Callable[[Lexicon, str], T]:
    """A look-up of words with its last answers: the words of a catalogue come again and again."""
    return lru_cache(maxsize=1 << 16)(look)


class Lexicon:
    """One language: its word lists as sets, its words for colours, materials and units as look-ups.

    A language without a file has what all share: numbers in figures and the symbols of units.

    Args:
        code: two letters (ISO 639-1).
        own: the language's file; empty where there is none.
        common: what all languages share.
    """

    def __init__(self, code: str, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self.code = code
        self.own = own
        self._patterns: dict[tuple[str, ...], Pattern] = {}
        self._lists: dict[tuple[str, ...], frozenset[str]] = {}
        self.name: str = own.get("name") or common["names"].get(code, code)
        self.decimal: str = own.get("decimal", ".")
        self.stop = _words(own.get("stop", common["stop"].get(code, "")))
        self.capitalised = _words(own.get("capitalised")) | _words(common["capitalised"])
        self.nouns_have_capitals: bool = own.get("nouns_have_capitals", False)
        self.places = _words(own.get("places"))
        self.filler, self.articles, self.copulas = (_words(own.get(key)) for key in ("filler", "articles", "copulas"))
        self.abbreviations = _words(own.get("abbreviations"))
        self.leaning, self.connectives, self.persons = (
            _words(own.get(key)) for key in ("leaning", "connectives", "persons")
        )
        self.prepositions, self.auxiliaries = _words(own.get("prepositions")), _words(own.get("auxiliaries"))
        self.spellings: Mapping[str, str] = own.get("spellings", {})
        self._endings = [tuple(pair.split(">")) for pair in own.get("endings", "").split()]
        self._kept = tuple(own.get("kept", "").split())
        numbers = own.get("numbers", {})
        self.number_words = {word.replace("_", " "): int(value) for word, value in numbers.get("words", {}).items()}
        self.ordinals = {word: int(value) for word, value in numbers.get("ordinals", {}).items() if int(value) > 2}
        self._read_units(own, common)
        self._read_colours(own.get("colours", {}), common)
        self._read_materials(own.get("materials", {}), common)
        self._colours_among, self._materials_among = Sieve(_any_part(self.colour)), Sieve(_any_part(self.material))

    def _read_units(self, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self.units: dict[str, tuple[str, float]] = {}
        for table in (common["units"], own.get("units", {})):
            for dimension, sizes in table.items():
                for spellings, size in sizes.items():
                    for name in spellings.split():
                        self.units[name.replace("_", " ")] = (dimension, float(size))
        self.short_units = _words(common["short_units"]) & self.units.keys()

    def _read_colours(self, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self.colours = self._stemmed(_concepts(own.get("plain", "")))
        self.weak_colours = self._stemmed(_concepts(own.get("weak", "")))
        self.edible_colours = _words(own.get("edible"))
        self.no_colours = _words(own.get("never"))
        self.colour_things = {name: _words(things) for name, things in own.get("things", {}).items()}
        self.shades = tuple(own.get("shades", "").split())
        self.implied_colours = {name: _words(implied) for name, implied in common["implied_colours"].items()}

    def _read_materials(self, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self.materials = _concepts(own.get("plain", ""))
        weak = own.get("weak", "")
        self.weak_materials = frozenset(_concepts(weak))
        if not isinstance(weak, str):
            self.materials = {**self.materials, **_concepts(weak)}
        self.exact_materials = _words(own.get("exact"))
        self.no_material_before = {name: _words(words) for name, words in own.get("not_before", {}).items()}
        self.no_material_after = {name: _words(words) for name, words in own.get("not_after", {}).items()}
        self.implied_materials = {name: _words(implied) for name, implied in common["implied_materials"].items()}
        self._compounds = tuple(sorted(self.materials, key=len, reverse=True)) if own.get("compounds") else ()

    def _stemmed(self, forms: dict[str, str]) -> dict[str, str]:
        """The forms, and what is left of each without its ending ("beiges" meets "beige" there)."""
        return {**{self.stem(form): name for form, name in forms.items()}, **forms}

    @_kept
    def stem(self, word: str) -> str:
        """A word without plural, possessive and spelling variants: enough to see "Bottles" in "bottle"."""
        word = word.lower().replace("’", "'").removesuffix("'s").removesuffix("'")
        for ending, left in self._endings:
            if len(word) > max(3, len(ending) + 1) and word.endswith(ending):
                if not word.endswith(self._kept) or not self._kept:
                    word = word.removesuffix(ending) + left
                break
        return self.spellings.get(word, word)

    @_kept
    def colour(self, word: str) -> str | None:
        """The colour that a word names, plain or weak, under one name for all languages ("rot", "rouge": red)."""
        return _look(word, self.colours, self.stem) or _look(word, self.weak_colours, self.stem) or self._shaded(word)

    def _shaded(self, word: str) -> str | None:
        """The colour of "dunkelrot" and "hellblau"."""
        lower = word.lower()
        shade = next((shade for shade in self.shades if lower.startswith(shade)), None)
        return _look(lower.removeprefix(shade), self.colours, self.stem) if shade else None

    def colours_in(self, text: str) -> list[re.Match[str]]:
        """Words of a text that name a colour, in order."""
        among = {part for word in self._colours_among(words_in(text)) for part in WORD.findall(word)}
        return places_of(filter(self.colour, among), text)

    def materials_in(self, text: str) -> list[re.Match[str]]:
        """Words of a text that name a material, in order."""
        among = {part for word in self._materials_among(words_in(text)) for part in WORD.findall(word)}
        return places_of(filter(self.material, among), text)

    @_kept
    def material(self, word: str) -> str | None:
        """What a word says something is made of, under one name for all languages; also inside a compound."""
        found = _look(word, self.materials, self.stem)
        if found or not self._compounds:
            return found
        lower = word.lower()
        for name in self._compounds:
            if len(name) >= _COMPOUND[0] and lower.startswith(name) and len(lower) >= len(name) + _COMPOUND[1]:
                return self.materials[name]
        return None

    def weak_material(self, word: str) -> bool:
        """Whether the word is something else more often than not."""
        return word.lower() in self.weak_materials or self.stem(word) in self.weak_materials

    def pattern(self, *path: str) -> re.Pattern[str]:
        """The regular expression at ``path`` of the file, whatever the case; never matching where there is none."""
        return self.sought(*path).compiled

    def sought(self, *path: str) -> Pattern:
        """As `pattern`, for whole texts."""
        found = self._patterns.get(path)
        if found is None:
            found = self._patterns[path] = Pattern(self.text(*path) or _NEVER)
        return found

    def words(self, *path: str) -> frozenset[str]:
        """The word list at ``path`` of the file."""
        found = self._lists.get(path)
        if found is None:
            value = self._at(path)
            found = self._lists[path] = _words(value if isinstance(value, str) else "")
        return found

    def text(self, *path: str) -> str:
        """What stands at ``path`` as one line; a list becomes its alternatives; empty where there is nothing."""
        value = self._at(path)
        if isinstance(value, str):
            return value.replace("\n", "")
        return "|".join(f"(?:{one})" for one in value) if isinstance(value, list) else ""

    def table(self, *path: str) -> Mapping[str, Any]:
        """The table at ``path`` of the file; empty where there is none."""
        value = self._at(path)
        return value if isinstance(value, Mapping) else {}

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self.own
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def _words(text: str | None) -> frozenset[str]:
    """The words of a list; an underscore is a space."""
    return frozenset(word.replace("_", " ").lower() for word in (text or "").split())


def _concepts(value: str | Mapping[str, str]) -> dict[str, str]:
    """Forms -> what they mean: a list means itself, a table gives the forms of each."""
    if isinstance(value, str):
        return {word: word for word in value.split()}
    return {form: name for name, forms in value.items() for form in forms.split()}


def _any_part(passes: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a run of letters passes in a word, which may have figures too."""
    return lambda word: any(map(passes, WORD.findall(word)))


def _look(word: str, table: Mapping[str, str], stem: Callable[[str], str]) -> str | None:
    return table.get(word.lower()) or table.get(stem(word))


@lru_cache(maxsize=1)
def _common() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "common.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Codes of the languages that have a file."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != "common"))


@lru_cache(maxsize=32)
def lexicon(code: str = "en") -> Lexicon:
    """The words of a language, read once.

    Args:
        code: two letters; more ("pt-BR") are cut off.
    """
    short = re.split(r"[-_]", code.lower())[0]
    path = FOLDER / f"{short}.toml"
    own = tomllib.loads(path.read_text(encoding="utf-8")) if short in languages() else {}
    return Lexicon(short, own, _common())


@lru_cache(maxsize=1)
def stop_words() -> dict[str, frozenset[str]]:
    """Function words of every language that can be told apart, with a file or without one."""
    codes = dict.fromkeys([*languages(), *_common()["stop"]])
    return {code: lexicon(code).stop for code in codes}
