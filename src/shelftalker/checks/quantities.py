"""Numbers and measures in a text, and whether another text supports them ("500 ml" supports "0.5 L")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from shelftalker.checks.lexicon import Lexicon, lexicon
from shelftalker.checks.quick import Sieve, places_of, words_in


@dataclass(frozen=True)
class Quantity:
    """A number at ``start:end`` of a text, with its unit's dimension (None: a bare number or a count)."""

    start: int
    end: int
    value: float
    dimension: str | None
    base: float
    """The value in the dimension's base unit; the value itself for a bare number."""
    word: bool = False
    """Written in letters ("two")."""
    ordinal: bool = False
    ounces: bool = False
    """Written in ounces: of mass or, in kitchens, of volume."""
    shared: bool = False
    """The unit was taken from a later number of a list ("12 x 45 mm"); perhaps it is a count ("2 x 500 ml")."""


_VULGAR = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125, "⅜": 0.375, "⅝": 0.625, "⅞": 0.875}
_POINT = r"\d+[ -]\d+/\d+|\d+/\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[½¼¾⅓⅔⅛⅜⅝⅞])?|\.\d+|[½¼¾⅓⅔⅛⅜⅝⅞]"
_COMMA = (
    r"\d+[ -]\d+/\d+|\d+/\d+|\d{1,3}(?:[.\u00a0\u202f]\d{3})+(?:,\d+)?(?!\d)|\d+(?:[.,]\d+)?(?:[½¼¾⅓⅔⅛⅜⅝⅞])?"
    r"|[½¼¾⅓⅔⅛⅜⅝⅞]"
)
_SIGNS = {"%": "percent", '"': "inch", "″": "inch", "”": "inch", "''": "inch", "'": "ft", "′": "ft", "Ω": "ohm"}
_LENGTHS = {"inch": ("length", 25.4), "ft": ("length", 304.8)}


