"""Claims that bind a seller: what the product works with, and who certified, approved or guarantees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial

from shelftalker.checks.given import WORD, Known, Question, unless
from shelftalker.checks.lexicon import Lexicon
from shelftalker.checks.quick import Pattern
from shelftalker.checks.words import SENTENCE_START

_TECHNOLOGIES = (
    r"usb(?:[- ]?[abc])?(?: ?\d(?:\.\d)?)?|bluetooth(?: \d(?:\.\d)?)?|wi-?fi(?: \d\w?)?|hdmi|displayport|thunderbolt"
    r"|nfc|zigbee|z-wave|matter|airplay|chromecast|alexa|google (?:home|assistant)|siri|homekit|iphones?|ipads?|ipods?"
    r"|ios|android|windows(?: \d+)?|macos|mac os|macs?|linux|chromebooks?|playstation(?: \d)?|ps[345]|xbox"
    r"|nintendo(?: switch)?|samsung|galaxy|kindle|magsafe|qi|lightning|micro-?sd|sd cards?|ethernet|aux"
    r"|vesa|fire tv|apple(?: watch| tv)?|nespresso|dolce gusto|lego|gopro|garmin|fitbit|whatsapp|spotify|netflix"
)
_TECHNOLOGY = Pattern(rf"\b(?:{_TECHNOLOGIES})\b(?![- ]?free)")
_OBJECT = re.compile(r"\s(?P<what>[^.,;:!?()\n]{3,60})")


# Names of technologies that are plain words too: only with a capital, and not because a sentence begins.
_PLAIN_NAMES = frozenset("windows matter apple lightning macs mac galaxy android qi aux".split())


def works_with(text: str, words: Lexicon) -> Iterator[Question]:
    """What it is said to work with."""
    plain = words.words("patterns", "plain_objects")
    for match in words.sought("patterns", "works_with").finditer(text):
        what = _OBJECT.match(text, match.end())
        if what is None:
            continue
        content = [word for word in WORD.findall(what["what"]) if word.lower() not in plain][:4]
        end = what.start("what") + len(what["what"].rstrip())
        why = "The input does not say what it works with."
        yield unless(partial(_has_half, content), "compatibility", match.start(), end, why)
    for match in words.sought("patterns", "induction").finditer(text):
        why = "The input does not mention induction."
        yield unless(lambda known: known.has("induction"), "compatibility", match.start(), match.end(), why)


def _has_half(words: list[str], known: Known) -> bool:
    supported = sum(known.has(word) or known.has_code(word) for word in words)
    return bool(words) and 2 * supported >= len(words)


def technologies(text: str, words: Lexicon) -> Iterator[Question]:
    """Named technologies and devices."""
    for match in _TECHNOLOGY.finditer(text):
        word, start = match.group(), match.start()
        opens = SENTENCE_START.search(text[max(0, start - 8) : start]) or start == 0
        if word.lower() in _PLAIN_NAMES and (opens or not word[0].isupper()):
            continue
        why = f"The input does not mention {word!r}."
        yield unless(partial(Known.has_code, code=word), "compatibility", start, match.end(), why)


_MARKS = (
    r"CE|UL|ETL|FDA|FCC|TÜV|TUV|GS|RoHS|REACH|ISO(?: ?\d{3,5}(?:-\d+)?)?|EN(?: ISO)? ?\d{2,5}(?:-\d+)*"
    r"|ASTM(?: ?[A-Z]\d+)?|MIL-STD(?:-\d+\w*)?|BS(?: EN)? ?\d{3,5}|ANSI|DIN ?\d+|OEKO-TEX\w*|GOTS|FSC|PEFC|GMP|USDA"
    r"|NSF|EPA|CPSIA|HACCP"
    r"|Energy Star|Fair ?trade|Leaping Bunny|Woolmark|Soil Association|Red Tractor|MSC|UKCA|Kitemark|IP[X0-6][0-9K]"
    r"|UPF ?\d+\+?|Vegan Society"
)


@lru_cache(maxsize=32)
def _certificate(words: Lexicon) -> Pattern:
    """Marks and what stands beside them; who says so ("WRAS approved"); promises in the language's own words."""
    marked, promised, body = (words.text("patterns", key) or "(?!)" for key in ("marked", "promised", "body"))
    return Pattern(rf"\b(?:{body}|(?:{_MARKS})(?:{marked})?|(?i:{promised}))(?!\w)", 0)


@lru_cache(maxsize=32)
def _edition(words: Lexicon) -> tuple[Pattern, dict[str, float]]:
    """Editions and bindings, and the ordinals that count editions."""
    ordinals = {word: float(value) for word, value in words.table("numbers", "ordinals").items()}
    pattern = words.text("patterns", "editions").replace("ORDINALS", "|".join(ordinals))
    return Pattern(pattern or r"(?!)"), ordinals


def editions(text: str, words: Lexicon) -> Iterator[Question]:
    """Editions and bindings."""
    pattern, ordinals = _edition(words)
    neutral = words.words("patterns", "edition_words")
    for match in pattern.finditer(text):
        said = [word.lower() for word in WORD.findall(match.group())]
        numbers = frozenset(float(word) for word in re.findall(r"\d+", match.group()))
        numbers |= {ordinals[word] for word in said if word in ordinals}
        plain = [word for word in said if word not in ordinals and not word[0].isdigit() and word not in neutral]
        why = f"The input does not give the edition {match.group()!r}."
        yield unless(partial(_has_edition, numbers, plain), "edition", match.start(), match.end(), why)


def _has_edition(numbers: frozenset[float], plain: list[str], known: Known) -> bool:
    return numbers <= known.figures.values and all(map(known.has, plain))


def certifications(text: str, words: Lexicon) -> Iterator[Question]:
    """Certificates, approvals, awards, guarantees."""
    for match in _certificate(words).finditer(text):
        written = match.group()
        said = [word.group() for word in WORD.finditer(written)]
        why = f"The input does not claim {written!r}."
        yield unless(partial(_has_claim, written, said), "certification", match.start(), match.end(), why)


def _has_claim(written: str, words: list[str], known: Known) -> bool:
    if known.has_code(written) or all(map(known.has, words)):
        return True
    return known.has_code(words[0]) and len(words[0]) > 3
