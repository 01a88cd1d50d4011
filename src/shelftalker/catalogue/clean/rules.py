"""The text rules: plain functions from text to text, each with the strings without which it has nothing to do."""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One cleaning rule.

    ``triggers`` are literal strings: a text with none of them (and pure ASCII where ``beyond_ascii`` is set, and
    without surrogates) comes out of ``apply`` as it went in. The cleaner relies on that, and a property test proves it.
    """

    name: str
    apply: Callable[[str], str]
    triggers: tuple[str, ...] = ()
    beyond_ascii: bool = False
    at_edges: bool = False
    """Also runs where the text begins or ends with a space."""
    for_titles: bool = False


# --- characters ------------------------------------------------------------------------------------------------

_C1 = {code: bytes([code]).decode("cp1252", "ignore") or None for code in range(0x80, 0xA0)}
_LINES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f"
_WIDE_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_CONTROL_CODES = [*range(0x20), 0x7F]
_INVISIBLE = [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0xFFFE, 0xFFFF]
_CONTROLS: dict[int, str | None] = {
    **_C1,
    **dict.fromkeys(code for code in (*_CONTROL_CODES, *_INVISIBLE) if chr(code) not in _LINES),
    0x85: " ",
    0xFFFD: " ",
}
_ENTITY = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
"""What the HTML standard takes for an entity, as in the standard library's `html`."""
_BAD_CHARACTER = re.compile("[" + re.escape("".join(map(chr, _CONTROLS))) + "\ud800-\udfff]")
_MOJIBAKE = re.compile("[ÂÃâ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{1,2}")
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "−": "-", "…": "..."}
)


def _character(found: re.Match[str]) -> str:
    return _unescaped(found.group())


_unescaped = functools.lru_cache(4096)(html.unescape)


def entities(text: str) -> str:
    """Decode HTML entities: named, numeric, Windows-1252 code points (``&#x92;``), and double-escaped ones."""
    for _ in range(4):
        if "&" not in text:
            break
        decoded = _ENTITY.sub(_character, text)
        if decoded == text:
            break
        text = decoded
    return text


def mojibake(text: str) -> str:
    """Mend UTF-8 that was read as Windows-1252 (``â€™``), where the bytes can be read back."""

    def mend(match: re.Match[str]) -> str:
        for encoding in ("cp1252", "latin-1"):
            try:
                return match.group().encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
        return match.group()

    return _MOJIBAKE.sub(mend, text)


def controls(text: str) -> str:
    """Drop control and invisible characters; C1 controls are Windows-1252 letters that lost their way."""
    if _BAD_CHARACTER.search(text) is None:
        return text
    return text.translate(_CONTROLS).encode("utf-8", "ignore").decode("utf-8")


def unicode_form(text: str) -> str:
    """Unicode normal form C."""
    return unicodedata.normalize("NFC", text)


def spaces(text: str) -> str:
    """One space between words, none at the ends; line breaks and no-break spaces count as spaces."""
    if text.isascii() and not any(map(text.__contains__, _LINES)):
        # The same as below in two thirds of the time.
        while "  " in text:
            text = text.replace("  ", " ")
        return text.strip(" ")
    return " ".join(text.split())


def plain_quotes(text: str) -> str:
    """Typographic quotes, dashes and ellipses as ASCII."""
    return text.translate(_PLAIN)


# --- what programs print ---------------------------------------------------------------------------------------

_LISTS = ("['", '["', "[]", "[u'", '[u"')
_BETWEEN = re.compile(r"""(?<=['"])\s*,\s*(?=u?['"])|(?<=['"])\s+(?=u?['"])""")
_ITEM = re.compile(r"""u?(['"])(.*)\1""", re.DOTALL)
_ESCAPE = re.compile(r"\\([nrt])")
_CERTAIN = re.compile(r"[.!?:;,>)]\\[nrt]|\\[nrt](?:[A-Z<\s\\•*-]|$)")
_DRIVE = re.compile(r"\b[A-Za-z]:\\")
_MEANT = {"n": "\n", "r": "\n", "t": "\t"}


