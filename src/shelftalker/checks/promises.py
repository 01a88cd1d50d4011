"""Claims that bind a seller: what the product works with, and who certified, approved or guarantees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from shelftalker.checks.form import Raw
from shelftalker.checks.given import WORD, Known
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quick import Caseless, Sieve, words_in
from shelftalker.checks.words import SENTENCE_START

_TECHNOLOGIES = (
    r"usb(?:[- ]?[abc])?(?: ?\d(?:\.\d)?)?|bluetooth(?: \d(?:\.\d)?)?|wi-?fi(?: \d\w?)?|hdmi|displayport|thunderbolt"
    r"|nfc|zigbee|z-wave|matter|airplay|chromecast|alexa|google (?:home|assistant)|siri|homekit|iphones?|ipads?|ipods?"
    r"|ios|android|windows(?: \d+)?|macos|mac os|macs?|linux|chromebooks?|playstation(?: \d)?|ps[345]|xbox"
    r"|nintendo(?: switch)?|samsung|galaxy|kindle|magsafe|qi|lightning|micro-?sd|sd cards?|ethernet|aux"
    r"|vesa|fire tv|apple(?: watch| tv)?|nespresso|dolce gusto|lego|gopro|garmin|fitbit|whatsapp|spotify|netflix"
)
_TECHNOLOGY = re.compile(rf"\b(?:{_TECHNOLOGIES})\b(?![- ]?free)", re.I)
# The letters that each of them begins with.
_DEVICES = frozenset(
    "usb usba usbb usbc bluetooth wi wifi hdmi displayport thunderbolt nfc zigbee z matter airplay chromecast alexa "
    "google siri homekit iphone iphones ipad ipads ipod ipods ios android windows macos mac macs linux chromebook "
    "chromebooks playstation ps xbox nintendo samsung galaxy kindle magsafe qi lightning micro microsd sd ethernet aux "
    "vesa fire apple nespresso dolce lego gopro garmin fitbit whatsapp spotify netflix".split()
)
_devices_among = Sieve(lambda word: word.lower() in _DEVICES)
_OBJECT = re.compile(r"\s(?P<what>[^.,;:!?()\n]{3,60})")


# Names of technologies that are plain words too: only with a capital, and not because a sentence begins.
_PLAIN_NAMES = frozenset("windows matter apple lightning macs mac galaxy android qi aux".split())


def compatibility(known: Known, text: str) -> Iterator[Raw]:
    """What it is said to work with, and named technologies."""
    lower, words = text.lower(), known.words
    said: list[tuple[int, int]] = []
    hints = words.words("patterns", "works_hints")
    for match in words.caseless("patterns", "works_with").finditer(text) if _hinted(lower, hints) else ():
        what = _OBJECT.match(text, match.end())
        plain = words.words("patterns", "plain_objects")
        content = [word for word in WORD.findall(what["what"]) if word.lower() not in plain][:4] if what else []
        supported = sum(known.has(word) or known.has_code(word) for word in content)
        if what and (not content or 2 * supported < len(content)):
            said.append((match.start(), what.start("what") + len(what["what"].rstrip())))
            yield "compatibility", *said[-1], "The input does not say what it works with."
    for match in words.caseless("patterns", "induction").finditer(text):
        if not known.has("induction"):
            yield "compatibility", match.start(), match.end(), "The input does not mention induction."
    for match in _TECHNOLOGY.finditer(text) if _devices_among(words_in(text)) else ():
        word, start = match.group(), match.start()
        if known.has_code(word) or any(begin <= start < end for begin, end in said):
            continue
        opens = SENTENCE_START.search(text[max(0, start - 8) : start]) or start == 0
        if word.lower() in _PLAIN_NAMES and (opens or not word[0].isupper()):
            continue
        yield "compatibility", start, match.end(), f"The input does not mention {word!r}."


_MARKS = (
    r"CE|UL|ETL|FDA|FCC|TÜV|TUV|GS|RoHS|REACH|ISO(?: ?\d{3,5}(?:-\d+)?)?|EN(?: ISO)? ?\d{2,5}(?:-\d+)*"
    r"|ASTM(?: ?[A-Z]\d+)?|MIL-STD(?:-\d+\w*)?|BS(?: EN)? ?\d{3,5}|ANSI|DIN ?\d+|OEKO-TEX\w*|GOTS|FSC|PEFC|GMP|USDA"
    r"|NSF|EPA|CPSIA|HACCP"
    r"|Energy Star|Fair ?trade|Leaping Bunny|Woolmark|Soil Association|Red Tractor|MSC|UKCA|Kitemark|IP[X0-6][0-9K]"
    r"|UPF ?\d+\+?|Vegan Society"
)


@lru_cache(maxsize=32)
def _certificate(words: Lexicon) -> re.Pattern[str]:
    """Marks and what stands beside them; who says so ("WRAS approved"); promises in the language's own words."""
    marked, promised, body = (words.text("patterns", key) or "(?!)" for key in ("marked", "promised", "body"))
    return re.compile(rf"\b(?:{body}|(?:{_MARKS})(?:{marked})?|(?i:{promised}))(?!\w)")


