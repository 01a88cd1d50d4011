"""The text rules: plain functions from text to text, named, counted, and on or off in the recipe.

Every rule begins with a cheap test (a substring, a flag) and runs its regular expression only where that finds
something: most texts need none of them, and this is what makes `prepare` fast.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from shelftalker.catalogue.settings import CleanSettings

Rule = Callable[[str], str]

# --- characters ------------------------------------------------------------------------------------------------

_C1 = {
    code: bytes([code]).decode("cp1252", "ignore") or None
    for code in range(0x80, 0xA0)
    if code != 0x85  # NEL, a line break
}
_INVISIBLE = dict.fromkeys(
    [*range(0x09), *range(0x0E, 0x1C), 0x7F, 0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xFFFE]
) | dict.fromkeys(range(8234, 8239))
_CONTROLS = {**_C1, **_INVISIBLE, 0xFFFD: " "}
_BAD_CHARACTER = re.compile("[" + re.escape("".join(map(chr, _CONTROLS))) + "\ud800-\udfff]")
_MOJIBAKE = re.compile("[ÂÃâ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ ]{1,2}")


def entities(text: str) -> str:
    """Decode HTML entities: named, numeric, Windows-1252 code points (``&#x92;``), and double-escaped ones."""
    for _ in range(3):
        if "&" not in text:
            break
        decoded = html.unescape(text)
        if decoded == text:
            break
        text = decoded
    return text


def mojibake(text: str) -> str:
    """Mend UTF-8 that was read as Windows-1252 (``â€™``), where the whole text can be read back."""
    if text.isascii() or not _MOJIBAKE.search(text):
        return text

    def mend(match: re.Match[str]) -> str:
        try:
            return match.group().encode("cp1252").decode("utf-8")
        except UnicodeError:
            try:
                return match.group().encode("latin-1").decode("utf-8")
            except UnicodeError:
                return match.group()

    return _MOJIBAKE.sub(mend, text)


def controls(text: str) -> str:
    """Drop control and invisible characters; C1 controls are Windows-1252 letters that lost their way."""
    if _BAD_CHARACTER.search(text) is None:
        return text
    return text.translate(_CONTROLS).encode("utf-8", "ignore").decode("utf-8")


def unicode_form(text: str) -> str:
    """Unicode normal form C."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spaces(text: str) -> str:
    """One space between words, none at the ends; line breaks and no-break spaces count as spaces."""
    return " ".join(text.split())


def plain_quotes(text: str) -> str:
    """Typographic quotes, dashes and ellipses as ASCII."""
    return text if text.isascii() else text.translate(_PLAIN)


_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "−": "-", "…": "..."}
)

# --- markup ----------------------------------------------------------------------------------------------------

_UNREADABLE = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|cite|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u)\b[^<>]*>", re.IGNORECASE
)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?:\s[^<>]*)?/?>|<![a-zA-Z][^<>]*>|<\?[^<>]*>")


def tags(text: str) -> str:
    """Take HTML out: a block tag (``<br>``, ``<li>``) separates words, an inline one (``<b>``) does not."""
    if "<" not in text:
        return text
    return _TAG.sub(" ", _INLINE.sub("", _UNREADABLE.sub(" ", text)))


# --- lines that are not about the product ----------------------------------------------------------------------

_EDITION_NOTE = re.compile(
    r"\s*(?:[-–—]{1,3}\s*)?\(?\bThis (?:text|review|edition|title) refers to (?:the|an?\b|this\b)[^.]{0,80}?"
    r"edition(?: of this title)?\b\.?\)?\s*$"
)
_COPYRIGHT = re.compile(
    r"(?:^|(?<=[.!?;:\"'”’)])|(?<=\s))\s*(?:[-–—]{1,3}\s*)?(?:Copyright\b(?:\s*(?:\([cC]\)|©))*|©|\([cC]\))\s*"
    r"(?:\d{4}(?:\s*[-–,]\s*\d{4})*)\b[^.!?]{0,60}"
    r"(?:\b(?:Inc|Ltd|Co|Corp|LLC|All rights reserved)\b\.?|[.!?]|$)(?:\s*All rights reserved\.?)?",
)
_BOILERPLATE = re.compile(
    r"(?:^|(?<=[.!?\"'”’)]\s)|(?<=[.!?]))\s*(?:"
    r"(?:Please )?[Cc]lick (?:here|(?:on )?the (?:image|picture|link)s?)\b[^.!?]{0,80}[.!?]?"
    r"|All (?:rights|trademarks)[^.!?]{0,40}(?:reserved|owners)[.!?]?"
    r"|See all (?:Product Description|Editorial Reviews)[.!?]?"
    r"|(?:Visit|See) our (?:web ?site|store)\b[^.!?]{0,60}[.!?]?"
    r"|(?:Photo|Picture|Image|Product image) (?:may|might) (?:differ|vary)[^.!?]{0,60}[.!?]?"
    r")(?=\s|$)"
)


def edition_note(text: str) -> str:
    """Cut a trailing "--This text refers to the Paperback edition."."""
    if " refers to " not in text:
        return text
    while True:
        cut = _EDITION_NOTE.sub("", text)
        if cut == text:
            return text
        text = cut


def copyright_lines(text: str) -> str:
    """Cut copyright lines: "Copyright 2001 Cahners Business Information, Inc."."""
    if "opyright" not in text and "©" not in text and "(c)" not in text and "(C)" not in text:
        return text
    return _COPYRIGHT.sub("", text)


def boilerplate(text: str) -> str:
    """Cut sentences about the shop instead of the product: "Click here for more information."."""
    if (
        "lick " not in text
        and "All " not in text
        and "See " not in text
        and "Visit " not in text
        and " may " not in text
        and " might " not in text
    ):
        return text
    return _BOILERPLATE.sub("", text)


# --- glued words -----------------------------------------------------------------------------------------------

_STARTERS = (
    "The|This|These|Those|That|It|Its|In|An|And|But|For|From|With|You|Your|We|Our|He|His|She|Her|They|Their|There"
)
_GLUED = re.compile(
    rf"(?<=[a-z][a-z][.!?;])(?=(?:{_STARTERS})\b)"  # "dry.The"
    r"|\b(?<=\bthe)(?=[A-Z][a-z]{3,}\b)"
    r"|(?<=[a-z],)(?=(?:and|but|or|with|which)\b)"
)
_GLUED_WORD = re.compile(r"\b(the|of|by|and|with|from)(?=[A-Z][a-z]{2,})")


def glued(text: str) -> str:
    """Part words that a removed tag glued together, where that is certain: "dry.The", "byTony", "theHardcover"."""
    if _GLUED.search(text) is None and _GLUED_WORD.search(text) is None:
        return text
    return _GLUED_WORD.sub(r"\1 ", _GLUED.sub(" ", text))


RULES: dict[str, Rule] = {
    "entities": entities,
    "mojibake": mojibake,
    "tags": tags,
    "controls": controls,
    "unicode_form": unicode_form,
    "spaces": spaces,
    "edition_note": edition_note,
    "copyright_lines": copyright_lines,
    "boilerplate": boilerplate,
    "glued": glued,
    "plain_quotes": plain_quotes,
}
"""Rules that change a text, in the order in which they run."""

TITLE_RULES = ("entities", "mojibake", "tags", "controls", "unicode_form", "spaces", "plain_quotes")

# --- rows that cannot be used ----------------------------------------------------------------------------------

REASONS: dict[str, str] = {
    "broken_row": "the row is not a JSON object (or a record of the table) that can be read",
    "not_text": "title or description is a nested value, not text",
    "empty_title": "no title",
    "empty_description": "no description",
    "short_title": "fewer title words than clean.min_title_words",
    "short_description": "fewer description words than clean.min_description_words",
    "long_title": "more title words than clean.max_title_words",
    "long_description": "more description words than clean.max_description_words",
    "repeats_title": "the description only repeats the title",
    "only_format": "the description only names a format",
    "cut_off": "the description is cut off",
    "duplicate_title": "another row has the same title",
    "duplicate_description": "another row has the same description",
    "sibling_of_test": "in a near-duplicate group with a row of the test file",
    "over_cap": "above the cap of its split (split.train_rows, ...)",
}
"""Why a row is rejected: every name that rejected.jsonl uses."""

_FORMATS = frozenset(
    "audio cd cds dvd dvds vhs tape cassette book books paperback hardcover hardback edition mass market board vinyl lp "
    "blu ray bluray kindle ebook audiobook mp3 download pdf disc discs disk format new used the a in and of 1 2 3 "
    "unabridged abridged software pc mac windows import english spanish german french large print library binding".split()
)
_WORDS = re.compile(r"[^\W_]+")
_CUT_OFF = re.compile(
    r"(?:\.\.\.|…|,|\b(?:and|or|the|a|an|of|with|to|for|from|by|in|at|its|your|this|that|is|are))\s*\"?$"
    r"|(?:\[|\()?\b(?:read |see )?more(?:\]|\)|\.\.\.)$",
    re.IGNORECASE,
)


def repeats_title(title: str, description: str) -> bool:
    """Whether the description holds hardly a word that the title lacks."""
    if len(description) > 2 * len(title) + 20:
        return False
    known = set(_WORDS.findall(title.casefold()))
    words = _WORDS.findall(description.casefold())
    return sum(word not in known for word in words) <= len(words) * 0.1


def only_format(description: str) -> bool:
    """Whether the description is no more than the name of a format ("Audio CD")."""
    if len(description) > 80:
        return False
    words = _WORDS.findall(description.casefold())
    return bool(words) and all(word in _FORMATS for word in words)


def cut_off(description: str) -> bool:
    """Whether the description breaks off: an ellipsis, a comma or a word that must be followed by another."""
    return _CUT_OFF.search(description[-12:]) is not None


def not_prose(description: str) -> bool:
    """Whether the description is a dump of specifications, not sentences: hardly any small words in it."""
    words = _WORDS.findall(description.casefold())
    return len(words) >= 8 and sum(word in _SMALL for word in words) < 0.08 * len(words)


_SMALL = frozenset(
    "a an the and or of in on at to for from by with without is are was be it its this that these you your we our as "
    "not no can will which who all has have into over up out so than when where de la le el der die das und mit".split()
)


@dataclass(frozen=True)
class Cleaned:
    """A row that can be used."""

    title: str
    description: str
    is_prose: bool


class Cleaner:
    """The rules that a recipe has on, and how often each did something."""

    def __init__(self, settings: CleanSettings) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        on = [name for name in RULES if getattr(settings, name)]
        self._description = [(name, RULES[name]) for name in on]
        self._title = [(name, RULES[name]) for name in on if name in TITLE_RULES]

    def text(self, text: str, rules: list[tuple[str, Rule]]) -> str:
        """Run rules over a text, counting those that changed it."""
        for name, rule in rules:
            changed = rule(text)
            if changed is not text and changed != text:
                self.counts[name] += 1
                text = changed
        return text

    def row(self, title: str, description: str) -> Cleaned | str:
        """The cleaned row, or the name of the reason (a key of REASONS) for which it is rejected."""
        if not description or description.isspace():
            return "empty_description" if title and not title.isspace() else "empty_title"
        if not title or title.isspace():
            return "empty_title"
        settings = self.settings
        title = self.text(title, self._title)
        description = self.text(description, self._description)
        if settings.spaces:
            description = description.strip()
        if not title:
            return "empty_title"
        if not description:
            return "empty_description"
        title_words, words = title.count(" ") + 1, description.count(" ") + 1
        if title_words < settings.min_title_words:
            return "short_title"
        if title_words > settings.max_title_words:
            return "long_title"
        if settings.only_format and only_format(description):
            return "only_format"
        if settings.repeats_title and repeats_title(title, description):
            return "repeats_title"
        if words < settings.min_description_words:
            return "short_description"
        if words > settings.max_description_words:
            return "long_description"
        if settings.cut_off and cut_off(description):
            return "cut_off"
        return Cleaned(title, description, True)