def lists(text: str) -> str:
    """A list of texts as Python or numpy prints it is its texts, one after the other."""
    bare = text.strip()
    if not bare.startswith(_LISTS) or bare[-1] != "]":
        return text
    inner = bare[1:-1].strip()
    if not inner:
        return ""
    items = [_ITEM.fullmatch(part) for part in _BETWEEN.split(inner)]
    return " ".join(item[2].replace(f"\\{item[1]}", item[1]) for item in items if item) if all(items) else text


def escapes(text: str) -> str:
    """Line breaks and tabs that are written as a backslash and a letter are line breaks and tabs."""
    found = text.count("\\n") + text.count("\\r") + text.count("\\t")
    if not found or found != text.count("\\") or _DRIVE.search(text) or not _CERTAIN.search(text):
        # Another backslash is a path's or a formula's.
        return text
    return _ESCAPE.sub(lambda escape: _MEANT[escape[1]], text)


# --- markup ----------------------------------------------------------------------------------------------------

_UNREADABLE = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|cite|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?:\s[^<>]*)?/?>|<![a-zA-Z][^<>]*>|<\?[^<>]*>")
_DIRECTIVE = re.compile(
    r"\{\{/?(?:widget|block|media|store|config|var|customVar|trans|layout|template|depend|if|else|view|protocol|skin)"
    r"\b[^{}]*\}\}"
)
_SHORTCODE = re.compile(r"\[/?(?:gallery|caption|embed|video|audio|playlist|vc_[a-z_]+|et_pb_[a-z_]+)\b[^\[\]]*\]")


def tags(text: str) -> str:
    """Take HTML, WordPress shortcodes and Magento directives out: a block tag (``<br>``) parts words, ``<b>`` not."""
    if "{{" in text:
        # They stand in the attributes of tags, too.
        text = _DIRECTIVE.sub(" ", text)
    text = _TAG.sub(" ", _INLINE.sub("", _UNREADABLE.sub(" ", text)))
    return _SHORTCODE.sub(" ", text)


# --- lines that are not about the product ----------------------------------------------------------------------

_EDITION_NOTE = re.compile(
    r"\(?\bThis (?:text|review|edition|title) refers\s+to (?:the|an?\b|this\b)[^.]{0,80}?"
    r"edition(?: of this title)?\b\.?\)?\s*\Z"
)
_COPYRIGHT = re.compile(
    r"(?:Copyright\b(?:\s*(?:\([cC]\)|©))*|©|\([cC]\))\s*"
    r"(?:1[89]|20)\d\d(?:\s*[-–,]\s*(?:1[89]|20)\d\d)*\b[^.!?]{0,60}?"
    r"(?:\b(?:Inc|Ltd|Co|Corp|LLC)\b\.?|[.!?]|\Z|(?=--))(?:\s*All rights reserved\b\.?)?"
)
_BOILERPLATE = re.compile(
    r"(?:"
    r"(?:Please c|[Cc])lick (?:here|(?:on )?the (?:image|picture|link)s?)\b[^.!?]{0,80}[.!?]?"
    r"|All (?:rights reserved|trademarks are the property of)\b[^.!?]{0,60}[.!?]?"
    r"|See all (?:Product Description|Editorial Reviews)[.!?]?"
    r"|(?:Please v|[Vv])isit our (?:web ?site|store)\b[^.!?]{0,60}[.!?]?"
    r"|(?:Photo|Picture|Image|Product image)s? (?:may|might) (?:differ|vary)\b[^.!?]{0,60}[.!?]?"
    r")(?=\s|\Z|--)"
)
_COPYRIGHT_TRIGGERS = ("Copyright", "©", "(c)", "(C)")
_BOILERPLATE_TRIGGERS = (
    "lick here", "lick the", "lick on the", "rights reserved", "trademarks are", "See all", "isit our", "may differ",
    "may vary", "might differ", "might vary",
)  # fmt: skip
_DASHES = "-–—"
_STOPS = ".!?:\"'”’)"