@lru_cache(maxsize=32)
def _parts_of_certificate(words: Lexicon) -> tuple[re.Pattern[str], Caseless]:
    """Both halves of that pattern, which are far quicker to look for: what capitals begin, and what is promised."""
    marked, promised, body = (words.text("patterns", key) or "(?!)" for key in ("marked", "promised", "body"))
    return re.compile(rf"\b(?:(?:{_MARKS})(?:{marked})?|{body})(?!\w)"), Caseless(rf"\b(?:{promised})(?!\w)")


def _may_promise(text: str, words: Lexicon) -> bool:
    hinted = _hinted(text.lower(), words.words("patterns", "promise_hints"))
    if not hinted and not _CAPITALS.search(text):
        return False
    capitals, promised = _parts_of_certificate(words)
    return promised.may_be_in(text) or capitals.search(text) is not None


def _hinted(lower: str, hints: frozenset[str]) -> bool:
    """One cheap look: most texts promise nothing, and then a long pattern need not be tried at every word."""
    return not hints or any(map(lower.__contains__, hints))


_CAPITALS = re.compile(r"[A-Z]{2}")


@lru_cache(maxsize=32)
def _edition(words: Lexicon) -> tuple[Caseless, dict[str, float]]:
    """Editions and bindings, and the ordinals that count editions."""
    ordinals = {word: float(value) for word, value in words.table("numbers", "ordinals").items()}
    pattern = words.text("patterns", "editions").replace("ORDINALS", "|".join(ordinals))
    return Caseless(pattern or r"(?!)"), ordinals


def editions(known: Known, text: str) -> Iterator[Raw]:
    """Editions and bindings."""
    pattern, ordinals = _edition(known.words)
    neutral = known.words.words("patterns", "edition_words")
    hints = known.words.words("patterns", "edition_hints")
    for match in pattern.finditer(text) if _hinted(text.lower(), hints) else ():
        words = [word.lower() for word in WORD.findall(match.group())]
        digits = [float(word) for word in re.findall(r"\d+", match.group())]
        numbers = {*digits, *(ordinals[word] for word in words if word in ordinals)}
        plain = [word for word in words if word not in ordinals and not word[0].isdigit()]
        if numbers <= known.figures.values and all(known.has(word) for word in plain if word not in neutral):
            continue
        yield "edition", match.start(), match.end(), f"The input does not give the edition {match.group()!r}."


def certifications(known: Known, text: str) -> Iterator[Raw]:
    """Certificates, approvals, awards, guarantees."""
    if not _may_promise(text, known.words):
        return
    for match in _certificate(known.words).finditer(text):
        written = match.group()
        words = [word.group() for word in WORD.finditer(written)]
        if (
            known.has_code(written)
            or all(known.has(word) for word in words)
            or (known.has_code(words[0]) and len(words[0]) > 3)
        ):
            continue
        yield "certification", match.start(), match.end(), f"The input does not claim {written!r}."