class _Grammar:
    """How one language writes numbers and units, as patterns."""

    def __init__(self, words: Lexicon) -> None:
        self.words = words
        table = words.table("numbers")
        self.number_words = words.number_words
        self.multipliers = {word: int(value) for word, value in table.get("multipliers", {}).items()}
        self.ordinals = words.ordinals
        self.half = table.get("half", "half")
        both = {**self.number_words, **self.multipliers}
        self.parts = re.compile(_any(both) or r"(?!)", re.IGNORECASE)
        article, joiner = table.get("a", "a"), table.get("and", "and")
        simple, multiple = _any(self.number_words) or "(?!)", _any(self.multipliers) or "(?!)"
        small = rf"(?:{simple})(?:[- ](?:{simple}))*"
        if table.get("and_joins_tens"):
            tens = _any({word for word, value in self.number_words.items() if 20 <= value <= 90 and value % 10 == 0})
            ones = _any({word for word, value in self.number_words.items() if 1 <= value <= 19})
            pair = rf"(?:{tens})(?:[- ]{joiner}[- ]|[- ])(?:{ones})"
            hundreds = _any({word for word, value in self.number_words.items() if value >= 100})
            small = rf"(?:(?:{hundreds or '(?!)'})(?: (?:{joiner} )?(?:{pair}|{simple}))?|{pair}|{simple})"
        large = rf"(?:(?:{article}|{self.half}|{small})[- ])?(?:{multiple})(?:[- ](?:{multiple}))*"
        large += rf"(?:[- ](?:{joiner}[- ])?{small})?"
        spelt = rf"\b(?:{large}(?:[- ]{large})*|{small})\b(?!{words.text('numbers', 'not_before') or '(?!)'})"
        ordinal = rf"\b(?:{_any(self.ordinals) or '(?!)'})\b"
        nth = "|".join(table.get("nth", "").split()) or "(?!)"
        large_words = _any({word for word, value in self.multipliers.items() if value >= 1000}) or "(?!)"
        self.number = re.compile(
            rf"(?P<money>[$£€]\s?)?(?:(?:(?<![\w.])|(?<=\d[x×]))"
            rf"(?P<figure>{_COMMA if words.decimal == ',' else _POINT})(?P<nth>(?:{nth})(?![^\W\d_]))?"
            rf"(?P<many> ?(?:{large_words})\b)?|(?P<words>{spelt})|(?P<ordinal>{ordinal}))",
            re.IGNORECASE,
        )
        self._large = _first_words(self.multipliers)
        opening = self._large | _first_words([*self.number_words, *self.ordinals])
        # "a" and "half" begin a number only before "dozen" or "thousand".
        self._before_large = _first_words([article, self.half]) - opening
        self._opening = Sieve(lambda word: word.lower() in opening)
        names = "|".join(re.escape(name) for name in sorted(words.units, key=len, reverse=True))
        self.unit = re.compile(
            rf"(?P<gap>[ \u00a0-]?)(?:(?P<name>(?:{names})s?)(?![\w&]|-?\d)"
            r"|(?P<sign>°\s?[CF]?\b|°|%|\"|″|”|''|'(?!\w)|′|Ω))",
            re.IGNORECASE,
        )
        # Between two numbers that share the unit written after the last one: "12 x 45 mm", "30-40 cm", "2 or 3 hours".
        joins = "|".join(table.get("joins", "").split()) or "x"
        self.join = re.compile(rf"\s?(?:x|×|{joins}|-|–|/)\s?(?:x\s)?", re.IGNORECASE)

    def starts(self, text: str) -> list[int]:
        """Where in a text a number may begin."""
        found = [match.start() for match in _FIGURE.finditer(text)]
        words = words_in(text)
        opening = self._opening(words)
        if opening:
            if any(word.lower() in self._large for word in opening):
                opening += [word for word in words if word.lower() in self._before_large]
            found += [match.start() for match in places_of(opening, text)]
        return sorted(found)

    def figure(self, text: str) -> float:
        """The value of a number in figures."""
        if self.words.decimal == ",":
            if re.fullmatch(r"\d{1,3}(?:[.\u00a0\u202f]\d{3})+(?:,\d+)?", text):
                text = re.sub(r"[.\u00a0\u202f]", "", text)
            return _figure(text.replace(",", "."))
        return _figure(text)

    def spelt(self, text: str) -> float:
        """The value of a number in words."""
        total, current = 0, 0
        for match in self.parts.finditer(text):
            word = match.group().lower()
            if word in self.number_words:
                current += self.number_words[word]
            else:
                current = max(current, 1) * self.multipliers[word]
                if self.multipliers[word] >= 1000:
                    total, current = total + current, 0
        value = float(total + current)
        return value / 2 if text.lower().startswith(self.half.split()[0] + " ") else value


