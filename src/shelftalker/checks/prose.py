"""Sentences of a text, and what is left of them as prose when some are taken out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shelftalker.checks.lexicon import Lexicon, lexicon

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s+[\"'“‘«(\[¿¡]*[^\W_a-zß-öø-ÿ])|\n+|/(?=\s+[A-Z0-9])")
_SHORT = frozenset({"in", "ft", "oz", "lb", "lbs", "min"})
_MEASURED = re.compile(r"\d\s?(?:cu\.\s?|sq\.\s?)?[a-z]+$", re.I)
_INITIAL = re.compile(r"[a-z](?:\.[a-z])*")
_LAST_WORD = re.compile(r"(?:^|[\s(\"“‘])([^\s(\"“‘]+)$")
_FIRST = re.compile(r"[\"'“‘«(\[¿¡]*([^\W\d_]+(?:['’][^\W\d_]+)?)")
_WORD = re.compile(r"[^\W\d_]+")
_CAPITAL = re.compile(r"(?<=[^\W\d_A-Z] )[A-Z][a-z]|(?<=, )[A-Z][a-z]")
_PART = re.compile(r"\s*[,;:(|]\s*|\s[-–—]\s")


@dataclass(frozen=True)
class Sentence:
    """``text`` is ``whole[start:end]``, white space around it left out."""

    text: str
    start: int
    end: int


def sentences(whole: str, words: Lexicon | None = None) -> list[Sentence]:
    """The sentences of a text in order; an abbreviation ("approx. 3 kg", "Dr. Venn") ends none.

    Args:
        whole: the text.
        words: its language; English by default.
    """
    language = words or lexicon()
    found: list[Sentence] = []
    start = 0
    for match in _END.finditer(whole):
        word = _LAST_WORD.search(whole, start, match.start())
        last = word[1].lower() if word else ""
        following = _FIRST.match(whole[match.end() :].lstrip())
        starts = following is not None and following[1].lower() in language.stop  # "row W. With": no initial
        short = (
            last in language.abbreviations
            or _INITIAL.fullmatch(last)
            or (last in _SHORT and _MEASURED.search(whole[: match.start()]))
        )
        if match.group() == "." and short and not starts:
            continue
        _add(found, whole, start, match.end())
        start = match.end()
    _add(found, whole, start, len(whole))
    return found


def _add(found: list[Sentence], whole: str, start: int, end: int) -> None:
    text = whole[start:end].strip()
    if text:
        begin = whole.index(text, start)
        found.append(Sentence(text, begin, begin + len(text)))


def joined(parts: Sequence[str | None], title: str, words: Lexicon | None = None) -> str:
    """The sentences that remain (None: taken out) as one text in which nothing leans on what is gone.

    A sentence that begins with a pronoun or a connective leans on the one before it. Where that one is gone the
    connective is taken off and "It" becomes the product's name; a sentence that cannot be helped so goes as well.

    Args:
        parts: every sentence in order, rewritten or not, None where it was taken out.
        title: the product's title, whose first part is its name.
        words: the text's language; English by default.
    """
    language = words or lexicon()
    kept: list[str] = []
    gone = lost = False
    for part in parts:
        text = part
        if text is not None and gone:
            text = upright(text, None if kept else title, language)
        if (
            text is not None
            and lost
            and _first(text) in language.persons
            and not (kept and _person(kept[-1], language))
        ):
            text = None  # whoever it is was lost with an earlier sentence
        gone = text is None
        lost = lost or gone
        if text is not None:
            kept.append(text)
    text = " ".join(kept)
    return text.removesuffix("/") if parts and parts[-1] is None else text  # "Two inputs/" was one of a list


def upright(text: str, title: str | None, words: Lexicon) -> str | None:
    """A sentence that can stand without the one before it, or None.

    Args:
        text: the sentence.
        title: the product's title where no sentence stands before this one; None: one does, and it speaks of the
            product, so "It" may stay.
        words: the text's language.
    """
    while _first(text) in words.connectives:
        first = _FIRST.match(text)
        rest = text[first.end() :].lstrip(" ,") if first else ""
        text = rest[:1].upper() + rest[1:]
    word = _first(text)
    if words.code == "en" and word in {"it", "its"}:
        return text if title is None else _named(text, title)
    opening = {found.lower() for found in _WORD.findall(text)[:4]}
    return None if word in words.leaning or opening & words.persons else text


def _first(text: str) -> str:
    match = _FIRST.match(text)
    return match[1].lower().replace("’", "'") if match else ""


def _person(text: str, words: Lexicon) -> bool:
    """Whether somebody is named or spoken of."""
    return bool(_CAPITAL.search(text)) or any(word.lower() in words.persons for word in _WORD.findall(text))


def _named(text: str, title: str) -> str | None:
    """The sentence with the product's name for its first "It" or "Its"."""
    name, first = name_of(title), _FIRST.match(text)
    if name is None or first is None:
        return None
    return text[: first.start(1)] + name + ("'s" if _first(text) == "its" else "") + text[first.end() :]


def name_of(title: str) -> str | None:
    """What a sentence may call the product: the title's first part, where that is short enough to be said."""
    name = _PART.split(title.strip())[0].strip()
    return name if 0 < len(name.split()) <= 6 else None
