"""Claims in figures: numbers, measures, model numbers, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quantities import Quantity


def numbers(known: Known, text: str, found: Sequence[Quantity]) -> Iterator[Raw]:
    """Numbers and measures; ``found`` are the text's quantities."""
    if all(known.figures.supports(quantity) or (quantity.word and quantity.value in (0, 1)) for quantity in found):
        return
    exempt = [match.span() for match in known.words.caseless("patterns", "idioms").finditer(text)]
    pending: int | None = None  # where an unsupported list that shares a unit began ("30 x 60 cm")
    for quantity in found:
        if any(start <= quantity.start < end for start, end in exempt):
            continue
        if quantity.word and quantity.value in (0, 1):
            continue
        supported = known.figures.supports(quantity)
        if quantity.shared:
            if not supported and pending is None:
                pending = quantity.start
            continue
        start = quantity.start if pending is None else pending
        if not supported or pending is not None:
            yield _unsupported(quantity, known, text, start)
        pending = None


def _unsupported(quantity: Quantity, known: Known, text: str, start: int) -> Raw:
    written = text[start : quantity.end]
    if quantity.dimension is None:
        return "number", start, quantity.end, f"The input does not say {written!r}."
    if known.figures.knows_value(quantity):
        why = f"The input has this number, but not as {written!r}."
    else:
        why = f"The input does not give the measure {written!r}."
    return "unit", start, quantity.end, why


_CODE = re.compile(r"(?<![\w.-])(?=[\w./-]*\d)(?=[\w./-]*[A-Za-z])[A-Za-z0-9]+(?:[-/.][A-Za-z0-9]+)*(?![\w])")
_DIGIT = re.compile(r"\d")
_COMMON_CODES = frozenset("mp3 mp4 2d 3d 4x4 h2o co2 1st 2nd 3rd a4 a5 a3 covid-19 9-to-5 y2k".split())
_NO_CODE = re.compile(r"x\d{1,2}|\d+(?:[.,]\d+)*(?:st|nd|rd|ths?|s)?(?:-[a-z-]+)?|[a-z]+(?:-[a-z]+)*-\d+s?")


def model_numbers(known: Known, text: str, found: Sequence[Quantity]) -> Iterator[Raw]:
    """Words of letters and digits that are no measure."""
    if not _DIGIT.search(text):
        return
    measured = [(item.start, item.end) for item in found if item.dimension is not None]
    for match in _CODE.finditer(text):
        code = match.group()
        if code.lower() in _COMMON_CODES or known.has_code(code):
            continue
        if any(start < match.end() and match.start() < end for start, end in measured):
            continue
        if _NO_CODE.fullmatch(code) or known.words.pattern("patterns", "no_code").fullmatch(code):
            continue
        yield "model_number", match.start(), match.end(), f"The input does not have the code {code!r}."


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
        self.pattern = re.compile(
            rf"(?<![\w'’-])(?:{word} (?P<after>{self.one}(?:(?:{joins}){self.one})*)"
            r"|(?P<shoe>(?:UK|EU|US)(?: size)? \d{1,2}(?:\.5)?(?:\s?(?:-|–|to)\s?\d{1,2}(?:\.5)?)?)"
            rf"|(?P<before>{before})(?:{after})"
            rf"|(?P<bed>(?:{bed})(?={bed_after}))"
            rf"|(?P<one>{words.text('sizes', 'one') or '(?!)'})"
            r"|(?P<alone>XX?S|X{1,3}L|[23]XL)"
            rf"|(?P<paper>A[0-6]|B5|DL|{words.text('sizes', 'paper') or '(?!)'})(?! \d))(?![\w])",
            re.IGNORECASE,
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


def sizes(known: Known, text: str) -> Iterator[Raw]:
    """Clothing, shoe, bed and paper sizes; in a list each size by itself."""
    capitals = _CAPITALS.search(text) and _HINT.search(text)
    if not capitals and not known.words.caseless("sizes", "hint").search(text):
        return
    style = _sizes(known.words)
    for match in style.pattern.finditer(text):
        group = match.lastgroup or ""
        value = match[group]
        if group in {"alone", "paper"} and not value[0].isupper():
            continue
        if group == "after":
            first = True
            for each in style.each.finditer(text, match.start(group), match.end()):
                if not _has_size(known, style, each.group()):
                    start = match.start() if first else each.start()
                    yield "size", start, each.end(), f"The input does not give the size {each.group()!r}."
                first = False
        elif not _has_size(known, style, value):
            yield "size", match.start(), match.end(), f"The input does not give the size {value!r}."


_CAPITALS = re.compile(r"[A-Z][A-Z0-6]")
_HINT = re.compile(r"[A-Z]{2}|\b[AB][0-6]\b")


def title_sizes(text: str, words: Lexicon) -> dict[str, str]:
    """Clothing and bed sizes that stand as such in ``text``, plain name to spelling."""
    style = _sizes(words)
    found = [match["size"] for match in style.title.finditer(text)]
    return {style.names.get(name.lower().replace("-", " "), name.lower()): name for name in found}


def _has_size(known: Known, style: _Sizes, value: str) -> bool:
    digits = re.findall(r"\d{1,2}(?:[.,]5)?", value)
    plain = value.lower().replace("-", " ")
    if digits and plain not in style.names and not re.fullmatch(r"[ab][0-6]", plain):
        return all(float(run.replace(",", ".")) in known.figures.values for run in digits)
    name = style.names.get(plain, plain)
    spellings = {name.replace("_", " "), plain, *(form for form, same in style.names.items() if same == name)}
    return any(re.search(rf"(?<![\w'’]){re.escape(item)}(?![\w'’])", known.spaced) for item in spellings)