def edition_note(text: str) -> str:
    """Cut trailing notes like "--This text refers to the Paperback edition."."""
    while (at := text.rfind(" refers")) >= 0:
        found = _EDITION_NOTE.search(text, max(0, at - 16))
        if found is None:
            break
        text = text[: found.start()].rstrip().rstrip(_DASHES).rstrip()
    return text


def copyright_lines(text: str) -> str:
    """Cut copyright lines: "Copyright 2001 Cahners Business Information, Inc."."""
    return _cut(_COPYRIGHT, text, _first(text, _COPYRIGHT_TRIGGERS))


def boilerplate(text: str) -> str:
    """Cut sentences about the shop instead of the product: "Click here for more information."."""
    # The sentence begins up to 24 characters before its trigger.
    return _cut(_BOILERPLATE, text, _first(text, _BOILERPLATE_TRIGGERS) - 24)


def _first(text: str, triggers: tuple[str, ...]) -> int:
    """Where the first trigger stands, or the end: a search for a plain string is far quicker than a pattern's."""
    return min([at for trigger in triggers if (at := text.find(trigger)) >= 0], default=len(text))


def _cut(pattern: re.Pattern[str], text: str, begin: int) -> str:
    """Take out what ``pattern`` finds at the beginning of a sentence; "Copyright 2001" also in mid-sentence.

    ``begin`` is a position before which the pattern finds nothing.
    """
    kept, at = [], 0
    for found in pattern.finditer(text, max(0, begin)):
        before = text[at : found.start()].rstrip()
        bare = before.rstrip(_DASHES).rstrip()
        begins = not bare or bare != before or bare[-1] in _STOPS
        if begins or (found.group().startswith("Copyright") and text[found.start() - 1].isspace()):
            kept.append(bare)
            at = found.end()
    return "".join(kept) + text[at:] if kept else text


# --- glued words -----------------------------------------------------------------------------------------------

_STARTERS = (
    "The This These Those That It Its In An And But For From With You Your We Our He His She Her They Their There When"
).split()
_SENTENCE_GLUE = re.compile(rf"[.!?;](?<=[a-z][a-z].)(?=(?:{'|'.join(_STARTERS)})\b)")
_SMALL_GLUE = re.compile(r"\b(the|of|by|and|with|from)(?=[A-Z][a-z]{2,})")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def glued(text: str) -> str:
    """Part words that a removed tag glued together, where that is certain: "dry.The", "byTony", "theHardcover"."""
    return _SMALL_GLUE.sub(r"\1 ", _SENTENCE_GLUE.sub(r"\g<0> ", text))


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("entities", entities, ("&",), for_titles=True),
        Rule("lists", lists, _LISTS, for_titles=True),
        Rule("escapes", escapes, ("\\n", "\\r", "\\t"), for_titles=True),
        Rule("mojibake", mojibake, ("Â", "Ã", "â"), for_titles=True),
        Rule(
            "tags",
            tags,
            ("<", "{{", "[gallery", "[/", "[caption", "[embed", "[video", "[audio", "[playlist", "[vc_", "[et_"),
            for_titles=True,
        ),
        Rule(
            "controls",
            controls,
            tuple(map(chr, _CONTROLS)),
            for_titles=True,
        ),
        Rule("unicode_form", unicode_form, beyond_ascii=True, for_titles=True),
        Rule("spaces", spaces, ("  ", *_LINES, *_WIDE_SPACES), at_edges=True, for_titles=True),
        Rule("edition_note", edition_note, (" refers",)),
        Rule("copyright_lines", copyright_lines, _COPYRIGHT_TRIGGERS),
        Rule(
            "boilerplate",
            boilerplate,
            _BOILERPLATE_TRIGGERS,
        ),
        Rule(
            "glued",
            glued,
            (
                *(mark + word for mark in ".!?;" for word in _STARTERS),
                *(word + capital for word in ("the", "of", "by", "and", "with", "from") for capital in _CAPITALS),
            ),
        ),
        Rule("plain_quotes", plain_quotes, tuple(map(chr, _PLAIN)), for_titles=True),
    )
}
"""Rules that change a text, in the order in which they run."""
