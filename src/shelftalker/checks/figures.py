"""Claims in figures: numbers, measures, model numbers, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shelftalker.checks.form import Raw
from shelftalker.checks.given import Known
from shelftalker.checks.quantities import Quantity

_IDIOMS = re.compile(
    r"\b(?:(?:a |one )\w+ or two|one or two|two or three|two of them|the two of \w+|between the two"
    r"|the two\b(?! \w+s\b)|in two\b|two by two|24/7|twenty-four seven|24 hours a day|nine to five|fifty-fifty|50/50"
    r"|one hundred per ?cent|a million\b|one in a million|a thousand\b(?! \w+s? (?:of|each))"
    r"|two[- ]way|two[- ]tone|second to none"
    r"|on all fours|forty winks|cloud nine|at sixes and sevens|a third\b|one third|two thirds|one-third|two-thirds"
    r"|three[- ]quarters?|third[- ]party|third person|zero|oh-?two|two's|zero-\w+)",
    re.IGNORECASE,
)


def numbers(known: Known, text: str, found: Sequence[Quantity]) -> Iterator[Raw]:
    """Numbers and measures; ``found`` are the text's quantities."""
    exempt = [match.span() for match in _IDIOMS.finditer(text)] if found else []
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
_COMMON_CODES = frozenset("mp3 mp4 2d 3d 4x4 h2o co2 1st 2nd 3rd a4 a5 a3 covid-19 9-to-5 y2k".split())
_NO_CODE = re.compile(r"x\d{1,2}|\d+(?:[.,]\d+)*(?:st|nd|rd|ths?|s)?(?:-[a-z-]+)?|[a-z]+(?:-[a-z]+)*-\d+s?")


def model_numbers(known: Known, text: str, found: Sequence[Quantity]) -> Iterator[Raw]:
    """Words of letters and digits that are no measure."""
    measured = [(item.start, item.end) for item in found if item.dimension is not None]
    for match in _CODE.finditer(text):
        code = match.group()
        if code.lower() in _COMMON_CODES or known.has_code(code):
            continue
        if any(start < match.end() and match.start() < end for start, end in measured):
            continue
        if _NO_CODE.fullmatch(code):
            continue
        yield "model_number", match.start(), match.end(), f"The input does not have the code {code!r}."


_SIZE_NAMES = {
    "xxs": "xxs", "xs": "xs", "s": "small", "m": "medium", "l": "large", "xl": "xl", "xxl": "xxl", "xxxl": "xxxl",
    "2xl": "xxl", "3xl": "xxxl", "extra large": "xl", "x large": "xl", "xlarge": "xl",
    "extra small": "xs", "x small": "xs", "xx large": "xxl", "one size": "one size",
}  # fmt: skip
_ONE = (
    r"(?:UK |EU |US )?(?:\d{1,2}(?:\.5)?\b(?!\s?(?:[x×]|cm|mm|in))"
    r"|XX?S|S|M|L|X{1,3}L|[23]XL|small|medium|large|extra[- ]large)"
)
_BED = r"(?= size|-size| bed| duvet| mattress| sheet| fitted)"
_SIZE = re.compile(
    rf"(?<![\w'’-])(?:sizes?:? (?P<after>{_ONE}(?:(?:, | and | or | to |, and |, or |[-/]){_ONE})*)"
    r"|(?P<shoe>(?:UK|EU|US)(?: size)? \d{1,2}(?:\.5)?(?:\s?(?:-|–|to)\s?\d{1,2}(?:\.5)?)?)"
    r"|(?P<before>extra[- ]large|extra[- ]small|small|medium|large|junior|toddler|newborn)(?: size|-size)"
    rf"|(?P<bed>(?:super |california |cal )?king{_BED}|queen{_BED}|twin xl|twin{_BED})"
    r"|(?P<one>one[- ]size)"
    r"|(?P<alone>XX?S|X{1,3}L|[23]XL)"
    r"|(?P<paper>A[0-6]|B5|DL|legal size|letter size)(?! \d))(?![\w])",
    re.IGNORECASE,
)
_EACH = re.compile(rf"{_ONE}(?![\w])", re.IGNORECASE)


def sizes(known: Known, text: str) -> Iterator[Raw]:
    """Clothing, shoe, bed and paper sizes; in a list each size by itself."""
    if not _HINT.search(text) and not any(hint in text for hint in ("siz", "Siz", "king", "King", "ueen", "win")):
        return
    for match in _SIZE.finditer(text):
        group = match.lastgroup or ""
        value = match[group]
        if group in {"alone", "paper"} and not value[0].isupper():
            continue
        if group == "after":
            first = True
            for each in _EACH.finditer(text, match.start(group), match.end()):
                if not _has_size(known, each.group()):
                    start = match.start() if first else each.start()
                    yield "size", start, each.end(), f"The input does not give the size {each.group()!r}."
                first = False
        elif not _has_size(known, value):
            yield "size", match.start(), match.end(), f"The input does not give the size {value!r}."


_HINT = re.compile(r"[A-Z]{2}|\b[AB][0-6]\b|SIZE|EU \d")


_TITLE_SIZE = re.compile(
    r"(?:(?<=[,(]) ?|\bsize ?|[-–/] )(?P<size>XX?S|S|M|L|X{1,3}L|[23]XL|small|medium|large|extra[- ]large|one size"
    r"|(?:super |cal(?:ifornia)? )?king|queen|twin xl|twin)(?=[ ]?(?:[,)/]|$)|[- ]size| bed| duvet)",
    re.I,
)


def title_sizes(text: str) -> dict[str, str]:
    """Clothing and bed sizes that stand as such in ``text``, plain name to spelling."""
    found = [match["size"] for match in _TITLE_SIZE.finditer(text)]
    return {_SIZE_NAMES.get(name.lower().replace("-", " "), name.lower()): name for name in found}


def _has_size(known: Known, value: str) -> bool:
    digits = re.findall(r"\d{1,2}(?:\.5)?", value)
    plain = value.lower().replace("-", " ")
    if digits and plain not in _SIZE_NAMES and not re.fullmatch(r"[ab][0-6]", plain):
        return all(float(run) in known.figures.values for run in digits)
    name = _SIZE_NAMES.get(plain, plain)
    spellings = {name, plain, *(spelling for spelling, same in _SIZE_NAMES.items() if same == name)}
    return any(re.search(rf"(?<![\w'’]){re.escape(item)}(?![\w'’])", known.spaced) for item in spellings)