def _first_words(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(re.split(r"[ -]", phrase)[0] for phrase in phrases)


def _any(words: Iterable[str]) -> str:
    """Any of the words, the longest first."""
    return "|".join(rf"\b{re.escape(word)}\b" for word in sorted(words, key=len, reverse=True))


@lru_cache(maxsize=32)
def _grammar(words: Lexicon) -> _Grammar:
    return _Grammar(words)


_FIGURE = re.compile(
    # The first letter alone, which is quick to look for; then whether a number begins with it.
    r"[$£€.\d½¼¾⅓⅔⅛⅜⅝⅞]"
    r"(?:(?<=[$£€])\s?\.?(?=[\d½¼¾⅓⅔⅛⅜⅝⅞])|(?<=\.)(?=[\d½¼¾⅓⅔⅛⅜⅝⅞])|(?<=\d)|(?<![^\W\d_].)(?<=[½¼¾⅓⅔⅛⅜⅝⅞]))"
    r"[\d.,½¼¾⅓⅔⅛⅜⅝⅞]*"
)
_DIMENSION_LETTER = re.compile(r'\s?(?:["″]|cm|mm|in)?\s?[LWHD]\b\.?')
_INCH_AFTER = re.compile(
    r"\s*(?:[.,;:)x×]|$|-|by\b|and\b|to\b|or\b|long|wide|tall|high|deep|across|thick|square|diameter|frame|screen|blade"
    r"|drive|socket|board|pot|round|pan|drill)"
)
_OUNCES = re.compile(r"\b(?:oz|ounces?)\b", re.IGNORECASE)
_GLUED = re.compile(r"(?![x×]\d)[^\W\d_]")
_MONEY = {"$": 1.0, "€": 1000.0, "£": 1e6}


def _figure(text: str) -> float:
    text = text.replace(",", "")
    if text[-1] in _VULGAR:
        return (float(text[:-1]) if text[:-1] else 0.0) + _VULGAR[text[-1]]
    whole = 0.0
    mixed = re.fullmatch(r"(\d+)[ -](\d+/\d+)", text)
    if mixed:
        whole, text = float(mixed[1]), mixed[2]
    if "/" in text:
        above, below = text.split("/")
        return whole + (float(above) / float(below) if float(below) else 0.0)
    return float(text)


def _unit_after(
    grammar: _Grammar, text: str, position: int, *, worded: bool, fraction: bool
) -> tuple[str, float, int] | None:
    """Dimension, scale and end of the unit written at ``position``."""
    match = grammar.unit.match(text, position)
    units = grammar.words.units
    if match is None:
        return None
    sign, name = match["sign"], match["name"]
    if sign:
        if sign.startswith("°"):
            letter = sign[1:].strip().lower()
            name = {"c": "c", "f": "f", "": "deg"}[letter]
        else:
            name = _SIGNS[sign]
        if match["gap"] == " " and sign in {'"', "”", "'", "''"}:
            return None  # a closing or opening quotation mark
    written = name
    if name.lower() == "bars":
        return None  # of chocolate
    name = " ".join(name.lower().split())
    if name not in units:
        name = name.removesuffix("s")
    if name not in units and name not in _LENGTHS:
        return None
    if not sign and name in grammar.words.short_units:
        if worded and name != "ton":
            return None
        follows = text[match.end() : match.end() + 12]
        if name == "in" and match["gap"] == " " and not _INCH_AFTER.match(follows) and not fraction:
            return None  # "3 in red", "two in one"
        if (name == "h" and written == "H") or (name == "d" and (written == "d" or match["gap"])):
            return None  # a pencil's or a glass's hardness; "2d"
        if name in {"a", "c", "f", "p", "k", "h"} and match["gap"] == " " and written.islower():
            return None
        if name == "m" and written == "M" and match["gap"]:
            return None
        if name == "k" and match["gap"]:
            return None
    dimension, scale = units.get(name) or _LENGTHS[name]
    if name in {"mb", "gb"} and text[match.end() : match.end() + 2].lower() in {"/s", "ps"}:
        dimension = "data rate"
    return dimension, scale, match.end()


def _numbers(grammar: _Grammar, text: str) -> Iterator[re.Match[str]]:
    """Every number; the expensive pattern is tried only where a word or figure may begin one."""
    end = 0
    for start in grammar.starts(text):
        match = grammar.number.match(text, start) if start >= end else None
        if match is not None:
            end = match.end()
            yield match


@lru_cache(maxsize=4096)
def quantities(text: str, words: Lexicon | None = None) -> tuple[Quantity, ...]:
    """Every number in ``text`` in order, with its unit where one is written; read once for several questions.

    Args:
        text: a description, a title or a fact.
        words: its language; English by default.
    """
    grammar = _grammar(words or lexicon())
    found: list[Quantity] = []
    chain: list[int] = []  # positions in `found` of bare numbers that would share the next number's unit
    last_end = -1
    for match in _numbers(grammar, text):
        start, end = match.start(), match.end()
        figure, spelt, ordinal = match["figure"], match["words"], match["ordinal"]
        if figure:
            value = grammar.figure(figure) * grammar.multipliers.get((match["many"] or "").strip().lower(), 1)
        elif spelt:
            value = grammar.spelt(spelt)
        else:
            value = float(grammar.ordinals[ordinal.lower()])
        is_ordinal = bool(ordinal or match["nth"])
        unit = (
            None
            if is_ordinal
            else _unit_after(
                grammar, text, end, worded=bool(spelt), fraction="/" in (figure or "") or "." in (figure or "")
            )
        )
        dimension, base = None, value
        joined = bool(chain) and grammar.join.fullmatch(text, last_end, start) is not None
        if match["money"]:
            dimension, base = "money", value * _MONEY[match["money"].strip()]
            chain = []
        elif unit is not None:
            dimension, base, end = unit[0], value * unit[1], unit[2]
            if dimension == "temperature F":
                dimension, base = "temperature", (value - 32) / 1.8
            for index in chain if joined else ():
                old = found[index]
                found[index] = replace(old, dimension=unit[0], base=old.value * unit[1], shared=True)
            chain = []
        elif figure and _GLUED.match(text, end) and not match["nth"] and not match["many"]:
            continue  # the head of a code ("5G", "3D"): a model number's business
        else:
            chain = [*chain, len(found)] if joined else [len(found)]
        ounces = dimension == "mass" and bool(_OUNCES.search(text, match.end(), end))
        found.append(Quantity(start, end, value, dimension, base, bool(spelt or ordinal), is_ordinal, ounces))
        letter = _DIMENSION_LETTER.match(text, end)
        last_end = letter.end() if letter else end
    return tuple(found)


@dataclass(frozen=True)
class Figures:
    """The numbers an input gives: what may be said without inventing."""

    values: frozenset[float]
    measures: tuple[tuple[str, float], ...]

    def supports(self, quantity: Quantity) -> bool:
        """Whether the input states this number; a measure must agree after conversion (2 %, for rounding)."""
        if (quantity.dimension is None or quantity.shared) and quantity.value in self.values:
            return True
        return any(
            (dimension == quantity.dimension and _near(base, quantity.base))
            or (dimension == "volume" and quantity.ounces and _near(base, quantity.value * 29.57))
            for dimension, base in self.measures
        )

    def knows_value(self, quantity: Quantity) -> bool:
        """Whether the input has the number, whatever its unit."""
        return quantity.value in self.values


def _near(known: float, said: float) -> bool:
    return abs(known - said) <= 0.02 * abs(known) + 1e-9


_RUN = re.compile(r"\d+(?:\.\d+)?")
_INCHES = re.compile(r"\b(\d+(?:\.\d+)?) in\b")
_LETTERS = re.compile(r"[^\W\d_]+")


def figures(text: str, words: Lexicon | None = None) -> Figures:
    """What ``text``, an input, supports: its numbers and measures, those inside codes, and "twin" or "III"."""
    language = words or lexicon()
    found = quantities(text, language)
    values = {quantity.value for quantity in found} | {float(run) for run in _RUN.findall(text)}
    values |= {float(run) for run in re.findall(r"\d+", text)}
    implied = language.table("numbers", "implied")
    values |= {float(run.replace(",", "")) for run in re.findall(r"\d{1,3}(?:,\d{3})+", text)}
    values |= {float(implied[word.lower()]) for word in _LETTERS.findall(text) if word.lower() in implied}
    # In a title "6 in" is inches even where a sentence would leave it open.
    inches = [("length", float(run) * 25.4) for run in _INCHES.findall(text)]
    measures = inches + [(quantity.dimension, quantity.base) for quantity in found if quantity.dimension is not None]
    # "4 x 250 ml" and "6 Pack, 330 ml" also give the total.
    counts = [item.value for item in found if (item.dimension is None or item.shared) and 1 < item.value <= 1000]
    totals = [(dimension, base * count) for dimension, base in measures for count in counts]
    return Figures(frozenset(values), tuple(dict.fromkeys([*measures, *totals])))
