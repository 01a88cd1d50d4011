"""Claims in figures: numbers, measures, model numbers, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known, Question, unless
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quantities import Quantity, quantities
from shelftalker.checks.quick import Pattern


def numbers(text: str, words: Lexicon) -> Iterator[Question]:
    """Numbers and measures; numbers that share a unit ("30 x 60 cm") are asked for together."""
    found = quantities(text, words)
    exempt = [match.span() for match in words.sought("patterns", "idioms").finditer(text)] if found else []
    listed: list[Quantity] = []
    for quantity in found:
        if any(start <= quantity.start < end for start, end in exempt):
            continue
        if quantity.word and quantity.value in (0, 1):
            continue
        listed.append(quantity)
        if not quantity.shared:
            yield partial(_unsupported, tuple(listed), text)
            listed = []


def _unsupported(listed: Sequence[Quantity], text: str, known: Known) -> Raw | None:
    first = next((one for one in listed if not known.figures.supports(one)), None)
    if first is None:
        return None
    quantity = listed[-1]
    written = text[first.start : quantity.end]
    if quantity.dimension is None:
        return "number", first.start, quantity.end, f"The input does not say {written!r}."
    if known.figures.knows_value(quantity):
        why = f"The input has this number, but not as {written!r}."
    else:
        why = f"The input does not give the measure {written!r}."
    return "unit", first.start, quantity.end, why


_CODE = re.compile(r"(?<![\w.-])(?=[\w./-]*\d)(?=[\w./-]*[A-Za-z])[A-Za-z0-9]+(?:[-/.][A-Za-z0-9]+)*(?![\w])")
_DIGIT = re.compile(r"\d")
_COMMON_CODES = frozenset("mp3 mp4 2d 3d 4x4 h2o co2 1st 2nd 3rd a4 a5 a3 covid-19 9-to-5 y2k".split())
_NO_CODE = re.compile(r"x\d{1,2}|\d+(?:[.,]\d+)*(?:st|nd|rd|ths?|s)?(?:-[a-z-]+)?|[a-z]+(?:-[a-z]+)*-\d+s?")


def model_numbers(text: str, words: Lexicon) -> Iterator[Question]:
    """Words of letters and digits that are no measure."""
    if not _DIGIT.search(text):
        return
    measured = [(item.start, item.end) for item in quantities(text, words) if item.dimension is not None]
    for match in _CODE.finditer(text):
        code, (start, end) = match.group(), match.span()
        if code.lower() in _COMMON_CODES or any(begin < end and start < stop for begin, stop in measured):
            continue
        if _NO_CODE.fullmatch(code) or words.pattern("patterns", "no_code").fullmatch(code):
            continue
        why = f"The input does not have the code {code!r}."
        yield unless(partial(Known.has_code, code=code), "model_number", start, end, why)


_LETTERS = r"XX?S|S|M|L|X{1,3}L|[23]XL"


class _Sizes:
    """How one language writes sizes, as patterns."""

    def __init__(self, words: Lexicon) -> None:
        named = {
            form.replace("_", " "): name
            for name, forms in words.table("sizes", "names").items()
            for form in forms.split()
        }
        self.names = named
        spoken = "|".join(
            re.escape(form).replace(r"\ ", "[- ]") for form in sorted(named, key=len, reverse=True) if len(form) > 3
        )
        self.one = (
            r"(?:UK |EU |US )?(?:\d{1,2}(?:[.,]5)?\b(?!\s?(?:[x×]|cm|mm|in\b))"
            rf"|{_LETTERS}{'|' + spoken if spoken else ''})"
        )
        word, joins = words.text("sizes", "word") or "(?!)", words.text("sizes", "joins") or "(?!)"
        before, after = words.text("sizes", "before") or "(?!)", words.text("sizes", "after")
        bed, bed_after = words.text("sizes", "bed") or "(?!)", words.text("sizes", "bed_after")
        self.pattern = Pattern(
            rf"(?<![\w'’-])(?:{word} (?P<after>{self.one}(?:(?:{joins}){self.one})*)"
            r"|(?P<shoe>(?:UK|EU|US)(?: size)? \d{1,2}(?:\.5)?(?:\s?(?:-|–|to)\s?\d{1,2}(?:\.5)?)?)"
            rf"|(?P<before>{before})(?:{after})"
            rf"|(?P<bed>(?:{bed})(?={bed_after}))"
            rf"|(?P<one>{words.text('sizes', 'one') or '(?!)'})"
            r"|(?P<alone>(?-i:X[Xx]?[Ss]|X[Xx]{0,2}[Ll]))"
            rf"|(?P<paper>(?-i:A[0-6]|B5|D[Ll])|{words.text('sizes', 'paper') or '(?!)'})(?! \d))(?![\w])"
        )
        self.each = re.compile(rf"{self.one}(?![\w])", re.IGNORECASE)
        alone = "|".join([_LETTERS, spoken or "(?!)"])
        self.title = re.compile(
            rf"(?:(?<=[,(]) ?|\b(?:{word}) ?|[-–/] )(?P<size>{alone}|(?:{bed}))"
            r"(?=[ ]?(?:[,)/]|$)|[- ]size| bed| duvet)",
            re.IGNORECASE,
        )


@lru_cache(maxsize=32)
def _sizes(words: Lexicon) -> _Sizes:
    return _Sizes(words)


def sizes(text: str, words: Lexicon) -> Iterator[Question]:
    """Clothing, shoe, bed and paper sizes; in a list each size by itself."""
    style = _sizes(words)
    for match in style.pattern.finditer(text):
        group = match.lastgroup or ""
        value = match[group]
        if group == "paper" and not value[0].isupper():
            continue
        if group == "after":
            for number, each in enumerate(style.each.finditer(text, match.start(group), match.end())):
                yield _size(style, each.group(), each.start() if number else match.start(), each.end())
        else:
            yield _size(style, value, *match.span())


def _size(style: _Sizes, value: str, start: int, end: int) -> Question:
    return unless(partial(_has_size, style, value), "size", start, end, f"The input does not give the size {value!r}.")


def title_sizes(text: str, words: Lexicon) -> dict[str, str]:
    """Clothing and bed sizes that stand as such in ``text``, plain name to spelling."""
    style = _sizes(words)
    found = [match["size"] for match in style.title.finditer(text)]
    return {style.names.get(name.lower().replace("-", " "), name.lower()): name for name in found}


def _has_size(style: _Sizes, value: str, known: Known) -> bool:
    digits = re.findall(r"\d{1,2}(?:[.,]5)?", value)
    plain = value.lower().replace("-", " ")
    if digits and plain not in style.names and not re.fullmatch(r"[ab][0-6]", plain):
        return all(float(run.replace(",", ".")) in known.figures.values for run in digits)
    name = style.names.get(plain, plain)
    spellings = {name.replace("_", " "), plain, *(form for form, same in style.names.items() if same == name)}
    return any(re.search(rf"(?<![\w'’]){re.escape(item)}(?![\w'’])", known.spaced) for item in spellings)
